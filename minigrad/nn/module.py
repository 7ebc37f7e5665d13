"""`Module`, what every layer and model is.

There is no registry: a module's parameters, buffers and children are those of its attributes that are a Parameter, were
named to `register_buffer`, or are a Module. All that visits them goes through `_walk`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, Self, TypeVar

import numpy as np

from minigrad import notebook
from minigrad.autograd import RemovableHandle
from minigrad.device import check_device, read_target
from minigrad.dtypes import as_dtype, read_type_name
from minigrad.instead import missing_name
from minigrad.nn import hooks
from minigrad.nn.parameter import Parameter
from minigrad.saving import Check
from minigrad.tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: names that the state lacked, and names that the module does not have."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if any(self):
            return f"IncompatibleKeys(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"
        return "<All keys matched successfully>"


P = ParamSpec("P")
T = TypeVar("T", covariant=True)


class Forward(Protocol[P, T]):
    """For type checkers: calling a module takes and gives what its own forward does."""

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the module computes."""


class Module:
    """A function with parameters. Subclasses set attributes and define `forward`; `__init__` need not be called.

    >>> import minigrad as mg
    >>> from minigrad import nn
    >>> class Twice(Module):
    ...     def __init__(self):
    ...         self.linear = nn.Linear(2, 2)
    ...     def forward(self, x):
    ...         return self.linear(self.linear(x))
    >>> model = Twice()
    >>> model(mg.ones(5, 2)).shape, [name for name, _ in model.named_parameters()]
    ((5, 2), ['linear.weight', 'linear.bias'])
    """

    training: bool = True
    _buffers: Mapping[str, bool] = MappingProxyType({})  # name -> whether it belongs to the state_dict
    _hooks: Mapping[str, dict[int, hooks.Hook]] = MappingProxyType({})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        made: Any = cls.__init__
        if isinstance(made, FunctionType) and made.__qualname__.startswith("_"):  # errors are to name the class itself
            own = FunctionType(made.__code__, made.__globals__, "__init__", made.__defaults__, made.__closure__)
            own.__kwdefaults__, own.__annotations__ = made.__kwdefaults__, made.__annotations__
            own.__qualname__, own.__doc__ = f"{cls.__name__}.__init__", made.__doc__
            cls.__init__ = own  # type: ignore[method-assign]

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What calling the module computes; for subclasses to define."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward(){self._hint_of_forward()}")

    def _hint_of_forward(self) -> str:
        """What its author may have meant instead of `forward`."""
        import difflib  # here: a module that computes does not wait for it

        own = {name for kind in type(self).__mro__ if issubclass(kind, Module) for name in vars(kind)} - {*vars(Module)}
        meant = difflib.get_close_matches("forward", own, 1)
        return f"; does its {meant[0]}() mean forward()?" if meant else ""

    if TYPE_CHECKING:

        def __call__(self: Forward[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # type: ignore[no-redef]
        try:
            hooked = self._hooks and any(self._hooks.values())
            return hooks.call(self, args, kwargs) if hooked else self.forward(*args, **kwargs)
        except (AttributeError, TypeError) as error:
            if args and not isinstance(args[0], Tensor) and type(args[0]).__name__ in str(error):
                hint = "does the forward() before it end with a return?" if args[0] is None else "say tensor(...) first"
                given = type(args[0]).__name__.replace("NoneType", "None")
                raise TypeError(f"{type(self).__name__}: the input is {given}; {hint}") from None
            raise

    # ---------------------------------------------------------------------------------------- what it consists of

    def __setattr__(self, name: str, value: Any) -> None:
        before = self.__dict__.get(name)
        if isinstance(before, Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{type(self).__name__}.{name} is a Parameter; it takes another or None, not {type(value).__name__}. "
                f"To change its values, use copy_ under no_grad"
            )
        if name in self._buffers and not (value is None or isinstance(value, Tensor)):
            raise TypeError(f"{type(self).__name__}.{name} is a buffer; it takes a Tensor, not {type(value).__name__}")
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:  # asked only when there is no such attribute
        raise missing_name("Module", name, self)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` an attribute that moves and is saved with the module but is not learned.

        What is not `persistent` stays out of the state_dict.
        """
        self._check_name("register_buffer", name)
        if name not in self._buffers and hasattr(self, name):
            raise KeyError(f"register_buffer: {type(self).__name__} already has an attribute {name!r}")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"register_buffer: {name!r} must be a Tensor or None, got {type(tensor).__name__}")
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, tensor)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """The same as setting the attribute, with the name checked."""
        self._register("register_parameter", name, param, Parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """The same as setting the attribute, with the name checked."""
        self._register("add_module", name, module, Module)

    register_module = add_module

    def _register(self, method: str, name: str, value: Any, kind: type) -> None:
        self._check_name(method, name)
        if hasattr(self, name) and not isinstance(self.__dict__.get(name), kind):
            raise KeyError(f"{method}: {type(self).__name__} already has an attribute {name!r}")
        if isinstance(value, type) and issubclass(value, kind):
            raise TypeError(f"{method}: {name!r} is the class {value.__name__}; say {value.__name__}(...) to make one")
        if value is not None and not isinstance(value, kind):
            raise TypeError(f"{method}: {name!r} must be a {kind.__name__} or None, got {type(value).__name__}")
        setattr(self, name, value)

    def _check_name(self, method: str, name: str) -> None:
        if not isinstance(name, str) or not name or "." in name:
            raise KeyError(f"{method}: a name is a string that is neither empty nor has a dot, got {name!r}")

    def _walk(self, prefix: str = "", ancestors: tuple[Module, ...] = ()) -> Iterator[tuple[str, Module]]:
        """This module and all below it, depth first, each with its path, as often as it is reached."""
        if any(self is ancestor for ancestor in ancestors):
            raise ValueError(f"{type(self).__name__} contains itself, as {prefix!r}; a module must not")
        yield prefix, self
        for name, child in self._attributes(Module):
            yield from child._walk(_joined(prefix, name), (*ancestors, self))

    def _check_finite(self) -> None:
        for _ in self._walk():
            pass

    def _attributes(self, kind: type) -> Iterator[tuple[str, Any]]:
        for name, value in list(self.__dict__.items()):
            if isinstance(value, kind):
                yield name, value

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        for name in self._buffers:
            if (tensor := self.__dict__.get(name)) is not None:
                yield name, tensor

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules that are attributes, each once."""
        return _distinct(self._attributes(Module))

    def children(self) -> Iterator[Module]:
        """The modules that are attributes, each once."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their paths; the first path only of one that has several."""
        walk = self._walk(prefix)
        return _distinct(walk) if remove_duplicate else walk

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths; the first path only of one that has several."""
        members = self._members(lambda module: module._attributes(Parameter), prefix, recurse)
        return _distinct(members) if remove_duplicate else members

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters of this module and, if `recurse`, of all below it, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths; the first path only of one that has several."""
        members = self._members(Module._own_buffers, prefix, recurse)
        return _distinct(members) if remove_duplicate else members

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers of this module and, if `recurse`, of all below it, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _members(
        self, own: Callable[[Module], Iterator[tuple[str, Any]]], prefix: str, recurse: bool
    ) -> Iterator[tuple[str, Any]]:
        for path, module in self._walk(prefix) if recurse else [(prefix, self)]:
            for name, value in own(module):
                yield _joined(path, name), value

    def get_submodule(self, target: str) -> Module:
        """The module at the path `target`, such as "features.0"; "" is this one.

        Raises AttributeError if there is none.
        """
        module: Module = self
        for name in target.split(".") if target else []:
            child = module.__dict__.get(name)
            if not isinstance(child, Module):
                raise AttributeError(f"get_submodule: {type(module).__name__} has no module {name!r} (in {target!r})")
            module = child
        return module

    # ---------------------------------------------------------------------------------------- what is done to all

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` with every module below this one, children first, and with this one last."""
        self._check_finite()
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Set training mode, which dropout and batch normalisation heed, in all modules."""
        if not isinstance(mode, bool | np.bool_):
            raise ValueError(f"train: expected True or False, got {mode!r}")
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode; the same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of all parameters: False freezes the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = parameter.grad.detach() if parameter.grad.requires_grad else parameter.grad
                parameter.grad.zero_()

    def to(self, *args: Any, **options: Any) -> Self:
        """Cast all floating parameters, gradients and buffers: to(dtype), to(device), to(device, dtype), to(tensor).

        The device is the CPU; without a dtype nothing changes.
        """
        target, _ = read_target("Module.to", *args, **options)
        if target is None:
            return self
        dtype = as_dtype(target)
        if dtype.kind != "f":
            raise TypeError(f"Module.to: expected a floating dtype, got {dtype}")
        for tensor in [*self.parameters(), *self.buffers()]:
            if tensor.array.dtype.kind == "f" and tensor.array.dtype != dtype:
                recorded = tensor.requires_grad
                tensor.requires_grad_(False)  # its place in the graph has the old dtype
                tensor.array = tensor.array.astype(dtype)
                tensor.requires_grad_(recorded)
                if tensor.grad is not None:
                    tensor.grad = tensor.grad.detach().to(dtype)
        return self

    def cpu(self) -> Self:
        """This module: it is on the CPU."""
        return self

    def cuda(self, device: Any = "cuda") -> Self:
        """Refused with a RuntimeError: there is one device, the CPU."""
        check_device("cuda" if device is None else device, "Module.cuda")
        return self

    def float(self) -> Self:
        """Cast to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Cast to float64."""
        return self.to(np.float64)

    def half(self) -> Self:
        """Cast to float16."""
        return self.to(np.float16)

    def type(self, dst_type: Any) -> Self:
        """Cast to a dtype, also by the name of PyTorch's type of tensors, such as "torch.DoubleTensor"."""
        return self.to(read_type_name(dst_type) if isinstance(dst_type, str) else dst_type)

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, out)` after each forward; what it returns, if anything, replaces the result.

        prepend: before the other hooks. with_kwargs: `hook(module, args, kwargs, out)`. always_call: even where forward
        raises an error, with None for `out`.
        """
        return hooks.register(self, "forward", hooks.Hook(hook, with_kwargs, always_call), prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before each forward; what it returns, if anything, replaces the arguments.

        prepend: before the other hooks. with_kwargs: `hook(module, args, kwargs)`, which returns both or None.
        """
        return hooks.register(self, "forward_pre", hooks.Hook(hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` once the gradients of the module's inputs are complete.

        Both are tuples, with None where no gradient is asked for. What the hook returns, if anything, replaces the
        gradient of the input, where there is one such input.
        """
        return hooks.register(self, "backward", hooks.Hook(hook), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` once the gradients of the module's outputs are; it may replace them."""
        return hooks.register(self, "backward_pre", hooks.Hook(hook), prepend)

    # -------------------------------------------------------------------------------------------------- its state

    def state_dict(
        self, *, destination: dict[str, Tensor] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Tensor]:
        """All parameters and persistent buffers by path, detached unless `keep_vars`. They share the module's memory.

        destination: a dictionary to add them to. prefix: what their paths begin with.
        """
        state = {} if destination is None else destination
        state.update({prefix + name: tensor if keep_vars else tensor.detach() for name, tensor in self._state()})
        return state

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        for path, module in self._walk():
            for name, tensor in (*module._attributes(Parameter), *module._own_buffers()):
                if module._buffers.get(name, True):
                    yield _joined(path, name), tensor

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> IncompatibleKeys:
        """Copy the values of `state_dict` (tensors or arrays) into the parameters and persistent buffers.

        Every name, shape and dtype is checked first: if anything is wrong, a RuntimeError lists all of it and
        nothing has changed. Without `strict`, names on one side only are no error, and are returned.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: expected a mapping of names to tensors, got {type(state_dict).__name__}")
        own = dict(self._state())
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        with Check(f"Error(s) in loading state_dict for {type(self).__name__}", RuntimeError) as check:
            if strict and missing:
                check.problems.append(f"Missing key(s) in state_dict: {', '.join(map(repr, missing))}")
            if strict and unexpected:
                check.problems.append(f"Unexpected key(s) in state_dict: {', '.join(map(repr, unexpected))}")
            arrays = {n: check.array(n, state_dict[n], tensor.array) for n, tensor in own.items() if n in state_dict}
        for name, array in arrays.items():
            own[name].array[...] = array
            own[name].bump_version()
        return IncompatibleKeys(missing, unexpected)

    # -------------------------------------------------------------------------------------------- how it is shown

    def extra_repr(self) -> str:
        """What stands between the brackets of the repr; for subclasses to define."""
        return ""

    def __repr__(self) -> str:
        self._check_finite()
        lines = self.extra_repr().splitlines()
        children = [f"({name}): {child!r}".replace("\n", "\n  ") for name, child in self._attributes(Module)]
        if children or len(lines) > 1:
            return "\n  ".join([f"{type(self).__name__}(", *lines, *children]) + "\n)"
        return f"{type(self).__name__}({''.join(lines)})"

    def _repr_html_(self) -> str:
        self._check_finite()
        return self._details("")

    def _details(self, name: str) -> str:
        own = [(n, p) for n, p in self._attributes(Parameter)]
        note = ", ".join(f"{n} {'×'.join(map(str, p.shape))}" for n, p in own)
        line = f"{name} {type(self).__name__}({', '.join(self.extra_repr().splitlines())})".strip()
        return notebook.details(line, note, (child._details(n) for n, child in self._attributes(Module)))

    def __dir__(self) -> list[str]:
        return sorted(name for name in {*super().__dir__(), *self.__dict__} if name.isidentifier())  # not "0"


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _distinct(named: Iterator[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Each value at its first name only."""
    seen: set[int] = set()
    for name, value in named:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
