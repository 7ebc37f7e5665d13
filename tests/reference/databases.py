"""minigrad against an installed PyTorch, with the inputs of PyTorch's own databases of operations and modules.

    python tests/reference/databases.py [--only NAME ...] [--part operations|modules]

The databases are `op_db` and `module_db` of `torch.testing._internal`, which need the package expecttest. Each sample
whose name minigrad has goes through both, in float64, float32, float16, int64 and bool where PyTorch supports them:
values and dtypes, first derivatives, and in float64 second ones. Operations run as functions, as methods, and in place.
Each input that PyTorch refuses must be refused here. Exits with 1 if anything differs that KNOWN and LEFT_OUT do not
name.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[2]))

from reference.calls import Result, derive, flatten, relative_error, to_numpy, weights

SINGLE = 2e-4
AGREES = {"float64": 1e-8, "float32": SINGLE, "float16": 2e-2}
CHOOSES_AMONG_TIES = ("argsort", "sort", "topk", "kthvalue", "median", "msort", "max", "min", "mode")
REFUSALS = (TypeError, ValueError, RuntimeError, IndexError, NotImplementedError, AttributeError)
DRAWN = ("dropout", "rand", "empty", "normal", "bernoulli", "multinomial", "uniform", "gumbel")
LEFT_OUT = {
    "where": "the database calls it in an order of its own",
    "einsum": "the database calls it in an order of its own",
    "nn.functional.embedding": "the database calls it in an order of its own",
}
KNOWN = {
    "accepted: mean": "the mean of whole numbers is a float here",
    "accepted: Tensor.mean": "the mean of whole numbers is a float here",
    "accepted: nn.functional.max_pool1d": "an input without channels gives an output without channels",
    "accepted: nn.NLLLoss": "a weight of classes is brought to the dtype of the scores",
    "first: nn.functional.hardsigmoid": "PyTorch's sixth is a float32",
    **{
        f"first: {name}": "an index that comes twice counts twice in PyTorch's gradient of the value"
        for name in ("index_fill", "Tensor.index_fill", "Tensor.index_fill_")
    },
    **{
        f"refused: {name}": "a fraction for whole numbers, which PyTorch cuts without a word"
        for name in ("addmv", "baddbmm", "Tensor.addmv", "Tensor.baddbmm")
    },
    **{f"refused: {name}": "an index without elements, of any shape" for name in ("gather", "Tensor.gather")},
    **{f"refused: {name}": "singular values are not here" for name in ("norm", "Tensor.norm")},
    **{f"refused: {name}": "no gradient of 'prod' here" for name in ("scatter_reduce", "Tensor.scatter_reduce")},
    **{f"first: {name}": "sorted another way among ties" for name in ("sort", "Tensor.sort")},
    "dtype or shape: Tensor.sum_to_size": "PyTorch gives booleans back as they are but for a single one",
    "dtype or shape: nn.functional.local_response_norm": "PyTorch gives an empty input back as it is",
    "refused: nn.functional.avg_pool1d": "whole numbers",
    "refused: nn.functional.avg_pool2d": "stride=() and divisors below 0",
    "refused: nn.functional.batch_norm": "an input of one dimension",
    "refused: nn.functional.interpolate": "no three-dimensional 'area'",
    "refused: nn.functional.multi_margin_loss": "scores without dimensions",
    "refused: nn.functional.multilabel_margin_loss": "scores without dimensions",
    "refused: tensordot": "contracted dimensions of different lengths, one of them 1",
}
"""What differs knowingly, and how; all else that differs is a fault."""
TAKES_NUMBERS = ("must be Tensor, not int", "doesn't apply to a 'int'", "(int, int)", "(int, Tensor)")
"""What PyTorch says where it wants a tensor; minigrad's elementwise functions take a number there, too."""


class Untranslatable(Exception):
    """An input of a kind that is not here: complex or sparse numbers, a dtype, a memory format, a generator."""


