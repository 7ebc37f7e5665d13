"""What keeps the engine from wrong results: dtypes, versions of memory, and errors that say what was expected.

Nothing in here is needed to understand the idea; all of it is needed to rely on it.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from minigrad.autograd.spelling import respell
from minigrad.autograd.strangers import describe_kind
from minigrad.autograd.wording import reword
from minigrad.dtypes import as_dtype

if TYPE_CHECKING:
    from minigrad.autograd.tape import Node, Primitive, Rule, Value
    from minigrad.tensor import Tensor

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)
NO_ARRAY = np.empty(0, object)  # in place of the array of what is no tensor: it fits nowhere
REQUIRED = inspect.Parameter.empty
MISTAKES = (ValueError, TypeError, IndexError, NotImplementedError, AttributeError)  # raised at a bad argument
STUMBLES = ("ufunc", "unsupported operand", "not supported between", "result would be object")  # at what is no number


def is_tensor(value: Any) -> bool:
    return hasattr(value, "node") and hasattr(value, "array")


def array_of(value: Any) -> Any:
    return value.array if is_tensor(value) else value


# ------------------------------------------------------------------------------------------------ forward


def narrow(result: Any, arguments: Iterable[Any]) -> np.ndarray:
    """A result as an array, in float64 only if a float64 argument made it wider or a dtype argument asked for it.

    Numbers and integers never widen, nor does a floating array without dimensions beside one that has some. Where no
    argument is floating, the result has the default dtype.
    """
    if isinstance(result, tuple | list):
        raise TypeError("a forward returns one array; name what it keeps for its rules in keeps=")
    out: np.ndarray = np.asarray(result)
    if out.dtype.kind not in "fiub":
        raise TypeError(f"the result would be {out.dtype}; tensors are floating, integer or boolean")
    if out.dtype != FLOAT64:
        return out
    floating = [a for a in arguments if isinstance(a, np.ndarray) and a.dtype.kind == "f"]
    deciding = [a.dtype for a in floating if a.ndim] or [a.dtype for a in floating]
    asked = [a for a in arguments if isinstance(a, np.dtype | type)]
    if FLOAT64 in deciding or FLOAT64 in asked:
        return out
    return out.astype(np.result_type(*deciding) if deciding else as_dtype(None))


def bind(operation: Primitive, parameters: Sequence[tuple[str, Any]], args: tuple[Any, ...], kwargs: Any) -> Any:
    """All arguments of a call in order, with defaults filled in; a TypeError names what does not fit."""
    kwargs = respell(kwargs, [name for name, _ in parameters]) if kwargs else kwargs
    rest = [kwargs.pop(name, default) for name, default in parameters[len(args) :]]
    if kwargs or len(args) > len(parameters) or any(v is REQUIRED for v in rest):
        raise error_of_call(operation, parameters, args, (*args, *rest), kwargs)
    return (*args, *rest)


def error_of_call(
    operation: Primitive, parameters: Sequence[tuple[str, Any]], args: Sequence[Any], values: Any, extra: Any
) -> TypeError:
    """What is wrong with the arguments of a call. values: those that were understood. extra: those that were not."""
    names = [name for name, _ in parameters]
    problems = [f"{name!r} was given twice" if name in names else f"unexpected {name!r}" for name in extra]
    problems += [f"missing {name!r}" for name, value in zip(names, values, strict=False) if value is REQUIRED]
    if len(args) > len(parameters):
        problems.append(f"too many arguments: {len(args)} for {len(parameters)}")
    expected = ", ".join(name if default is REQUIRED else f"{name}={default!r}" for name, default in parameters)
    return TypeError(f"{operation.name}({expected}): {', '.join(problems)}")


def explain(error: Exception, name: str, args: Sequence[Any]) -> Exception:
    """The same kind of error, at the same place, with the operation and what it was given."""
    given = ", ".join(describe(a) for a in args)
    if stranger := name_stranger(error, args):
        return TypeError(f"{name}({given}): {stranger}").with_traceback(error.__traceback__)
    words = reword(str(error).strip())
    is_array = isinstance(error, AttributeError) and isinstance(error.obj, np.ndarray)
    hint = "; a forward works on NumPy's arrays, with NumPy's functions" if is_array else ""
    kinds = IndexError, TypeError, NotImplementedError, ValueError
    kind = next((k for k in kinds if isinstance(error, k)), AttributeError if words == str(error) else TypeError)
    return kind(f"{name}({given}): {words}{hint}").with_traceback(error.__traceback__)


def name_stranger(error: Exception, args: Sequence[Any]) -> str:
    """What was expected in place of the argument at which NumPy or Python stumbled; nothing if it was none of them."""
    stumbled = isinstance(error, AttributeError) or any(words in str(error) for words in STUMBLES)
    stumbled = stumbled or (len(args) > 0 and args[0] is None)
    missed = error.obj if isinstance(error, AttributeError) else None
    for stranger in args if stumbled else ():
        if missed is not None and stranger is not missed:  # it is another that has no such attribute
            continue
        odd = stranger is None or isinstance(stranger, str | list | tuple | dict | set) or callable(stranger)
        if odd or (missed is not None and not is_tensor(stranger) and not hasattr(stranger, "dtype")):
            return f"expected a Tensor or a number, got {describe_kind(stranger)}"
    return ""


def describe(argument: Any) -> str:
    array = array_of(argument)
    if isinstance(array, np.ndarray):
        return f"{array.dtype}[{', '.join(map(str, array.shape))}]"
    text = repr(array)
    return text if len(text) <= 60 else text[:57] + "..."


# ------------------------------------------------------------------------------------------------ definition


def parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of what a function takes: of a plain one from its code, which is ten times as fast as its signature."""
    code = getattr(function, "__code__", None)
    if code is None or code.co_kwonlyargcount or code.co_flags & (inspect.CO_VARARGS | inspect.CO_VARKEYWORDS):
        return tuple(inspect.signature(function).parameters)
    return tuple(code.co_varnames[: code.co_argcount])


