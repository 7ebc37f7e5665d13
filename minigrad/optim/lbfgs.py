"""L-BFGS (Nocedal & Wright 2006, algorithms 7.4 and 7.5), with the strong Wolfe line search (3.5 and 3.6) if asked for.

θ is all parameters in one row. The Hessian's inverse is known by its products alone, from the last steps s = Δθ and the
changes y = Δg of the gradient along them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from minigrad.autograd import enable_grad
from minigrad.optim.optimizer import Array, Group, Optimizer, State
from minigrad.options import declare, option
from minigrad.saving import Check
from minigrad.tensor import Tensor

DECREASE, CURVATURE = 1e-4, 0.9  # c₁ and c₂ of the Wolfe conditions
SHORTEST = 1e-9  # the length of a bracket, times the largest part of the direction, below which a search ends


@declare
class LBFGS(Optimizer):
    """Minimize a loss by its gradients' history: `step(closure)` makes up to `max_iter` steps of one minimization.

    `closure` clears the gradients, computes the loss, calls backward and returns the loss; it is called up to about
    `max_eval` times (by default 1.25 `max_iter`). All parameters share one group.
    """

    lr: float | Tensor = option(default=1.0, least=0)
    max_iter: int = option(default=20, least=1)
    max_eval: int | None = option(default=None, least=1)
    tolerance_grad: float = option(default=1e-7, least=0)
    tolerance_change: float = option(default=1e-9, least=0)
    history_size: int = option(default=100, least=1)
    line_search_fn: str | None = option(default=None, among=("strong_wolfe",))

    def __post_init__(self, params: Any) -> None:
        if self.max_eval is None:
            self.max_eval = self.max_iter * 5 // 4
        super().__post_init__(params)

    def add_param_group(self, param_group: Any) -> None:
        """Take the parameters; there is one group only."""
        if self.param_groups:
            raise ValueError("LBFGS: doesn't support per-parameter options (parameter groups); there is one group")
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimize, and return the loss that `closure` gave first."""
        if closure is None:
            raise TypeError("LBFGS.step: expected a closure that computes the loss anew, got None")
        group, evaluate = self.param_groups[0], enable_grad()(closure)
        state = self.state[group["params"][0]]
        state.update(func_evals=state.get("func_evals", 0) + 1, n_iter=state.get("n_iter", 0))
        first = evaluate()
        loss, g, count = float(first), self._gather_gradients(), 1
        if np.abs(g).max(initial=0) <= group["tolerance_grad"]:
            return first
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = choose_direction(state, g, group["history_size"])
            state.update(prev_flat_grad=g, prev_loss=loss, t=self._first_length(state, g, group))
            slope = g @ d
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            before = state["func_evals"]
            loss, g = self._move(evaluate, state, Point(0.0, loss, g, slope), group, group["max_eval"] - count, last)
            count += state["func_evals"] - before
            if last or count >= group["max_eval"] or np.abs(g).max() <= group["tolerance_grad"]:
                break
            small = group["tolerance_change"]
            if np.abs(d * state["t"]).max() <= small or abs(loss - state["prev_loss"]) < small:
                break
        return first

    def _first_length(self, state: State, g: Array, group: Group) -> Any:
        return float(group["lr"]) * (min(1.0, 1.0 / np.abs(g).sum()) if state["n_iter"] == 1 else 1.0)

    def _move(
        self, evaluate: Callable[[], Any], state: State, start: Point, group: Group, limit: int, last: bool
    ) -> tuple[float, Array]:
        """Go along the direction; the loss and the gradient there, or those of the start if this step is the last."""
        origin, d = self._gather([p.array for p in group["params"]]), state["d"]

        def visit(t: Any) -> Point:
            state["func_evals"] += 1
            self._scatter(origin + t * d)
            loss = float(evaluate())
            g = self._gather_gradients()
            return Point(t, loss, g, g @ d)

        try:
            if group["line_search_fn"] is not None:
                end = search_strong_wolfe(visit, start, state["t"], np.abs(d).max(), limit)
            elif not last:
                end = visit(state["t"])
            else:
                end = start._replace(t=state["t"])
        except BaseException:
            self._scatter(origin)
            raise
        state["t"] = end.t
        if last or group["line_search_fn"] is not None:  # else it is there, and what the closure changed of it stays
            self._scatter(origin + end.t * d)
        return end.loss, end.g

    def _gather(self, arrays: list[Array]) -> Array:
        return np.concatenate([array.reshape(-1) for array in arrays])

    def _gather_gradients(self) -> Array:
        parameters = self.param_groups[0]["params"]
        return self._gather([np.zeros_like(p.array) if p.grad is None else p.grad.array for p in parameters])

    def _scatter(self, flat: Array) -> None:
        start = 0
        for p in self.param_groups[0]["params"]:
            p.array[...] = flat[start : start + p.array.size].reshape(p.array.shape)
            p.bump_version()
            start += p.array.size

    def _load_state(self, number: Any, parameter: Tensor, group: Group, old: State, check: Check) -> State:
        like = self._gather([p.array for p in group["params"]])
        state: State = {}
        for key, value in old.items():
            name = f"{key} of parameter {number}"
            if key in ("d", "prev_flat_grad"):
                state[key] = check.array(name, value, like)
            elif key in ("old_dirs", "old_stps"):
                state[key] = [check.array(name, item, like) for item in value]
            elif key == "ro":
                state[key] = [check.option(name, item, 1.0) for item in value]
            elif key in ("func_evals", "n_iter", "t", "H_diag", "prev_loss"):
                state[key] = check.option(name, value, 1.0)
        keys = {"d", "prev_flat_grad", "old_dirs", "old_stps", "ro", "t", "H_diag", "prev_loss", "func_evals", "n_iter"}
        if state.get("n_iter", 0) and (missing := sorted(keys - set(state))):
            check.problems.append(f"the state of parameter {number} lacks {', '.join(missing)}")
        elif len({len(state.get(key, ())) for key in ("old_dirs", "old_stps", "ro")}) > 1:
            check.problems.append(f"old_dirs, old_stps and ro of parameter {number} are not of one length")
        return state