def translate(value: Any, torch: Any, mg: Any) -> Any:
    """What is given to PyTorch in minigrad's terms; tensors keep their strides."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_complex() or value.dtype is torch.bfloat16 or value.ndim > 64:
            raise Untranslatable(str(value.dtype))
        array = value.detach().numpy()
        made = mg.from_numpy(array.copy("K"))
        if not value.is_contiguous() and array.ndim and array.size:  # every second element of a wider one
            wide = np.repeat(array, 2, axis=-1)
            made = mg.from_numpy(wide)[..., ::2]
        made = made.detach()
        return made.requires_grad_(value.requires_grad)
    if isinstance(value, torch.dtype):
        if (name := str(value).removeprefix("torch.")) not in (
            "float64",
            "float32",
            "float16",
            "int64",
            "int32",
            "int16",
            "int8",
            "uint8",
            "bool",
        ):
            raise Untranslatable(name)
        return getattr(mg, name)
    if isinstance(value, torch.memory_format | torch.layout | torch.Generator | complex):
        raise Untranslatable(str(value))
    if isinstance(value, torch.device):
        return "cpu"
    if isinstance(value, torch.Size):
        return tuple(value)
    if isinstance(value, list | tuple):
        return type(value)(translate(item, torch, mg) for item in value)
    if isinstance(value, dict):
        return {key: translate(item, torch, mg) for key, item in value.items()}
    return value


def copied(value: Any, torch: Any) -> Any:
    """The same input once more, its tensors as leaves of their own."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(copied(item, torch) for item in value)
    if isinstance(value, dict):
        return {key: copied(item, torch) for key, item in value.items()}
    return value


def tensors(value: Any) -> Iterator[Any]:
    """Every tensor of either library in nested lists, tuples and dicts."""
    if isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif hasattr(value, "requires_grad"):
        yield value


def evaluate(library: Any, run: Callable[[], Any], leaves: list[Any], second: bool) -> Result:
    """Values, gradients and, if asked for, second ones of a weighted sum of the results."""
    outputs = flatten(run())
    values = [to_numpy(o) for o in outputs]
    ends = [o for o in outputs if getattr(o, "requires_grad", False)]
    if not ends or not leaves:
        return Result(values, [], None)
    upstream = [
        library.tensor(weights(tuple(o.shape), i).astype(to_numpy(o).dtype), requires_grad=True)
        for i, o in enumerate(ends)
    ]
    gradients = derive(library, ends, leaves, upstream, create_graph=second)
    first = filled(gradients, leaves)
    live = [(i, g) for i, g in enumerate(gradients) if g is not None and g.requires_grad]
    if not second or not live:
        return Result(values, first, None)
    again = [library.tensor(weights(tuple(g.shape), 3 + i).astype(to_numpy(g).dtype)) for i, g in live]
    variables = upstream + leaves
    gradients = derive(library, [g for _, g in live], variables, again)
    return Result(values, first, filled(gradients, variables))


def filled(gradients: Any, variables: list[Any]) -> list[np.ndarray]:
    """The gradients as arrays, zeros for None."""
    pairs = zip(gradients, variables, strict=True)
    return [np.zeros_like(to_numpy(v)) if g is None else to_numpy(g) for g, v in pairs]


def attempt(*args: Any) -> Any:
    """The result of `evaluate`, or the exception."""
    try:
        return evaluate(*args)
    except Exception as error:
        return error


class Findings:
    """What differs, by name, with the number of times."""

    def __init__(self) -> None:
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.count: dict[str, int] = defaultdict(int)

    def note(self, kind: str, name: str, words: str) -> None:
        self.count["known"] += f"{kind}: {name}" in KNOWN
        if f"{kind}: {name}" not in KNOWN:
            self.lines[f"{kind}: {name}"].append(words)

    def __str__(self) -> str:
        lines = [f"{key}: {len(words)}\n    {words[0]}\n    {words[-1]}" for key, words in sorted(self.lines.items())]
        return "\n".join([*lines, str(dict(self.count))])