def check_definition(name: str, signature: inspect.Signature, rules: dict[str, Any], keeps: tuple[str, ...]) -> None:
    """Refuse a primitive whose forward or rules the engine could not call rightly."""
    for parameter in signature.parameters.values():
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            raise TypeError(
                f"primitive {name}: {parameter} is {parameter.kind.description}; a forward takes named arguments only, "
                "each by position or by name, and a sequence of tensors as a tuple has no rule"
            )
    if taken := {"out", *keeps} & set(signature.parameters):
        raise TypeError(f"primitive {name}: an argument {taken.pop()!r}, which means something else to a rule")
    for argument, rule in rules.items():
        if argument not in signature.parameters:
            raise TypeError(f"primitive {name}: a rule for {argument!r}, which is not among {[*signature.parameters]}")
        if not callable(rule):
            raise TypeError(f"primitive {name}: the rule for {argument!r} is no function but {describe(rule)}")
        names = parameter_names(rule)
        if not names or names[0] != "g":
            raise TypeError(f"primitive {name}: the rule for {argument!r} must take g first, but takes {list(names)}")
        shapes = [f"{p}_shape" for p in signature.parameters]
        for need in names[1:]:
            if need not in ("out", *keeps, *signature.parameters, *shapes):
                raise TypeError(
                    f"primitive {name}: the rule for {argument!r} asks for {need!r}; there are "
                    f"{', '.join(['g', 'out', *keeps, *signature.parameters])} and their shapes (x_shape)"
                )


def error_of_bare_use(function: Any) -> TypeError:
    name = getattr(function, "__name__", describe(function))
    return TypeError(f"primitive: write @primitive(...) with brackets, and a rule for each argument of {name} in them")


def unpack(name: str, result: Any, keeps: tuple[str, ...]) -> tuple[Any, ...]:
    """Result and kept values of a forward that says what it keeps."""
    if not isinstance(result, tuple) or len(result) != 1 + len(keeps):
        kept = ", ".join(keeps)
        raise TypeError(f"expected the result and {kept} from the forward of {name}, got {describe(result)}")
    return result


# ------------------------------------------------------------------------------------------------ versions


def error_of_spent(node: Node) -> RuntimeError:
    return RuntimeError(
        f"backward a second time through {node.name}, whose saved values are spent; "
        "say retain_graph=True the first time"
    )


def error_of_change(node: Node, name: str) -> RuntimeError:
    return RuntimeError(
        f"backward through {node.name}: {name!r} ({describe((node.saved or {})[name])}) was changed in place after "
        f"{node.name} had recorded it; change a clone() or change it after backward"
    )


# ------------------------------------------------------------------------------------------------ backward


