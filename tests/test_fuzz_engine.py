"""Random programs against a reference that knows no graph: float64 central differences of plain NumPy.

A program makes leaves, applies operations to whatever there is (recorded, under no_grad, on detached tensors, with
shapes that do not fit), changes memory in place, hangs up hooks and takes them away, and calls backward and grad, more
than once and along parts of the graph. After each gradient: it is the difference quotient's, or an error that names a
cause that is real; after each error: nothing has changed. Then come the programs that found something, one by one.

MINIGRAD_TESTS=full tries a hundred times as many programs, different ones each time.
"""

import gc
import os
import weakref

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import minigrad as mg
from minigrad import optim

FULL = os.environ.get("MINIGRAD_TESTS") == "full"
pytestmark = pytest.mark.filterwarnings("ignore:grad. this tensor was made by")  # it looks at every .grad

# name: the operation in minigrad, and in NumPy. Shapes are drawn, so each meets operands that it must refuse.
UNARY = {
    "neg": (lambda x: -x, lambda x: -x),
    "sin": (mg.sin, np.sin),
    "tanh": (lambda x: x.tanh(), np.tanh),
    "bell": (lambda x: mg.exp(-(x**2)), lambda x: np.exp(-x * x)),
    "log": (lambda x: mg.log(x * x + 1), lambda x: np.log(x * x + 1)),
    "sqrt": (lambda x: mg.sqrt(x * x + 0.5), lambda x: np.sqrt(x * x + 0.5)),
    "sigmoid": (mg.sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "relu": (mg.relu, lambda x: np.maximum(x, 0)),
    "abs": (abs, np.abs),
    "clamp": (lambda x: x.clamp(-0.5, 1.5), lambda x: np.clip(x, -0.5, 1.5)),
    "cube": (lambda x: x**3, lambda x: x**3),
    "twice itself": (lambda x: x + x, lambda x: 2 * x),
    "square by itself": (lambda x: x * x, lambda x: x * x),
    "sum": (lambda x: x.sum(), np.sum),
    "sum of columns": (lambda x: x.sum(0, keepdim=True), lambda x: np.sum(x, 0, keepdims=True)),
    "mean": (lambda x: x.mean(-1), lambda x: np.sum(x, -1) / x.shape[-1]),
    "var": (lambda x: x.var(-1, correction=0), lambda x: np.sum(centred(x) ** 2, -1) / x.shape[-1]),
    "prod": (lambda x: x.prod(-1), lambda x: np.prod(x, -1)),
    "cumsum": (lambda x: x.cumsum(-1), lambda x: np.cumsum(x, -1).reshape(x.shape)),
    "amax": (lambda x: x.amax(-1), lambda x: np.max(x, -1)),
    "max": (lambda x: x.max(0).values, lambda x: np.max(x, 0)),
    "sort": (lambda x: x.sort(-1).values, lambda x: np.sort(x, -1)),
    "norm": (lambda x: x.norm(), lambda x: np.sqrt(np.sum(x * x))),
    "logsumexp": (lambda x: x.logsumexp(-1), lambda x: np.log(np.sum(np.exp(x), -1))),
    "softmax": (lambda x: x.softmax(-1), lambda x: np.exp(x) / np.sum(np.exp(x), -1, keepdims=True)),
    "transpose": (lambda x: x.T, np.transpose),
    "ravel": (lambda x: x.reshape(-1), np.ravel),
    "two rows": (lambda x: x.reshape(2, -1), lambda x: np.reshape(x, (2, -1))),
    "expand": (lambda x: x.expand(2, *x.shape), lambda x: np.broadcast_to(x, (2, *x.shape))),
    "unsqueeze": (lambda x: x.unsqueeze(-1), lambda x: np.expand_dims(x, -1)),
    "flip": (lambda x: x.flip(0), lambda x: np.flip(x, 0)),
    "roll": (lambda x: mg.roll(x, 1, 0), lambda x: np.roll(x, 1, 0)),
    "tail": (lambda x: x[1:], lambda x: x[1:]),
    "every other": (lambda x: x[..., ::-2], lambda x: x[..., ::-2]),
    "repeated rows": (lambda x: x[[0, -1, 0]], lambda x: x[[0, -1, 0]]),
    "mask": (lambda x: x[x > 0], lambda x: x[x > 0]),
    "pieces": (lambda x: sum(x.split(1)), lambda x: sum(np.split(x, max(1, len(x))))),
    "tril": (mg.tril, lambda x: np.tril(x if x.ndim > 1 else x[0, 0])),  # of two dimensions at least
    "own gradient": (lambda x: slope(x), lambda x: 3 * x**2 + np.cos(x)),
}
BINARY = {
    "add": (lambda x, y: x + y, np.add),
    "sub": (lambda x, y: x - y, np.subtract),
    "mul": (lambda x, y: x * y, np.multiply),
    "div": (lambda x, y: x / (y * y + 1), lambda x, y: x / (y * y + 1)),
    "pow": (lambda x, y: (x * x + 0.5) ** y, lambda x, y: (x * x + 0.5) ** y),
    "maximum": (mg.maximum, np.maximum),
    "where": (lambda x, y: mg.where(x > 0, x, y), lambda x, y: np.where(x > 0, x, y)),
    "matmul": (lambda x, y: x @ y, np.matmul),
    "einsum": (lambda x, y: mg.einsum("...i,...i->...", x, y), lambda x, y: np.einsum("...i,...i->...", x, y)),
    "cat": (lambda x, y: mg.cat([x, y, x]), lambda x, y: np.concatenate([x, y, x])),
    "stack": (lambda x, y: mg.stack([x, y], -1), lambda x, y: np.stack([x, y], -1)),
}
IN_PLACE = {
    "add_": lambda x, v: x.add_(v),
    "mul_": lambda x, v: x.mul_(v),
    "fill_": lambda x, v: x.fill_(v),
    "copy_": lambda x, v: x.copy_(np.full(x.shape, v)),
    "setting elements": lambda x, v: x.__setitem__(..., v),
    "setting some": lambda x, v: x.__setitem__(slice(0, 1), v),
}
MODES = {
    "as it is": lambda: mg.set_grad_enabled(mg.is_grad_enabled()),
    "no_grad": mg.no_grad,
    "switched off": lambda: mg.set_grad_enabled(False),
    "switched on": lambda: mg.enable_grad(),
}


def centred(x):
    return x - np.sum(x, -1, keepdims=True) / x.shape[-1]


def slope(x):
    """The derivative of x³ + sin x by a backward pass inside of the program, recorded: second derivatives meet it."""
    if not (x.requires_grad and mg.is_grad_enabled()):
        return 3 * x**2 + mg.cos(x)
    x = x * 1  # past the hooks of x itself, which would have their say in the result
    (g,) = mg.grad((x**3 + mg.sin(x)).sum(), x, create_graph=True)
    return g


class Entry:
    """A tensor of the program, and what the reference knows of it: how it was made, from copies of what it was made
    from. `delta` is how its value moves when leaves do; memory changed later does not change what was recorded."""

    def __init__(self, tensor, function=None, parents=()):
        self.tensor = tensor
        self.function = function
        self.parents = parents if tensor.requires_grad else ()
        self.inputs = [p.tensor.array.copy() if isinstance(p, Entry) else p for p in parents]
        self.factors = {}  # by hook: what it multiplies the gradient by
        self.touched = False  # memory of an input or of the output was changed since
        self.spent = False  # a backward that keeps nothing has been here
        self.retained = None  # the .grad expected of an intermediate result, once it is to be kept
        self.expected = None  # the .grad expected of a leaf

    def ancestors(self):
        found, todo = {self: None}, [self]
        while todo:
            for parent in todo.pop().parents:
                if isinstance(parent, Entry) and parent.tensor.requires_grad and parent not in found:
                    found[parent] = None
                    todo.append(parent)
        return list(found)

    def delta(self, moved, known):
        """How far the value moves when entries in `moved` do; `known` holds what is found already."""
        if self not in known:
            change = np.zeros(self.tensor.shape)
            if self.parents:
                shifted = [
                    value + p.delta(moved, known) if isinstance(p, Entry) and p.tensor.requires_grad else value
                    for p, value in zip(self.parents, self.inputs, strict=True)
                ]
                change = self.function(*shifted) - self.function(*self.inputs)
            known[self] = (change + moved.get(self, 0)) * np.prod(list(self.factors.values()))
        return known[self]


def quotients(entry, weight, source, step=1e-6):
    """∂⟨weight, entry⟩/∂source by central differences; NaN where the two sides disagree, as at a kink."""
    out = np.zeros(source.tensor.shape)
    for index in np.ndindex(out.shape):
        sides = []
        for sign in (1, -1):
            shift = np.zeros(out.shape)
            shift[index] = sign * step
            sides.append(sign * np.sum(weight * entry.delta({source: shift}, {})) / step)
        out[index] = np.mean(sides) if np.ptp(sides) <= 1e-3 * (1 + np.abs(sides).max()) else np.nan
    return out


class Program(RuleBasedStateMachine):
    """A program over tensors of a few elements, and the reference beside it."""

    compared = refused = unclear = 0

    def __init__(self):
        super().__init__()
        self.entries = []
        self.handles = []

    def pick(self, number):
        return self.entries[number % len(self.entries)]

    def like(self, number, wanted):
        """An entry that is wanted, if there is any."""
        found = [e for e in self.entries if wanted(e)]
        return found[number % len(found)] if found else None

    # ---- making ------------------------------------------------------------------------------------

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed):
        self.random = np.random.default_rng(seed)
        self.leaf((3,), True)
        self.leaf((2, 3), True)

    @rule(shape=st.sampled_from([(), (1,), (3,), (2, 3), (3, 2), (2, 1), (0,), (2, 0)]), wants=st.booleans())
    def leaf(self, shape, wants):
        self.entries.append(Entry(mg.tensor(self.random.standard_normal(shape), mg.float64, requires_grad=wants)))

    def apply(self, ours, theirs, operands, mode="as it is"):
        values = [o.tensor.array.copy() if isinstance(o, Entry) else o for o in operands]
        with np.errstate(all="ignore"):
            try:
                expected = np.asarray(theirs(*values))
            except (ValueError, IndexError, TypeError, ZeroDivisionError):
                expected = None
        if expected is not None and (expected.size > 24 or not np.all(np.abs(expected) < 100)):
            return
        versions = [e.tensor.version[0] for e in self.entries]
        with MODES[mode]():
            try:
                result = ours(*[o.tensor if isinstance(o, Entry) else o for o in operands])
            except (ValueError, IndexError, TypeError) as error:
                assert expected is None, f"refused without need: {error}"
                assert len(str(error)) > 10
                Program.refused += 1
                assert versions == [e.tensor.version[0] for e in self.entries]
                return
            recording = mg.is_grad_enabled()
        self.note_retained()
        if expected is None:  # PyTorch lets a scalar have a dimension 0 and -1, and cat skips (0,); NumPy does not
            assert any(np.shape(v) in ((), (0,)) for v in values), f"gave {result} where NumPy refuses"
            return
        assert result.shape == expected.shape
        np.testing.assert_allclose(result.array, expected, rtol=1e-9, atol=1e-9)
        depends = any(isinstance(o, Entry) and o.tensor.requires_grad for o in operands)
        assert result.requires_grad == (depends and recording), "recorded where it should not be, or the reverse"
        if not any(e.tensor is result for e in self.entries):
            self.entries.append(Entry(result, theirs, operands))

    @rule(name=st.sampled_from(sorted(UNARY)), i=st.integers(0), mode=st.sampled_from(sorted(MODES)))
    def unary(self, name, i, mode):
        self.apply(*UNARY[name], [self.pick(i)], mode)

    @rule(name=st.sampled_from(sorted(BINARY)), i=st.integers(0), j=st.integers(0), mode=st.sampled_from(sorted(MODES)))
    def binary(self, name, i, j, mode):
        self.apply(*BINARY[name], [self.pick(i), self.pick(j)], mode)

    @rule(name=st.sampled_from(["add", "sub", "mul", "div"]), i=st.integers(0), number=st.sampled_from([0, 2, -0.5]))
    def with_number(self, name, i, number):
        self.apply(*BINARY[name], [self.pick(i), number])
        if name != "div":
            self.apply(*BINARY[name], [number, self.pick(i)])

    @rule(i=st.integers(0))
    def detach(self, i):
        self.entries.append(Entry(self.pick(i).tensor.detach()))

    # ---- changing ------------------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(sorted(IN_PLACE)), i=st.integers(0), value=st.sampled_from([0.5, -1.0]), off=st.booleans()
    )
    def change(self, name, i, value, off):
        entry = self.pick(i)
        before = [e.tensor.array.copy() for e in self.entries]
        if not off and entry.tensor.requires_grad and not entry.tensor.is_leaf:
            return  # recorded; see add_to_name
        try:
            with mg.set_grad_enabled(not off):
                IN_PLACE[name](entry.tensor, value)
        except (RuntimeError, ValueError, IndexError) as error:
            told = str(error)
            if isinstance(error, RuntimeError):
                assert "cannot be changed in place" in told or "share one place in memory" in told
            else:
                assert "read-only" in told or "too many indices" in told, told
            for e, data in zip(self.entries, before, strict=True):
                np.testing.assert_array_equal(e.tensor.array, data)
            Program.refused += 1
            return
        assert off or not entry.tensor.requires_grad
        changed = [e for e in self.entries if np.shares_memory(e.tensor.array, entry.tensor.array)]
        for e in self.entries:
            e.touched = e.touched or any(c is e or c in e.parents for c in changed)
        for e in changed:
            if e.tensor.view_of is not None:  # a view takes a new place in the graph; its hooks stay at the old one
                e.factors = {}
                self.handles = [kept for kept in self.handles if kept[0] is not e]

    @rule(i=st.integers(0), j=st.integers(0))
    def add_to_name(self, i, j):
        """`x += y` in recorded code, on a result that shares its memory with nothing: x gets a new history."""
        x, y = self.pick(i), self.pick(j)
        alone = not any(e is not x and np.shares_memory(e.tensor.array, x.tensor.array) for e in self.entries)
        plain = x.tensor.view_of is None and not x.factors and x.retained is None
        if not (alone and plain and x.tensor.requires_grad and not x.tensor.is_leaf):
            return
        if np.broadcast_shapes(x.tensor.shape, y.tensor.shape) != x.tensor.shape if self.fit(x, y) else True:
            return
        changed = Entry(x.tensor, np.add, (x, y))
        if not np.all(np.abs(np.add(*changed.inputs)) < 100):
            return
        x.tensor += y.tensor
        self.note_retained()
        np.testing.assert_allclose(x.tensor.array, np.add(*changed.inputs))
        for e in self.entries:
            e.touched = e.touched or e is x or x in e.parents
        self.entries[self.entries.index(x)] = changed

    def fit(self, x, y):
        try:
            np.broadcast_shapes(x.tensor.shape, y.tensor.shape)
        except ValueError:
            return False
        return True

    # ---- hooks -------------------------------------------------------------------------------------------

    @rule(i=st.integers(0), factor=st.sampled_from([None, -1.0, 0.5, 2.0]))
    def hook(self, i, factor):
        entry = self.like(i, lambda e: e.tensor.requires_grad)
        seen = []

        def scale(g):
            seen.append((g, g.array.copy()))
            return None if factor is None else g * factor

        handle = entry.tensor.register_hook(scale)
        entry.factors[handle.number] = factor or 1.0
        self.handles.append((entry, handle, seen))

    @precondition(lambda self: self.handles)
    @rule(i=st.integers(0))
    def unhook(self, i):
        entry, handle, _ = self.handles.pop(i % len(self.handles))
        handle.remove()
        handle.remove()
        del entry.factors[handle.number]

    @rule(i=st.integers(0))
    def retain_grad(self, i):
        entry = self.like(i, lambda e: e.tensor.requires_grad and not e.tensor.is_leaf)
        if entry is not None:
            entry.tensor.retain_grad()
            entry.retained = True

    @rule(i=st.integers(0), way=st.sampled_from(["None", "zero_"]))
    def zero_grad(self, i, way):
        entry = self.pick(i)
        if entry.tensor.grad is not None:
            if way == "None":
                entry.tensor.grad = entry.expected = None
            else:
                entry.tensor.grad.zero_()
                entry.expected = np.zeros(entry.tensor.shape)

    def note_retained(self):
        """grad() gives results that retain their gradient one more: what it is, `backward` compares."""
        for e in self.entries:
            if e.retained and e.tensor.grad is not None:
                e.tensor.grad = e.tensor.grad.detach()  # a recorded .grad refers to its tensor: a cycle, as in PyTorch
                e.expected = e.tensor.grad.array.copy()

    # ---- gradients -----------------------------------------------------------------------------------------

    def reasons(self, entry):
        """What a backward from here may rightly complain of."""
        made = [a for a in entry.ancestors() if not a.tensor.is_leaf]
        return {
            "changed in place": any(a.touched for a in made),
            "a second time": any(a.spent for a in made),
        }

    def account_for(self, error, entry):
        told = str(error)
        assert any(real and text in told for text, real in self.reasons(entry).items()), f"no reason to say: {told}"
        Program.refused += 1

    def agree(self, found, expected):
        """Compare, and give what to expect from here on: where the reference is unclear, what was found."""
        clear = np.isfinite(expected)
        Program.compared += clear.all()
        Program.unclear += not clear.all()
        scale = 1 + np.abs(expected[clear]).max(initial=0)
        np.testing.assert_allclose(found[clear], expected[clear], rtol=1e-4, atol=2e-5 * scale)
        return found.copy()

    @rule(i=st.integers(0), ones=st.booleans(), retain=st.booleans(), some=st.booleans())
    def backward(self, i, ones, retain, some):
        root = self.like(i, lambda e: e.tensor.requires_grad)
        shape = root.tensor.shape
        weight = np.ones(shape) if ones else self.random.standard_normal(shape)
        upstream = None if ones and root.tensor.array.size == 1 else mg.tensor(weight)
        ancestors = root.ancestors()
        leaves = [a for a in ancestors if a.tensor.is_leaf]
        leaves = leaves[:1] if some else leaves
        kept = [] if some else [a for a in ancestors if a.retained]
        before = {e: None if e.tensor.grad is None else e.tensor.grad.array.copy() for e in self.entries}
        try:
            root.tensor.backward(upstream, retain_graph=retain, inputs=[e.tensor for e in leaves] if some else None)
        except RuntimeError as error:
            self.account_for(error, root)
            for a in ancestors:
                a.spent = a.spent or not retain
            for e, g in before.items():
                if e.tensor.is_leaf:
                    np.testing.assert_equal(None if e.tensor.grad is None else e.tensor.grad.array, g)
            self.note_retained()
            return
        if upstream is not None:
            np.testing.assert_array_equal(upstream.array, weight)
            if not any(a.factors for a in ancestors):  # a hook may well be shown the upstream gradient itself
                upstream.fill_(np.nan)  # nobody may look at it from here on
        for entry in (*leaves, *kept):
            g = entry.tensor.grad
            assert g.shape == entry.tensor.shape
            assert g.dtype == entry.tensor.dtype
            so_far = 0 if entry.expected is None else entry.expected
            entry.expected = self.agree(g.array, so_far + quotients(root, weight, entry))
        for e, g in before.items():
            if e not in leaves and e not in kept and e.tensor.is_leaf:
                np.testing.assert_equal(None if e.tensor.grad is None else e.tensor.grad.array, g)
        for a in ancestors:
            a.spent = a.spent or not retain
        self.note_retained()

    @rule(i=st.integers(0), j=st.integers(0))
    def grad(self, i, j):
        """`grad` gives what backward would, touches no `.grad`, and says when there is no path."""
        root = self.like(i, lambda e: e.tensor.requires_grad)
        source = self.like(j, lambda e: e.tensor.requires_grad)
        weight = self.random.standard_normal(root.tensor.shape)
        try:
            (g,) = mg.grad(root.tensor, source.tensor, mg.tensor(weight), retain_graph=True)
        except RuntimeError as error:
            if source not in root.ancestors():
                assert "do not depend on input 0" in str(error)
            else:
                self.account_for(error, root)
            return
        finally:
            self.note_retained()
        self.agree(g.array, quotients(root, weight, source))

    @rule(i=st.integers(0), j=st.integers(0))
    def second_derivative(self, i, j):
        """∂²/∂s∂t of ⟨w, root(leaf + s·u + t·v)⟩, by grad of grad and by differences of differences."""
        root = self.like(i, lambda e: e.tensor.requires_grad)
        source = self.like(j, lambda e: e.tensor.requires_grad and e.tensor.is_leaf and e in root.ancestors())
        if source is None or any(a.factors for a in root.ancestors()):
            return
        shape = source.tensor.shape
        w, u, v = (self.random.standard_normal(s) for s in (root.tensor.shape, shape, shape))
        try:
            (g,) = mg.grad(root.tensor, source.tensor, mg.tensor(w), create_graph=True)
            if not g.requires_grad:
                second = 0.0
            else:
                (gg,) = mg.grad((g * mg.tensor(u)).sum(), source.tensor, retain_graph=True, allow_unused=True)
                second = 0.0 if gg is None else float(np.sum(gg.array * v))
        except RuntimeError as error:
            self.account_for(error, root)
            return
        finally:
            self.note_retained()

        def difference(h):
            value = {
                (s, t): np.sum(w * root.delta({source: h * (s * u + t * v)}, {})) for s in (1, -1) for t in (1, -1)
            }
            return (value[1, 1] - value[1, -1] - value[-1, 1] + value[-1, -1]) / (4 * h * h)

        coarse, fine = difference(2e-3), difference(1e-3)
        if abs(coarse - fine) <= 1e-3 * (1 + abs(fine)):  # else a kink, or too steep to say
            Program.compared += 1
            assert abs(second - (4 * fine - coarse) / 3) <= 5e-3 * (1 + abs(fine))
        else:
            Program.unclear += 1

    # ---- what holds at all times ---------------------------------------------------------------------

    def teardown(self):
        for _, _, seen in self.handles:
            for g, as_seen in seen:
                np.testing.assert_array_equal(g.array, as_seen)  # nobody changed what a hook was shown
        owners = [e.tensor.grad.array for e in self.entries if e.tensor.grad is not None]
        for n, a in enumerate(owners):
            assert not any(np.shares_memory(a, b) for b in owners[:n])
            assert not any(np.shares_memory(a, e.tensor.array) for e in self.entries)
        assert mg.is_grad_enabled()
        # Without the collector, the graph goes when the last name does.
        nodes = [weakref.ref(e.tensor.node) for e in self.entries if e.tensor.requires_grad]
        enabled = gc.isenabled()
        gc.disable()
        try:
            self.entries.clear()
            self.handles.clear()
            assert not any(node() for node in nodes), "a reference cycle keeps the graph"
        finally:
            if enabled:
                gc.enable()