def choose_direction(state: State, g: Array, history_size: int) -> Array:
    """d = -H g, after the last step and the gradient's change along it have joined the history (algorithm 7.4)."""
    if state["n_iter"] == 1:
        state.update(d=-g, old_dirs=[], old_stps=[], ro=[], H_diag=1)
        return -g
    changes, steps, inverses = history = state["old_dirs"], state["old_stps"], state["ro"]
    y, s = g - state["prev_flat_grad"], state["d"] * state["t"]
    product = y @ s
    if product > 1e-10:
        for row, item in zip(history, (y, s, 1.0 / product), strict=True):
            row.append(item)
            del row[:-history_size]
        state["H_diag"] = product / (y @ y)
    d, shares = -g, []
    for y, s, r in zip(reversed(changes), reversed(steps), reversed(inverses), strict=True):
        shares.append((s @ d) * r)
        d -= shares[-1] * y
    d *= state["H_diag"]
    for y, s, r, share in zip(changes, steps, inverses, reversed(shares), strict=True):
        d += (share - (y @ d) * r) * s
    state["d"] = d
    return d


class Point(NamedTuple):
    """A place on the line θ + t d: t, the loss there, the gradient g and the slope g·d."""

    t: Any
    loss: float
    g: Array
    slope: Any


def search_strong_wolfe(visit: Callable[[Any], Point], start: Point, t: Any, reach: float, limit: int) -> Point:
    """A point whose loss is low enough and whose slope is flat enough (algorithm 3.5), after `limit` visits at most."""
    before, here, visits = start, visit(t), 0
    while visits < limit:
        if rises(here, start) or (visits > 1 and here.loss >= before.loss):
            break
        if abs(here.slope) <= -CURVATURE * start.slope:
            return here
        if here.slope >= 0:
            break
        t = find_minimum(before, here, (here.t + 0.01 * (here.t - before.t), here.t * 10))
        before, here, visits = here, visit(t), visits + 1
    else:
        before = start
    return zoom(visit, start, before, here, reach, limit - visits)


def zoom(visit: Callable[[Any], Point], start: Point, a: Point, b: Point, reach: float, limit: int) -> Point:
    """Shrink the bracket from a to b until a point fits (algorithm 3.6); the best one if none does."""
    best, other = (a, b) if a.loss <= b.loss else (b, a)
    stuck = False
    for _ in range(limit):
        if abs(b.t - a.t) * reach < SHORTEST:
            break
        least, most = min(a.t, b.t), max(a.t, b.t)
        t, margin = find_minimum(a, b), 0.1 * (most - least)
        near = min(most - t, t - least) < margin
        if near and (stuck or t >= most or t <= least):
            t = most - margin if abs(t - most) < abs(t - least) else least + margin
            near = False
        stuck = near
        here = visit(t)
        if rises(here, start) or here.loss >= best.loss:
            a, b = (best, here) if best is a else (here, best)
            best, other = (a, b) if a.loss <= b.loss else (b, a)
            continue
        if abs(here.slope) <= -CURVATURE * start.slope:
            return here
        turned = here.slope * (other.t - best.t) >= 0
        kept = best if turned else other
        a, b = (here, kept) if best is a else (kept, here)
        best, other = here, kept
    return best


def rises(here: Point, start: Point) -> bool:
    """Whether the loss falls by less than the start's slope promises."""
    return bool(here.loss > start.loss + DECREASE * here.t * start.slope)


def find_minimum(a: Point, b: Point, bounds: tuple[Any, Any] | None = None) -> Any:
    """Where the cubic through two points and their slopes is least, within bounds; the middle if it has no minimum."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    slope = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = slope**2 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    root = np.sqrt(square)
    left, right = (a, b) if a.t <= b.t else (b, a)
    t = right.t - (right.t - left.t) * ((right.slope + root - slope) / (right.slope - left.slope + 2 * root))
    return min(max(t, low), high)
