"""minigrad against an installed PyTorch, in bulk: thousands of calls, hundreds of trainings.

    python tests/reference/compare.py [--random 4000] [--seed 0] [--only calls|indices|chance|training] [--steps 200]

*Calls*: each row of rows/ and as many random ones of generated.py as asked for, in float64 (values, first
and second derivatives) and in float32 (values and first derivatives, beside PyTorch's own float32 error
against its float64), in several memory layouts. *Indices*: as many random indices, for reading and for writing.
*Training*: five networks, every optimizer with every
schedule, same weights and batches in float64; the whole sequence of losses and the last weights; a training
in which PyTorch comes as far from itself, begun in another last digit, is named as chaotic. *Chance*: the laws
of what is drawn. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[2]))

from reference.calls import LAYOUTS, Call, Result, draw, draws, evaluate, parameter_draws, relative_error
from reference.generated import FAMILIES
from reference.indices import read_call, write_call
from reference.rows import CALLS
from reference.rows.schedules import SCHEDULES

AGREES = 1e-6  # relative error of a whole training
DOUBLE, SINGLE = 1e-9, 2e-4  # what counts as a difference: rounding, with room for cancellation


# --- calls --------------------------------------------------------------------------------------------------


def plan(count: int, seed: int) -> Iterator[tuple[Call, str, np.random.RandomState]]:
    """Each call to compare, its memory layout and the random numbers of its inputs."""
    rng = np.random.RandomState(seed)
    for call in CALLS:
        for layout in LAYOUTS if call.group not in ("optimizers", "schedules", "engine") else ("contiguous",):
            yield call, layout, np.random.RandomState(call.seed())
    for number in range(count):
        call = FAMILIES[number % len(FAMILIES)](rng)
        yield call, list(LAYOUTS)[rng.randint(len(LAYOUTS))], rng


def attempt(library: Any, call: Call, *args: Any, **options: Any) -> Any:
    """The result, or the exception that the library raised."""
    try:
        return evaluate(library, call, *args, **options)
    except Exception as error:
        return error


class Table:
    """Worst errors by group and column, and the differences by name."""

    def __init__(self) -> None:
        self.worst: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        self.count: dict[str, int] = defaultdict(int)
        self.differences: list[str] = []

    def enter(self, group: str, column: str, error: float, limit: float, what: str) -> None:
        """Keep the error if it is the group's worst; one over the limit is a difference instead."""
        if error > limit:
            self.differences.append(f"{what}: {column} {error:.2g}")
        else:
            self.worst[group][column] = max(self.worst[group][column], error)

    def same_dtypes(self, ours: Result, theirs: Result, what: str) -> None:
        """A difference if the values have other dtypes."""
        got, wanted = ([str(v.dtype) for v in result.values] for result in (ours, theirs))
        if got != wanted:
            self.differences.append(f"{what}: dtypes {got} for {wanted}")

    def __str__(self) -> str:
        columns = list(dict.fromkeys(c for row in self.worst.values() for c in row))
        lines = ["".join([f"{'group':14}{'runs':>6}", *(f"{c:>15}" for c in columns)])]
        for group, row in self.worst.items():
            lines.append(
                "".join(
                    [
                        f"{group:14}{self.count[group]:6}",
                        *(f"{row[c]:15.1e}" if c in row else f"{'':15}" for c in columns),
                    ]
                )
            )
        return "\n".join([*lines, f"{'all':14}{sum(self.count.values()):6}"])


def plan_indices(count: int, seed: int) -> Iterator[tuple[Call, str, np.random.RandomState]]:
    """As `plan`, with reading and writing by random indices in turn."""
    rng = np.random.RandomState(seed)
    for number in range(count):
        yield (read_call, write_call)[number % 2](rng), list(LAYOUTS)[rng.randint(len(LAYOUTS))], rng