def test_random_programs_have_the_gradients_of_difference_quotients():
    Program.compared = Program.refused = Program.unclear = 0
    run_state_machine_as_test(
        Program,
        settings=settings(
            max_examples=20_000 if FULL else 200,
            stateful_step_count=30,
            deadline=None,
            derandomize=not FULL,
            database=None,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"compared {Program.compared}, unclear {Program.unclear}, refused {Program.refused}")
    assert Program.compared > 10 * Program.unclear
    assert Program.refused > 100  # the errors are tried, too


# ---------------------------------------------------------------------------- what such programs found


def test_a_gradient_does_not_share_memory_with_the_upstream_gradient():
    x, upstream = mg.ones(3, requires_grad=True), mg.ones(3)
    for _ in range(2):
        (x + 0).backward(upstream)
    assert upstream.tolist() == [1, 1, 1]
    assert x.grad.tolist() == [2, 2, 2]


def test_a_gradient_does_not_share_memory_with_what_a_hook_kept():
    x, seen = mg.ones(3, requires_grad=True), []
    y = x + 1
    y.register_hook(seen.append)
    (y * 2).sum().backward()
    x.grad.fill_(7)
    assert seen[0].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    "pick",
    [
        lambda x, i: x[i],
        lambda x, i: x[0, i],
        lambda x, i: mg.index_select(x, 1, i),
        lambda x, i: mg.gather(x, 1, i.reshape(1, 2)),
        lambda x, i: mg.take_along_dim(x, i.reshape(1, 2), 1),
    ],
)
def test_an_index_changed_after_use_does_not_turn_the_gradient_wrong(pick):
    def gradient(change):
        x, i = mg.zeros(3, 3, requires_grad=True), mg.tensor([0, 1])
        y = pick(x, i)
        if change:
            i.fill_(2)
        try:
            y.sum().backward()
        except RuntimeError as error:
            return str(error)
        return x.grad.tolist()

    assert gradient(True) == gradient(False) or "changed in place" in gradient(True)


