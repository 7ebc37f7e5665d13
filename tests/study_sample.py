"""Invented records of every kind, for tests of the page that must not wait for a study: shapes are right, numbers not.

`python tests/study_sample.py FILE` writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.study.records import Record, line, plain

ARMS = [
    "sum",
    "mean",
    "sum+17",
    "alternating",
    "max",
    "min",
    "median",
    "product",
    "l2",
    "logsumexp",
    "softmax",
]
ARMS += ["abs", "geomean", "tied", "untied", "concat", "concat-matched"]
TASKS = [
    "polarity",
    "presence",
    "relation",
    "which",
    "and",
    "correlated",
    "distractors",
    "common",
    "photographs",
]


def sample(arms: list[str] = ARMS, tasks: list[str] = TASKS, seeds: int = 4) -> list[Record]:
    """Records of every kind from a fixed seed."""
    rng = np.random.default_rng(0)
    records: list[Record] = []

    def add(kind: str, **fields: Any) -> None:
        name = "/".join(
            str(fields[k])
            for k in (
                "name",
                "task",
                "arm",
                "F",
                "C",
                "init",
                "mode",
                "start",
                "optimizer",
                "version",
                "layer",
                "filters",
                "amplitude",
                "lr",
                "dtype",
                "decay",
            )
            if k in fields
        )
        records.append(plain({"kind": kind, "key": f"{kind}/{name}", "seconds": 0.1, **fields}, 3))

    def series(steps: int, *names: str) -> dict[str, Any]:
        out: dict[str, Any] = {"step": np.linspace(0, steps, 9).astype(int)}
        for name in names:
            out[name] = np.exp(-np.linspace(0, 2, 9)) * rng.uniform(0.5, 1)
            out[name + "_sd"] = 0.1 * out[name]
        return out

    names = ("loss", "accuracy", "gradient", "cancellation", "null", "participation", "participation_batch")
    add("study", profile="full", protocol=2, version="0", seeds=list(range(seeds)), tasks=tasks, arms=arms)
    for arm in arms:
        for task in tasks:
            for init in ("he", "unit"):
                add(
                    "tune",
                    task=task,
                    arm=arm,
                    init=init,
                    F=8,
                    lrs=[0.001, 0.003, 0.01, 0.03, 0.1],
                    accuracy=rng.uniform(0.5, 1, 5),
                    best=0.01,
                )
                for width in (1, 2, 4, 8):
                    extra = {}
                    if width == 8 and init == "he":
                        extra["weights"] = {
                            "start": rng.normal(size=(8, 3, 3, 3)),
                            "end": rng.normal(size=(8, 3, 3, 3)),
                        }
                    per_seed = {
                        name: rng.uniform(0.5, 1, seeds)
                        for name in ("accuracy", "loss", "late", "probe_one", "probe_all", "excess")
                    }
                    add(
                        "run",
                        task=task,
                        arm=arm,
                        F=width,
                        init=init,
                        lr=0.01,
                        steps=200,
                        batch=32,
                        seeds=list(range(seeds)),
                        chance=0.5,
                        **per_seed,
                        curves={**series(200, *names), "channels": rng.uniform(0, 1, (3, 9))},
                        **extra,
                    )
        for init in ("he", "unit"):
            for channels in (3, 16, 64):
                add(
                    "depth",
                    arm=arm,
                    init=init,
                    C=channels,
                    layers=10,
                    seeds=list(range(seeds)),
                    ratio=10 ** rng.uniform(-6, 1, seeds),
                    by_layer=10 ** np.linspace(rng.uniform(-6, 1), 0, 11),
                    participation=rng.uniform(0, 1),
                )
        for channels in (3, 16, 64):
            add(
                "energy",
                arm=arm,
                C=channels,
                measured=rng.uniform(0, channels),
                closed=float(channels),
                infinite=arm == "geomean",
                receiving=float(channels),
            )
            for version in ("plain", "streamed"):
                add(
                    "cost",
                    arm=arm,
                    C=channels,
                    version=version,
                    forward=1.0,
                    both=3.0,
                    forward_ratio=2.0,
                    both_ratio=rng.uniform(1, 9),
                    both_ratio_low=1.0,
                    both_ratio_high=9.0,
                    memory=4.0,
                    memory_ratio=rng.uniform(1, channels),
                )
        add(
            "maps",
            arm=arm,
            formula="f(r)",
            image=rng.normal(size=(3, 12, 12)),
            out=rng.normal(size=(10, 10)),
            responses=rng.normal(size=(3, 10, 10)),
            gradients=rng.normal(size=(3, 10, 10)),
        )
    for arm in ("mean", "sum+17", "alternating"):
        for optimizer in ("sgd", "adam"):
            add(
                "equivalence",
                arm=arm,
                optimizer=optimizer,
                gap=1e-14,
                step=[0, 100, 200],
                gaps=[0, 1e-15, 1e-14],
                loss=[0.7, 0.3, 0.1],
            )
    edges = np.linspace(-4, 4, 21)
    counts = np.histogram(rng.normal(size=1000), edges)[0]
    add(
        "start",
        n=1000,
        p_value=0.4,
        quantiles=[0.05, 0.5, 0.95],
        aligned=[-1.6, 0, 1.6],
        opponent=[-1.6, 0, 1.6],
        difference=0.01,
        histogram={"edges": edges, "aligned": counts, "opponent": counts},
    )
    for task in ("polarity", "presence"):
        for mode in ("full", "minibatch", "mirrored"):
            for start in ("cancelling", "random"):
                film = {
                    **{
                        k: v
                        for k, v in series(400, "loss", "gradient", "cancellation", "null", "accuracy").items()
                        if not k.endswith("_sd")
                    },
                    "path": np.cumsum(rng.normal(size=(9, 8, 2)), axis=0),
                    "filter": 0,
                    "contour": {
                        "x": np.linspace(-3, 3, 15),
                        "y": np.linspace(-3, 3, 15),
                        "loss": np.abs(np.linspace(-3, 3, 15)[:, None] + np.linspace(-3, 3, 15)),
                    },
                }
                add(
                    "escape",
                    task=task,
                    mode=mode,
                    start=start,
                    seeds=list(range(seeds)),
                    lr=0.1,
                    steps=400,
                    start_loss=rng.uniform(0.6, 0.8, seeds),
                    start_gradient=rng.uniform(0, 1, seeds),
                    start_across=rng.uniform(0, 1, seeds),
                    left=rng.integers(1, 400, seeds),
                    accuracy=rng.uniform(0.9, 1, seeds),
                    curves=series(400, "loss", "gradient", "cancellation", "null", "accuracy"),
                    **({"film": film} if start == "cancelling" else {}),
                )
    ends = [0, 10, 100, 1000]
    for lr in (0.01, 0.003):
        for a in (0, 0.5, 1, 2, 3):
            add(
                "dose",
                amplitude=a,
                lr=lr,
                steps=1000,
                seeds=list(range(seeds)),
                step=ends,
                **{name: rng.uniform(-0.3, 0.3, seeds) for name in ("accuracy", "start", "index", "null", "excess")},
                **{name: rng.uniform(-0.3, 0.3, (4, seeds)) for name in ("curve", "learned")},
            )
    parts = ("own", "image", "others", "shared", "digit")
    for task, a in (
        *(("common", a) for a in (0, 0.5, 1, 2, 3)),
        *((t, None) for t in ("polarity", "presence", "relation")),
    ):
        causes = [f"{m}_{part}" for m in ("index", "excess") for part in parts[: 5 if task == "common" else 3]]
        add(
            "split",
            task=task,
            amplitude=a,
            lr=0.01,
            steps=1000,
            seeds=list(range(seeds)),
            step=ends,
            accuracy=rng.uniform(0.9, 1, seeds),
            **{name: rng.uniform(-0.3, 0.3, (4, seeds)) for name in ("index", "excess")},
            **{name: rng.uniform(-0.1, 0.1, (3, seeds)) for name in (*causes, "growth")},
        )
    for lr, dtype in ((0.1, "float64"), (0.1, "float32"), (0.05, "float64")):
        add(
            "mirror",
            lr=lr,
            dtype=dtype,
            steps=400,
            seeds=list(range(seeds)),
            left=rng.integers(50, 300, seeds),
            began=rng.integers(50, 300, seeds),
            **{name: rng.uniform(10, 20, seeds) for name in ("grown", "predicted", "rate", "curvature")},
            step=np.arange(0, 400, 5),
            curve=rng.uniform(-16, 1, (seeds, 80)),
        )
    cosines = np.linspace(-1, 1, 21)
    for layer, size in ((1, 27), (2, 72)):
        add(
            "unmatched",
            layer=layer,
            d=size,
            task="distractors",
            share=rng.uniform(0.3, 0.5, seeds),
            share_centred=rng.uniform(0.3, 0.5, seeds),
            histogram={
                "edges": cosines,
                **dict.fromkeys(("unrelated", "matching", "anti")[: 3 if layer == 1 else 1], counts),
            },
        )
    for task in ("and", "distractors", "correlated", "common"):
        for decay in (0.0, 1e-4, 1e-3):
            names = ("accuracy", "near_start", "near_own", "norm", "pruned", "pruned_filter")
            add("decay", task=task, decay=decay, **{name: rng.uniform(0, 1, seeds) for name in names})
    for arm in ("sum", "max"):
        for init in ("he", "unit"):
            scores = {name: rng.uniform(0, 1, seeds) for name in ("accuracy", "late")}
            add("longer", task="common", arm=arm, init=init, seeds=list(range(seeds)), **scores)
    for task in ("random", "common", "correlated"):
        for F in (1, 2, 4, 8, 16):
            add("kept", task=task, F=F, **{n: rng.uniform(0, 1, seeds) for n in ("whole", "grey", "difference")})
    add("negative", arm="abs", task="polarity", F=8, accuracy=[0.5] * seeds)
    add("statement", name="copy", claim="Backward of the sum is a copy.", value=0.0, bound=1e-12, holds=True)
    for filters in ("random", "trained"):
        add(
            "photo",
            filters=filters,
            cancellation=0.2,
            null=0.4,
            correlation=np.eye(3),
            kurtosis=5.0,
            near_zero=0.1,
        )
    blue = np.linspace(1, -1, 21)
    red = rng.normal(size=8)
    part = np.outer(rng.normal(size=8), blue)
    add(
        "slider",
        blue=blue,
        red=red,
        blue_response=part,
        sum=red[:, None] + part,
        bias=np.zeros(8),
        probability=1 / (1 + np.exp(4 * blue)),
        probe_one=rng.uniform(0, 1, (8, 21)),
        probe_all=1 / (1 + np.exp(8 * blue)),
    )
    x, w = rng.integers(0, 3, (3, 5, 5)), rng.integers(-1, 2, (3, 3, 3))
    places = [(np.s_[:, p : p + 3, q : q + 3], (p, q)) for p in range(3) for q in range(3)]
    responses, g = np.zeros((3, 3, 3)), rng.integers(-2, 3, (3, 3))
    dw, dx = np.zeros((3, 3, 3)), np.zeros((3, 5, 5))
    for window, (p, q) in places:
        responses[:, p, q] = (x[window] * w).sum((1, 2))
        dw += g[p, q] * x[window]
        dx[window] += g[p, q] * w
    out = responses.sum(0) + 1
    add("window", x=x, w=w, bias=1.0, responses=responses, out=out, g=g, dw=dw, dx=dx)
    return records


if __name__ == "__main__":
    Path(sys.argv[1]).write_text("".join(line(record) for record in sample()), encoding="utf-8")