def compare_calls(torch: Any, mg: Any, planned: Iterator[tuple[Call, str, np.random.RandomState]]) -> Table:
    """Every planned call through both libraries."""
    table = Table()
    refused: dict[str, list[str]] = {"both": [], "PyTorch alone": []}
    for call, layout, rng in planned:
        try:
            parameters = parameter_draws(torch, call)
        except Exception:
            parameters = {}
        arrays = [draw(d, rng, coarse=False) for d in [*draws(call), *parameters.values()]]
        what = f"{call.name} [{layout}]"
        theirs = attempt(torch, call, arrays, layout=layout)
        if isinstance(
            theirs, Exception
        ):  # PyTorch has first derivatives only of a normalisation with a bias and no weight
            theirs = attempt(torch, call, arrays, layout=layout, second=False)
        ours = attempt(
            mg,
            call,
            arrays,
            layout=layout,
            second=not isinstance(theirs, Exception) and theirs.second is not None,
        )
        if isinstance(theirs, Exception):
            refused["both" if isinstance(ours, Exception) else "PyTorch alone"].append(f"{what}: {theirs!s:.90}")
            continue
        table.count[call.group] += 1
        if isinstance(ours, Exception):
            table.differences.append(f"{what}: {type(ours).__name__}: {str(ours)[:200]}")
            continue
        table.same_dtypes(ours, theirs, what)
        table.enter(call.group, "value", relative_error(ours.values, theirs.values), DOUBLE, what)
        table.enter(call.group, "first", relative_error(ours.first, theirs.first), DOUBLE, what)
        if theirs.second is not None:
            error = np.inf if ours.second is None else relative_error(ours.second, theirs.second)
            table.enter(call.group, "second", error, DOUBLE, what)
        single, peer = (attempt(library, call, arrays, "float32", layout, second=False) for library in (mg, torch))
        if isinstance(single, Exception) or isinstance(peer, Exception):
            table.differences.append(f"{what}: in float32 {single!r:.200} for {peer!r:.60}")
            continue
        table.same_dtypes(single, peer, f"{what} in float32")
        for column in ("value", "first"):
            wanted = getattr(theirs, column if column == "first" else "values")
            theirs_off = relative_error(getattr(peer, column if column == "first" else "values"), wanted)
            if not np.isfinite(theirs_off):
                continue
            off = relative_error(getattr(single, column if column == "first" else "values"), wanted)
            table.enter(call.group, f"f32 {column}", off, max(SINGLE, 4 * theirs_off), what)
            table.worst[call.group][f"torch's {column}"] = max(table.worst[call.group][f"torch's {column}"], theirs_off)
    for by, calls in refused.items():
        print(f"refused by {by}: {len(calls)}", *calls[:: max(1, len(calls) // 10)], sep="\n  ")
    return table


# --- training -----------------------------------------------------------------------------------------------

TRAINED: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"momentum": 0.8, "dampening": 0.2},
    ],
    "Adam": [{}, {"weight_decay": 0.01, "amsgrad": True}],
    "AdamW": [{}, {"weight_decay": 0.1, "betas": (0.8, 0.95)}],
    "RMSprop": [{}, {"centered": True, "momentum": 0.5}],
    "Adagrad": [{}, {"lr_decay": 0.01, "weight_decay": 0.01}],
}