def test_an_index_array_of_numpy_may_change_after_use():
    x, i = mg.zeros(3, requires_grad=True), np.array([0, 1])
    y = x[i]
    i[:] = 2
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


def test_a_dtype_that_does_not_fit_in_place_is_named():
    x = mg.tensor([1, 2])
    with pytest.raises(TypeError, match=r"add_\(int64\[2\]\): the result is float32, which"):
        x.add_(0.5)
    assert x.tolist() == [1, 2]


@pytest.mark.parametrize("dtype", [mg.float32, mg.int64, mg.bool])
def test_contiguous_is_row_major_and_keeps_the_dtype(dtype):
    x = mg.ones(2, 3, dtype=dtype).T
    y = x.contiguous()
    assert y.array.flags.c_contiguous
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.array, x.array)


def test_a_change_in_place_that_fails_changes_nothing():
    x, y = mg.tensor([1.0, 2.0]), mg.ones(2, requires_grad=True)
    product = x * y
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        x.div_(mg.tensor([2.0, 0.0]))  # the first element can be divided, the second cannot
    assert x.tolist() == [1, 2]
    product.sum().backward()
    assert y.grad.tolist() == [1, 2]


def test_a_backward_that_fails_on_its_way_changes_no_gradient():
    x = mg.ones(2, requires_grad=True)
    spent = (x * x).sum()
    spent.backward()
    late = mg.ones(2, requires_grad=True)  # younger than the operation that fails, so backward meets it before
    before = x.grad.tolist()
    with pytest.raises(RuntimeError, match="a second time through mul"):
        (spent + (late * 2).sum()).backward()
    assert late.grad is None
    assert x.grad.tolist() == before


@pytest.mark.parametrize("operand", [1j, np.array([1j, 2]), np.complex64(1)])
def test_a_complex_operand_is_refused(operand):
    x = mg.ones(2, requires_grad=True)
    with pytest.raises(TypeError, match=r"^mul\(.*the result would be complex"):
        x * operand


def test_an_optimizer_refuses_a_gradient_of_another_shape():
    x, y = mg.ones(3, requires_grad=True), mg.ones(3, requires_grad=True)
    x.grad, y.grad = mg.ones(3), mg.ones(3)
    y.data = mg.ones(2)
    with pytest.raises(ValueError, match=r"^SGD: a parameter float32\[2\] has a gradient float32\[3\]"):
        optim.SGD([x, y], lr=0.1).step()
    assert x.tolist() == [1, 1, 1] and y.tolist() == [1, 1]