def check_grad(tensor: Value, grad: Any) -> None:
    """Refuse a `.grad` that is no tensor of this shape and dtype."""
    if not is_tensor(grad):
        raise TypeError(f"grad: expected a Tensor or None, got {type(grad).__name__}")
    if grad is tensor:
        raise RuntimeError("grad: a tensor cannot be its own gradient")
    if grad.array.shape != tensor.array.shape or grad.array.dtype != tensor.array.dtype:
        raise RuntimeError(f"grad: expected {describe(tensor)}, as the tensor is, got {describe(grad)}")


def check_replacement(g: Tensor, replacement: Any) -> None:
    if not is_tensor(replacement) or replacement.array.shape != g.array.shape:
        raise RuntimeError(
            f"a hook returned {type(replacement).__name__} {describe(replacement)} in place of Tensor {describe(g)}"
        )


def fit(part: Any, node: Node, rule: Rule, parent: Node) -> Tensor:
    """A contribution with the broadcasting of the forward undone, in the dtype of its argument."""
    if not is_tensor(part):
        forgotten = " (is a return missing?)" if part is None else ""
        kind = "the NumPy array " if isinstance(part, np.ndarray) else ""
        raise TypeError(
            f"the rule of {node.name} for {rule.argument!r} returned {kind}{describe(part)}{forgotten}; expected a "
            f"Tensor that broadcasts from the argument's shape {parent.shape}"
        )
    try:
        part = part.sum_to_size(parent.shape) if part.array.shape != parent.shape else part
    except ValueError:
        raise RuntimeError(
            f"the rule of {node.name} for {rule.argument!r} gave a gradient of shape {part.shape}, "
            f"which does not broadcast from the argument's shape {parent.shape}"
        ) from None
    return part if part.array.dtype is parent.dtype else part.to(parent.dtype)  # type: ignore[no-any-return]


def error_of_root(name: str, output: Any) -> Exception:
    """Why backward cannot begin at `output`."""
    if not is_tensor(output):
        return TypeError(f"{name}: expected a Tensor, got {type(output).__name__}")
    if not output.requires_grad:
        return RuntimeError(
            f"{name}: the tensor ({describe(output)}) does not require a gradient: "
            "nothing that asks for one led to it, or it was made under no_grad"
        )
    return RuntimeError(
        f"{name}: an upstream gradient is needed for a tensor of shape {output.array.shape}; "
        "only a single element has 1 as its default, so give one, or take the sum or the mean first"
    )


def match(given: Any, output: Any) -> Any:
    """An upstream gradient in the dtype of its output; its shape must be that of the output."""
    if given.array.shape != output.array.shape:
        raise RuntimeError(
            f"backward: upstream gradient of shape {given.array.shape} for a tensor of shape {output.array.shape}"
        )
    return given.to(output.array.dtype)


def warn_of_missing_grad(tensor: Value) -> None:
    """Say why a tensor that an operation made has no gradient, unless it is to get one."""
    if not tensor.retains_grad:
        warnings.warn(
            f"grad: this tensor was made by {tensor.node}, and backward leaves gradients at leaves only; say "
            "retain_grad() before backward if you want this one. A weight stays a leaf if it is changed in place, "
            "w -= rate * w.grad, under no_grad()",
            stacklevel=3,
        )


def find_nodes(name: str, tensors: Sequence[Any]) -> dict[Node, Any]:
    """The node of each tensor that a gradient is wanted for, and the tensor."""
    if not tensors:
        raise RuntimeError(f"{name}: inputs are empty; name at least one tensor, or leave them out")
    for i, tensor in enumerate(tensors):
        if not is_tensor(tensor):
            raise TypeError(f"{name}: input {i} is no Tensor but {type(tensor).__name__}")
        if not tensor.requires_grad:
            raise RuntimeError(f"{name}: input {i} ({describe(tensor)}) does not require a gradient")
    return {tensor.node: tensor for tensor in tensors}


def check_used(tensors: Sequence[Any], found: Sequence[Node]) -> None:
    """Refuse a tensor whose node is not among those that were found."""
    reached = set(found)
    for i, tensor in enumerate(tensors):
        if tensor.node not in reached:
            raise RuntimeError(
                f"grad: the outputs do not depend on input {i} ({describe(tensor)}); "
                "allow_unused=True gives None for it"
            )