def compare(
    found: Findings, name: str, what: str, dtype: str, theirs: Any, ours: Any, exact: Callable[[], Any] | None = None
) -> None:
    """Note where two results differ; what PyTorch refuses is not looked at here. exact: PyTorch's in float64."""
    found.count["compared" if isinstance(theirs, Result) else "refused by PyTorch"] += 1
    if not isinstance(theirs, Result):
        return
    if not isinstance(ours, Result):
        return found.note("refused", name, f"{what}: {type(ours).__name__}: {str(ours)[:220]}")
    got, wanted = ([f"{v.dtype}{list(v.shape)}" for v in r.values] for r in (ours, theirs))
    if got != wanted:
        return found.note("dtype or shape", name, f"{what}: {got} for {wanted}")
    for label in ("values", "first", "second"):
        expected = getattr(theirs, label)
        if expected is None:
            continue
        mine = getattr(ours, label)
        if name.rpartition(".")[2] in CHOOSES_AMONG_TIES and dtype in ("float16", "int64", "bool"):
            expected, mine = ([v for v in values if v.dtype != np.int64] for values in (expected, mine))
        error = np.inf if mine is None else relative_error(mine, expected)
        if not error <= AGREES.get(dtype, SINGLE if any(v.dtype.kind == "f" for v in expected) else 0):
            if exact is not None and isinstance(true := exact(), Result):
                best = getattr(true, label)
                if best is not None and not relative_error(mine, best) > relative_error(expected, best):
                    continue  # nearer to what float64 gives than PyTorch is
            return found.note(label, name, f"{what}: {error:.2g}: {str(mine)[:150]} for {str(expected)[:150]}")
    return None


def in_float64(torch: Any, function: Any, given: Any, module: Any = None) -> Any:
    """What PyTorch gives in float64."""
    args, options = widened(given, torch)
    leaves = [t for t in tensors([args, options]) if t.requires_grad]
    leaves += [] if module is None else list(module.parameters())
    return attempt(torch, lambda: function(*args, **options), leaves, False)


def widened(value: Any, torch: Any) -> Any:
    """The same input with float64 in place of coarser floats."""
    if isinstance(value, torch.Tensor):
        wide = value.detach().double() if value.is_floating_point() else value.detach().clone()
        return wide.requires_grad_(value.requires_grad)
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(widened(item, torch) for item in value)
    if isinstance(value, dict):
        return {key: widened(item, torch) for key, item in value.items()}
    return value


def describe(value: Any) -> str:
    """A sample's arguments in a few words."""
    if hasattr(value, "requires_grad"):
        return f"{str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(map(describe, value)) + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}={describe(v)}" for k, v in value.items()) + "}"
    return repr(value)[:60]


# --- operations --------------------------------------------------------------------------------------------


def look_up(library: Any, name: str) -> Any:
    """The object at a dotted path below the library, or None."""
    for part in name.split("."):
        library = getattr(library, part, None)
    return library


def forms(info: Any, torch: Any, mg: Any) -> Iterator[tuple[str, Any, Any]]:
    """The ways to call an operation that both libraries have: its label, PyTorch's function and minigrad's."""
    last = info.name.rpartition(".")[2]
    function = look_up(mg, info.name)
    if callable(function):
        yield info.name, info.op, function
    if (method := info.method_variant) is not None and hasattr(mg.Tensor, last):
        yield f"Tensor.{last}", method, getattr(mg.Tensor, last)
    if (inplace := info.inplace_variant) is not None and hasattr(mg.Tensor, f"{last}_"):
        # on a tensor that is no leaf
        yield (
            f"Tensor.{last}_",
            lambda x, *a, **k: inplace(x.clone(), *a, **k),
            lambda x, *a, **k: getattr(mg.Tensor, f"{last}_")(x.clone(), *a, **k),
        )