def networks(library: Any) -> dict[str, tuple[Any, Any]]:
    """Five networks with what turns a batch into a loss; `library` is torch or minigrad."""
    nn, functional = library.nn, library.nn.functional

    class Residual(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 3, padding=1)
            self.block = nn.Sequential(
                nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
            )
            self.head = nn.Linear(4, 4)

        def forward(self, x: Any) -> Any:
            x = self.stem(x)
            x = functional.silu(x + self.block(x))
            return self.head(functional.adaptive_avg_pool2d(x, 1).flatten(1))

    class Attention(nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(8, 6)
            self.qkv = nn.Linear(6, 18)
            self.norm = nn.LayerNorm(6)
            self.head = nn.Linear(6, 4)

        def forward(self, x: Any) -> Any:
            tokens = (x.flatten(1)[:, :9] > 0).reshape(-1, 3, 3)
            e = self.embedding(tokens[:, :, 0] * 4 + tokens[:, :, 1] * 2 + tokens[:, :, 2] * 1)
            q, k, v = self.qkv(e).chunk(3, dim=-1)
            e = self.norm(e + (q @ k.transpose(-2, -1) / 6**0.5).softmax(-1) @ v)
            return self.head(functional.gelu(e).mean(1))

    perceptron = nn.Sequential(nn.Flatten(), nn.Linear(36, 12), nn.Tanh(), nn.Linear(12, 4))
    convolutional = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(6, 4),
    )
    autoencoder = nn.Sequential(
        nn.Conv2d(1, 3, 3, stride=2),
        nn.ELU(),
        nn.GroupNorm(1, 3),
        nn.ConvTranspose2d(3, 1, 3, stride=2, output_padding=1),
    )
    classify = lambda net: lambda x, y: functional.cross_entropy(net(x), y, label_smoothing=0.05)
    attention, residual = Attention(), Residual()
    return {
        "perceptron": (perceptron, classify(perceptron)),
        "convolutional": (convolutional, classify(convolutional)),
        "residual": (residual, classify(residual)),
        "autoencoder": (autoencoder, lambda x, y: functional.mse_loss(autoencoder(x), x)),
        "attention": (attention, classify(attention)),
    }


def train(
    library: Any,
    name: str,
    state: dict[str, np.ndarray],
    optimizer: str,
    options: dict[str, Any],
    scheduler: str,
    steps: int,
) -> list[np.ndarray]:
    """The losses of all steps, then the last state."""
    net, loss_of = networks(library)[name]
    net = net.to(library.float64)
    own = net.state_dict()
    net.load_state_dict({k: library.tensor(v, dtype=own[k].dtype) for k, v in state.items()})
    optim = getattr(library.optim, optimizer)(net.parameters(), lr=0.01, **options)
    arguments = dict(SCHEDULES[scheduler][0])
    if scheduler == "OneCycleLR":
        arguments |= {"max_lr": 0.02, "total_steps": steps, "cycle_momentum": optimizer != "Adagrad"}
    schedule = getattr(library.optim.lr_scheduler, scheduler)(optim, **arguments)
    rng = np.random.RandomState(1)
    losses = []
    for _ in range(steps):
        x, y = library.tensor(rng.standard_normal((8, 1, 6, 6))), library.tensor(rng.randint(0, 4, 8))
        optim.zero_grad()
        loss = loss_of(x, y)
        loss.backward()
        library.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optim.step()
        losses.append(loss.item())
        schedule.step(losses[-1]) if scheduler == "ReduceLROnPlateau" else schedule.step()
    return [
        np.array(losses),
        *(np.asarray(v.detach().numpy() if hasattr(v, "detach") else v) for v in net.state_dict().values()),
    ]


def compare_training(torch: Any, mg: Any, steps: int) -> Table:
    """Every network with every optimizer, plain and with its options, and every schedule."""
    table = Table()
    for name in networks(torch):
        torch.manual_seed(0)
        state = {k: v.numpy() for k, v in networks(torch)[name][0].to(torch.float64).state_dict().items()}
        for optimizer, rows in TRAINED.items():
            for options in rows:
                for scheduler in SCHEDULES:
                    what = f"{name} {optimizer}({options}) {scheduler}"
                    theirs = train(torch, name, state, optimizer, options, scheduler, steps)
                    ours = train(mg, name, state, optimizer, options, scheduler, steps)
                    table.count[name] += 1
                    errors = relative_error(ours[:1], theirs[:1]), relative_error(ours[1:], theirs[1:])
                    if max(errors) > AGREES:
                        # some trainings double every rounding error in a few steps: how far does PyTorch come from
                        # itself, begun one digit of the last place beside?
                        nudged = {k: v * (1 + 2e-16) for k, v in state.items()}
                        again = train(torch, name, nudged, optimizer, options, scheduler, steps)
                        own = relative_error(again[:1], theirs[:1]), relative_error(again[1:], theirs[1:])
                        if all(e <= 10 * o for e, o in zip(errors, own, strict=True)):
                            print(f"chaotic: {what}: {errors[0]:.1g}, PyTorch against PyTorch {own[0]:.1g}")
                            continue
                    table.enter(name, "losses", errors[0], AGREES, what)
                    table.enter(name, "last state", errors[1], AGREES, what)
    return table