def compare_operations(torch: Any, mg: Any, found: Findings, only: list[str]) -> None:
    from torch.testing._internal.common_methods_invocations import op_db

    for info in op_db:
        if (only and info.name not in only) or info.name in LEFT_OUT:
            continue
        drawn = any(word in info.name for word in DRAWN)
        for label, theirs, ours in forms(info, torch, mg):
            for dtype in ("float64", "float32", "float16", "int64", "bool"):
                kind = getattr(torch, dtype)
                if not info.supports_dtype(kind, "cpu") or drawn:
                    continue
                grad = dtype.startswith("float") and info.supports_autograd
                try:
                    samples = list(info.sample_inputs("cpu", kind, requires_grad=grad))
                except Exception as error:
                    print(f"no samples: {info.name} {dtype}: {error!r:.80}")
                    continue
                for sample in samples:
                    compare_sample(torch, mg, found, label, theirs, ours, sample, dtype)
            compare_errors(torch, mg, found, info, label, theirs, ours)


def compare_sample(
    torch: Any, mg: Any, found: Findings, label: str, theirs: Any, ours: Any, sample: Any, dtype: str
) -> None:
    given = (sample.input, *sample.args), sample.kwargs
    try:
        own = translate(given, torch, mg)
    except Untranslatable:
        found.count["untranslatable"] += 1
        return
    given = copied(given, torch)
    second = dtype == "float64"
    results = []
    for library, function, (args, options) in ((torch, theirs, given), (mg, ours, own)):
        leaves = [t for t in tensors([args, options]) if t.requires_grad]
        results.append(attempt(library, lambda f=function, a=args, o=options: f(*a, **o), leaves, second))
    if second and not isinstance(results[0], Result):
        given = copied(given, torch)
        leaves = [t for t in tensors(list(given)) if t.requires_grad]
        results[0] = attempt(torch, lambda: theirs(*given[0], **given[1]), leaves, False)
    compare(found, label, f"{dtype} {describe(given)}", dtype, *results, lambda: in_float64(torch, theirs, given))


def compare_errors(torch: Any, mg: Any, found: Findings, info: Any, label: str, theirs: Any, ours: Any) -> None:
    if info.error_inputs_func is None:
        return
    for error in info.error_inputs("cpu"):
        sample = error.sample_input
        given = (sample.input, *sample.args), sample.kwargs
        if any(t.ndim > 64 for t in tensors(given) if isinstance(t, torch.Tensor)):
            continue
        try:
            theirs(*given[0], **given[1])
            continue  # this form takes it
        except Exception as refusal:
            words = str(refusal)
        if any(phrase in words for phrase in TAKES_NUMBERS):
            continue
        try:
            args, options = translate(given, torch, mg)
        except (Untranslatable, TypeError):
            continue
        found.count["refusals"] += 1
        refuse(found, label, f"{describe(given)}; PyTorch: {words[:120]}", lambda a=args, o=options: ours(*a, **o))


def refuse(found: Findings, name: str, what: str, run: Callable[[], Any]) -> None:
    """Note what is not refused, or is refused by an error that speaks of NumPy."""
    try:
        run()
    except REFUSALS as error:
        if (
            "ufunc" in str(error)
            or "'NoneType' object" in str(error)
            or (error.__context__ is not None and not error.__suppress_context__)
        ):
            found.note("words", name, f"{what}: {type(error).__name__}: {str(error)[:200]}")
    except Exception as error:
        found.note("kind of error", name, f"{what}: {error!r:.200}")
    else:
        found.note("accepted", name, what)


# --- modules -------------------------------------------------------------------------------------------------