# --- chance -----------------------------------------------------------------------------------------------


def samples(library: Any) -> dict[str, Any]:
    """What has chance in it, in samples large enough to compare their laws."""
    nn, init, functional = library.nn, library.nn.init, library.nn.functional
    found = {
        "rand": library.rand(200, 200),
        "randn": library.randn(200, 200),
        "randint": library.randint(-3, 9, (200, 200)),
        "randperm": library.randperm(40_000)[:20_000],
        "dropout": functional.dropout(library.ones(200, 200), 0.3),
        "dropout2d": functional.dropout2d(library.ones(200, 200, 1, 1), 0.3),
    }
    for name, options in (
        ("uniform_", {"a": -1.0, "b": 3.0}),
        ("normal_", {"mean": 1.0, "std": 2.0}),
        ("xavier_uniform_", {"gain": 2.0}),
        ("xavier_normal_", {}),
        ("kaiming_uniform_", {}),
        ("kaiming_uniform_", {"a": 0.3, "mode": "fan_out", "nonlinearity": "leaky_relu"}),
        ("kaiming_normal_", {"nonlinearity": "relu"}),
        ("kaiming_normal_", {"mode": "fan_out"}),
        ("orthogonal_", {"gain": 2.0}),
    ):
        for size in ((150, 200), (60, 50, 3, 3)):
            found[f"init.{name}({size}, {options})"] = getattr(init, name)(library.zeros(*size), **options)
    for name, args, options in (
        ("Linear", (50, 800), {}),
        ("Conv1d", (40, 600, 3), {}),
        ("Conv2d", (40, 600, 3), {"groups": 2}),
        ("ConvTranspose2d", (40, 600, 3), {}),
        ("Embedding", (200, 150), {}),
    ):
        for key, parameter in getattr(nn, name)(*args, **options).named_parameters():
            found[f"nn.{name}{args} {key}"] = parameter
    return {
        name: np.sort(np.asarray(value.detach().numpy(), dtype=np.float64).ravel()) for name, value in found.items()
    }


def compare_chance(torch: Any, mg: Any, seed: int) -> Table:
    """The largest distance of the two distribution functions (Kolmogorov and Smirnov) over its bound at 1e-6."""
    torch.manual_seed(seed)
    mg.manual_seed(seed)
    table = Table()
    for (name, ours), theirs in zip(samples(mg).items(), samples(torch).values(), strict=True):
        points = np.concatenate([ours, theirs])
        share = [np.searchsorted(sample, points, side="right") / sample.size for sample in (ours, theirs)]
        bound = (np.log(2e6) / 2 * 2 / ours.size) ** 0.5
        table.count["chance"] += 1
        table.enter("chance", "distance", float(np.abs(share[0] - share[1]).max() / bound), 1.0, name)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", type=int, default=4000, help="random calls")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200, help="training steps")
    parser.add_argument("--only", choices=("calls", "indices", "chance", "training"))
    options = parser.parse_args()
    import torch

    import minigrad as mg

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # torch's remarks on odd shapes; minigrad's own are the tests' business
    differences = []
    sections = {
        "calls": lambda: compare_calls(torch, mg, plan(options.random, options.seed)),
        "indices": lambda: compare_calls(torch, mg, plan_indices(options.random, options.seed)),
        "chance": lambda: compare_chance(torch, mg, options.seed),
        "training": lambda: compare_training(torch, mg, options.steps),
    }
    for kind, section in sections.items():
        if options.only not in (None, kind):
            continue
        start = time.perf_counter()
        with np.errstate(all="ignore"):
            table = section()
        print(f"\n{kind} ({time.perf_counter() - start:.0f} s), worst relative errors\n{table}")
        differences += table.differences
    print(f"\n{len(differences)} differences", *differences, sep="\n  ")
    raise SystemExit(bool(differences))


if __name__ == "__main__":
    main()