def compare_modules(torch: Any, mg: Any, found: Findings, only: list[str]) -> None:
    from torch.testing._internal.common_modules import module_db

    for info in module_db:
        ours = look_up(mg, info.name)
        if (only and info.name not in only) or ours is None or info.name in LEFT_OUT:
            continue
        for dtype in ("float64", "float32", "float16"):
            kind = getattr(torch, dtype)
            if kind not in info.dtypes and dtype != "float16":
                continue
            for training in (True, False):
                torch.manual_seed(0)
                for sample in info.module_inputs_func(
                    info, device="cpu", dtype=kind, requires_grad=True, training=training
                ):
                    compare_module(torch, mg, found, info, ours, sample, dtype, training)
        if info.module_error_inputs_func is not None:
            for error in info.module_error_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=False, training=True
            ):
                compare_module_error(torch, mg, found, info, ours, error)


def compare_module(
    torch: Any, mg: Any, found: Findings, info: Any, ours: Any, sample: Any, dtype: str, training: bool
) -> None:
    if sample.forward_input is None:
        return
    build, forward = sample.constructor_input, sample.forward_input
    given = [build.args, build.kwargs, forward.args, forward.kwargs]
    what = f"{dtype} {' '.join(map(describe, given))} {'training' if training else 'evaluation'}"
    try:
        own = translate(given, torch, mg)
    except Untranslatable:
        found.count["untranslatable"] += 1
        return
    try:
        theirs = info.module_cls(*build.args, **build.kwargs).to(getattr(torch, dtype)).train(training)
    except Exception:
        return
    try:
        mine = ours(*own[0], **own[1]).to(getattr(mg, dtype)).train(training)
        state = {k: mg.tensor(v.detach().numpy()) for k, v in theirs.state_dict().items()}
        mine.load_state_dict(state)
    except Exception as error:
        found.note("refused", info.name, f"{what}: {type(error).__name__}: {str(error)[:200]}")
        return
    if any(word in info.name.lower() for word in DRAWN) and training:
        return
    results = []
    second = dtype == "float64"
    given = copied((forward.args, forward.kwargs), torch)
    for library, module, (args, options) in ((torch, theirs, given), (mg, mine, (own[2], own[3]))):
        leaves = [t for t in tensors([args, options]) if t.requires_grad] + list(module.parameters())
        results.append(attempt(library, lambda m=module, a=args, o=options: m(*a, **o), leaves, second))
    if second and not isinstance(results[0], Result):
        given = copied((forward.args, forward.kwargs), torch)
        leaves = [t for t in tensors(list(given)) if t.requires_grad] + list(theirs.parameters())
        results[0] = attempt(torch, lambda: theirs(*given[0], **given[1]), leaves, False)
    compare(found, info.name, what, dtype, *results, lambda: in_float64(torch, theirs.double(), given, theirs))


def compare_module_error(torch: Any, mg: Any, found: Findings, info: Any, ours: Any, error: Any) -> None:
    sample = error.module_error_input
    build, forward = sample.constructor_input, sample.forward_input
    given = [build.args, build.kwargs, *([forward.args, forward.kwargs] if forward else [(), {}])]
    try:
        own = translate(given, torch, mg)
    except Untranslatable:
        return

    def run() -> None:
        module = ours(*own[0], **own[1])
        if forward is not None:
            module.to(mg.float64)(*own[2], **own[3])

    found.count["refusals"] += 1
    what = f"{' '.join(map(describe, given))}; PyTorch: {error.error_regex:.100}"
    refuse(found, info.name, what, run)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--part", choices=("operations", "modules"))
    arguments = parser.parse_args()
    import torch

    import minigrad as mg

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found = Findings()
    with np.errstate(all="ignore"):
        if arguments.part != "operations":
            compare_modules(torch, mg, found, arguments.only)
        if arguments.part != "modules":
            compare_operations(torch, mg, found, arguments.only)
    print(found)
    return 1 if found.lines else 0


if __name__ == "__main__":
    raise SystemExit(main())
