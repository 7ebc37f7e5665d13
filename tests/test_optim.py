"""Optimizers: PyTorch's numbers, groups, state, and what is refused. Values come from PyTorch 2.13 in float64."""

import copy
import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim import (
    ASGD,
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)

TRAJECTORIES = [  # where [1, -2] is after six steps of `descend`
    (SGD, {"lr": 0.1}, [0.586097785371, -6.66762688309]),
    (SGD, {"lr": 0.1, "weight_decay": 0.1, "maximize": True}, [1.5302443858, -1.68285009209]),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}, [0.176865675953, -12.3274636828]),
    (SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1, "nesterov": True}, [-0.126811792154, -156.714971232]),
    (Adam, {}, [0.995161977483, -2.00442272774]),
    (Adam, {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}, [0.53500913307, -2.46495971226]),
    (Adam, {"lr": 0.1, "amsgrad": True, "maximize": True}, [1.492253027, -1.60372646851]),
    (AdamW, {}, [0.995112089267, -2.00432254666]),
    (AdamW, {"lr": 0.1, "betas": (0.8, 0.95), "weight_decay": 0.1, "amsgrad": True}, [0.50340377687, -2.35219895093]),
    (RMSprop, {}, [0.707530272855, -2.2409089055]),
    (
        RMSprop,
        {"lr": 0.1, "alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.9},
        [-0.670163223423, -5.42258501157],
    ),
    (RMSprop, {"lr": 0.1, "alpha": 0.9, "centered": True, "maximize": True}, [2.37343231126, -1.68432807072]),
    (Adagrad, {}, [0.968859563284, -2.02053735131]),
    (
        Adagrad,
        {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.3, "eps": 1e-3},
        [0.757461205213, -2.21120320916],
    ),
]
EACH = pytest.mark.parametrize(("kind", "options", "expected"), TRAJECTORIES)
KINDS = pytest.mark.parametrize(
    "kind", [SGD, ASGD, Rprop, Adam, AdamW, Adamax, NAdam, RAdam, RMSprop, Adagrad, Adadelta]
)


def parameter(values=(1.0, -2.0), dtype=mg.float64):
    return mg.tensor(values, dtype=dtype, requires_grad=True)


def descend(p, optimizer, steps):
    """Six steps along gradients that depend on the step and the place; the fourth without any."""
    for t in steps:
        a, b = p.tolist()
        p.grad = None if t == 3 else mg.tensor([np.sin(3 * t) + a, 0.5 - t + b**2], dtype=p.dtype)
        optimizer.step()


@EACH
def test_each_step_is_pytorchs(kind, options, expected):
    p = parameter()
    descend(p, kind([p], **options), range(6))
    np.testing.assert_allclose(p.array, expected, rtol=1e-10)


@EACH
def test_float32_stays_float32_and_close(kind, options, expected):
    p = parameter(dtype=mg.float32)
    optimizer = kind([p], **options)
    descend(p, optimizer, range(6))
    np.testing.assert_allclose(p.array, expected, rtol=2e-5)
    arrays = [v for v in optimizer.state[p].values() if isinstance(v, np.ndarray)]
    assert {a.dtype for a in arrays} <= {mg.float32}


@EACH
def test_a_state_that_was_saved_and_loaded_continues_the_same(kind, options, expected, tmp_path):
    p = parameter()
    optimizer = kind([p], **options)
    descend(p, optimizer, range(3))
    mg.save([p, optimizer.state_dict()], tmp_path / "state.npz")
    q, state = mg.load(tmp_path / "state.npz")
    resumed = kind([q])  # all its options come from the state
    resumed.load_state_dict(state)
    descend(q, resumed, range(3, 6))
    np.testing.assert_allclose(q.array, expected, rtol=1e-10)


def test_the_update_is_in_place_and_seen_by_backward():
    p = parameter()
    memory, optimizer = p.array, SGD([p], lr=0.1)
    loss = (p * p).sum()
    p.grad = mg.ones(2, dtype=mg.float64)
    optimizer.step()
    assert p.array is memory
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@KINDS
def test_a_step_of_a_large_parameter_asks_for_no_memory_after_the_first(kind):
    p = mg.zeros(4000, 1000, requires_grad=True)
    p.grad = mg.ones(4000, 1000)
    decay = {"weight_decay": 0.1} if kind is not Rprop else {}
    optimizer = kind([p], **decay, **({"momentum": 0.9} if kind in (SGD, RMSprop) else {}))
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < p.array.nbytes / 2


def test_parameters_without_a_gradient_are_left_alone():
    p, q = parameter(), parameter()
    p.grad = mg.ones(2, dtype=mg.float64)
    optimizer = SGD([p, q], lr=1.0, weight_decay=0.5)
    optimizer.step()
    assert p.tolist() == [-0.5, -2.0] and q.tolist() == [1.0, -2.0]
    assert q not in optimizer.state


def test_groups_have_options_of_their_own():
    p, q = parameter(), parameter()
    optimizer = SGD([{"params": [p], "lr": 1.0}, {"params": q}], lr=0.5)
    optimizer.add_param_group({"params": [r := parameter()], "momentum": 0.9})
    for tensor in (p, q, r):
        tensor.grad = mg.ones(2, dtype=mg.float64)
    optimizer.step()
    assert [t.tolist() for t in (p, q, r)] == [[0.0, -3.0], [0.5, -2.5], [0.5, -2.5]]
    assert set(optimizer.state[r]) == {"momentum_buffer"} and not optimizer.state[p]


def test_zero_grad_drops_gradients_or_fills_them_with_zeros():
    p = parameter()
    optimizer = SGD([p])
    p.grad = mg.ones(2, dtype=mg.float64)
    gradient = p.grad
    optimizer.zero_grad(set_to_none=False)
    assert p.grad is gradient and gradient.tolist() == [0, 0] and gradient.dtype == mg.float64
    (p**3).sum().backward(create_graph=True)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0] and not p.grad.requires_grad
    optimizer.zero_grad()
    assert p.grad is None


def test_a_closure_computes_the_loss_and_may_run_under_no_grad():
    p = parameter()
    optimizer = SGD([p], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with mg.no_grad():
        assert optimizer.step(closure).item() == 5
    assert p.tolist() == [0.5, -1.0]


def test_any_generator_of_parameters_will_do():
    model = mg.nn.Linear(2, 3)
    assert len(Adam(model.parameters()).param_groups[0]["params"]) == 2


def test_the_state_dict_has_pytorchs_layout():
    p, q = parameter(), parameter()
    optimizer = Adam([{"params": [p]}, {"params": [q], "lr": 0.5}])
    q.grad = mg.ones(2, dtype=mg.float64)
    optimizer.step()
    state = optimizer.state_dict()
    assert [group["params"] for group in state["param_groups"]] == [[0], [1]]
    assert state["param_groups"][1]["lr"] == 0.5
    assert set(state["state"]) == {1} and set(state["state"][1]) == {"step", "exp_avg", "exp_avg_sq"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("param_groups"), "nothing changed:\n  it is not what state_dict returned .*param_groups"),
        (lambda s: s["param_groups"].pop(), "groups of .* parameters were saved"),
        (lambda s: s["param_groups"][0].pop("betas"), "group 0 lacks betas"),
        (lambda s: s["state"].update({7: {}}), r"a state of parameter \[7\], which no group has"),
        (
            lambda s: s["state"][0].update(exp_avg=np.zeros(3)),
            r"size mismatch for exp_avg of parameter 0: \(3,\) given, expected \(2,\)",
        ),
        (
            lambda s: s["state"][0].update(exp_avg=np.array(["a", "b"])),
            "dtype mismatch for exp_avg of parameter 0: <U1 given",
        ),
    ],
)
def test_loading_a_wrong_state_says_what_is_wrong_and_changes_nothing(change, words):
    p = parameter()
    optimizer = Adam([p])
    descend(p, optimizer, range(2))
    before = copy.deepcopy(optimizer.state_dict())
    wrong = copy.deepcopy(before)
    wrong["param_groups"][0]["lr"] = 123.0
    change(wrong)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(wrong)
    np.testing.assert_equal(optimizer.state_dict(), before)


def test_loading_lists_all_that_is_wrong():
    p = parameter()
    optimizer = Adam([p])
    descend(p, optimizer, range(1))
    wrong = copy.deepcopy(optimizer.state_dict())
    wrong["state"][0].update(exp_avg=np.zeros(3), exp_avg_sq=np.zeros(4))
    with pytest.raises(ValueError, match=r"(?s)exp_avg of .*\(3,\).*exp_avg_sq of .*\(4,\)"):
        optimizer.load_state_dict(wrong)


def test_a_loaded_state_is_a_copy():
    p, q = parameter(), parameter()
    first, second = SGD([p], momentum=0.9), SGD([q], momentum=0.9)
    descend(p, first, range(2))
    second.load_state_dict(first.state_dict())
    before = second.state[q]["momentum_buffer"].copy()
    descend(p, first, range(2))
    np.testing.assert_array_equal(second.state[q]["momentum_buffer"], before)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: SGD([]), ValueError, "optimizer got an empty parameter list"),
        (lambda: SGD(parameter()), TypeError, "a single Tensor"),
        (lambda: SGD([{"params": {parameter(), parameter()}}]), TypeError, "order"),
        (lambda: SGD([np.zeros(2)]), TypeError, "parameter 0 is no Tensor but ndarray"),
        (lambda: SGD([parameter() * 2]), ValueError, "computed by <mul"),
        (lambda: SGD([p := parameter(), p]), ValueError, "more than once"),
        (lambda: SGD([{"params": [p := parameter()]}, {"params": [p]}]), ValueError, "more than one parameter group"),
        (
            lambda: SGD([{"params": [parameter()], "weight_dacay": 1}]),
            ValueError,
            r"unknown option weight_dacay; did you mean weight_decay\?",
        ),
        (lambda: SGD([{"params": [parameter()]}, [parameter()]]), TypeError, "expected a group"),
        (lambda: SGD([parameter()], lr=-1.0), ValueError, "lr must be at least 0, got -1.0"),
        (lambda: SGD([parameter()], nesterov=True), ValueError, "nesterov needs a momentum"),
        (lambda: Adam([parameter()], betas=(0.9, 1.0)), ValueError, r"betas must be below 1, got \(0.9, 1.0\)"),
        (lambda: Adam([{"params": [parameter()], "eps": -1}]), ValueError, "eps must be at least 0, got -1"),
        (lambda: RMSprop([parameter()], alpha=float("nan")), ValueError, "alpha must be at least 0, got nan"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_refused_group_is_not_added():
    optimizer = SGD([parameter()])
    with pytest.raises(ValueError, match="lr"):
        optimizer.add_param_group({"params": [parameter()], "lr": -1})
    assert len(optimizer.param_groups) == 1


def test_a_new_optimizer_is_a_defaults_dictionary_and_an_update():
    class SignDescent(Optimizer):
        def update(self, p, g, state, group):
            p -= group["lr"] * np.sign(g)

    p = parameter()
    p.grad = mg.tensor([5.0, -0.1], dtype=mg.float64)
    SignDescent([p], {"lr": 0.5}).step()
    assert p.tolist() == [0.5, -1.5]


def test_names_that_are_not_here_say_what_is():
    with pytest.raises(AttributeError, match=r"'adam'; did you mean 'Adam'\?"):
        _ = optim.adam


def test_the_repr_shows_groups_and_options():
    lines = repr(SGD([parameter()], lr=0.1)).splitlines()
    assert lines[:4] == ["SGD (", "Parameter Group 0", "    capturable: False", "    dampening: 0.0"]
    assert "    lr: 0.1" in lines and lines[-1] == ")"


@pytest.mark.parametrize(
    ("key", "value", "cause"),
    [
        ("step", mg.tensor([1.0, -2.0]), "not like 0"),
        ("step", -1.0, "not a number of steps"),
        ("exp_avg", np.array([0, 4e38]), "beyond float32"),
    ],
)
def test_a_state_that_cannot_be_taken_over_exactly_is_refused(key, value, cause):
    p = mg.ones(2, requires_grad=True)
    optimizer = optim.Adam([p])
    p.grad = mg.ones(2)
    optimizer.step()
    state = optimizer.state_dict()
    with pytest.raises(ValueError, match=cause):
        optimizer.load_state_dict({**state, "state": {0: {**state["state"][0], key: value}}})
    assert optimizer.state_dict()["state"][0]["step"] == 1


def test_numbers_of_numpy_in_a_state_become_python_s():
    optimizer = optim.SGD([mg.ones(2, requires_grad=True)], lr=0.1)
    schedule = optim.lr_scheduler.StepLR(optimizer, 3)
    state = schedule.state_dict()
    schedule.load_state_dict({**state, "last_epoch": np.int8(127)})
    assert type(schedule.last_epoch) is int
    schedule.load_state_dict(state)


# ------------------------------------------------------------------------------------------ what PyTorch's users do


@KINDS
def test_large_parameters_are_updated_block_by_block_as_small_ones_are_at_once(kind):
    values, gradients = np.random.default_rng(0).standard_normal((2, 3, 250, 100))
    whole, rows = parameter(values), [parameter(row) for row in values.reshape(750, 100)]
    for t in range(3):
        for p, g in ((whole, gradients), *zip(rows, gradients.reshape(750, 100), strict=True)):
            p.grad = mg.tensor(g * (1 - t))
        if t == 0:
            first, second = kind([whole]), kind(rows)
        first.step()
        second.step()
    np.testing.assert_array_equal(whole.array.reshape(750, 100), [row.array for row in rows])


@KINDS
def test_memory_of_any_layout_is_updated(kind):
    values = np.random.default_rng(0).standard_normal((200, 100))
    plain, odd = parameter(values), parameter(values)
    for p, layout in ((plain, np.ascontiguousarray), (odd, np.asfortranarray)):
        optimizer = kind([p])
        for _ in range(2):
            p.grad = mg.tensor(layout(values**2))
            optimizer.step()
    np.testing.assert_array_equal(plain.array, odd.array)


@KINDS
def test_flags_that_choose_among_programs_change_nothing_and_maximize_goes_up(kind):
    def run(**options):
        p = parameter()
        optimizer = kind([p], lr=0.1, **options)
        descend(p, optimizer, range(3))
        return p.tolist()

    assert run() == run(foreach=True) == run(fused=True) == run(capturable=True, foreach=False) != run(maximize=True)
    with pytest.raises(ValueError, match="differentiable=True is not here: no step is recorded"):
        run(differentiable=True)
    with pytest.raises(RuntimeError, match="fused and foreach cannot be True together"):
        run(fused=True, foreach=True)


def test_parameters_may_have_names():
    layer = mg.nn.Linear(2, 3)
    optimizer = Adam(layer.named_parameters())
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"][1] is layer.bias
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="groups should be with/without names"):
        optimizer.add_param_group({"params": [parameter()]})
    with pytest.raises(ValueError, match="params should be with/without names"):
        SGD([("a", parameter()), parameter()])
    groups = SGD([{"params": (p for _, p in layer.named_parameters())}, {"params": []}]).param_groups
    assert [len(group["params"]) for group in groups] == [2, 0]


def test_a_group_may_keep_what_a_script_likes():
    optimizer = SGD([{"params": [parameter()], "lr_scale": 0.5, "name": "head", "tags": ["a"]}])
    assert optimizer.param_groups[0]["lr_scale"] == 0.5
    state = optimizer.state_dict()
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[0]["tags"] == ["a"]


@KINDS
def test_a_rate_that_is_a_tensor_counts_as_its_number(kind):
    p, q = parameter(), parameter()
    descend(p, kind([p], lr=mg.tensor(0.25)), range(3))
    descend(q, kind([q], lr=0.25), range(3))
    assert p.tolist() == q.tolist()
    with pytest.raises(ValueError, match=r"an lr that is a Tensor must have one element, got shape \(2,\)"):
        kind([p], lr=mg.ones(2))


def test_hooks_are_called_around_a_step():
    p, calls = parameter(), []
    optimizer = SGD([p], lr=0.5)
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append(("before", p.tolist())))
    optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append(("after", p.tolist())))
    p.grad = mg.ones(2, dtype=mg.float64)
    optimizer.step()
    before.remove()
    optimizer.step()
    assert calls == [("before", [1.0, -2.0]), ("after", [0.5, -2.5]), ("after", [0.0, -3.0])]


def test_an_optimizer_of_ones_own_is_written_as_in_pytorch():
    class Momentum(Optimizer):
        note: int = 3  # no option: the class is not declared

        def __init__(self, params, lr=0.1):
            super().__init__(params, {"lr": lr, "momentum": 0.5})

        @mg.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    state = self.state[p]
                    if len(state) == 0:
                        state["v"] = mg.zeros_like(p)
                    state["v"].mul_(group["momentum"]).add_(p.grad)
                    p.sub_(state["v"] * group["lr"])

    p = parameter()
    optimizer = Momentum([p], lr=0.5)
    optimizer.register_step_post_hook(lambda *_: None)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    for _ in range(2):
        p.grad = mg.ones(2, dtype=mg.float64)
        optimizer.step()
        schedule.step()
    assert p.tolist() == [1 - 0.5 - 0.25 * 1.5, -2 - 0.5 - 0.25 * 1.5]
    again = Momentum([p])
    again.load_state_dict(optimizer.state_dict())
    assert again.state[p]["v"].tolist() == [1.5, 1.5] and again.param_groups[0]["lr"] == 0.125


def test_a_subclass_of_an_optimizer_keeps_its_constructor():
    class Warm(Adam):
        scale: float = 2.0

        def __init__(self, params, extra, **options):
            super().__init__(params, lr=0.25, **options)
            self.extra = extra

    optimizer = Warm([parameter()], 7, amsgrad=True)
    assert optimizer.extra == 7 and optimizer.scale == 2.0 and "scale" not in optimizer.defaults
    assert optimizer.defaults["lr"] == 0.25 and optimizer.defaults["amsgrad"] and not hasattr(optimizer, "lr")


# ------------------------------------------------------------------------------------------------------------ L-BFGS


def valley(p):
    """Rosenbrock's function."""
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def descend_the_valley(optimizer, p, steps):
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = valley(p)
        loss.backward()
        return loss

    for _ in range(steps):
        losses.append(optimizer.step(closure).item())
    return losses


LBFGS_PATHS = [  # PyTorch 2.13, float64: where [-1.2, 1] is after three steps, and the losses that they return
    ({"lr": 0.1}, [-0.549952173032, 0.282568643113], [24.2, 4.26533600578, 4.04698291562]),
    (
        {"line_search_fn": "strong_wolfe", "max_iter": 4},
        [-0.516027772885, 0.22654582579],
        [24.2, 4.12112677577, 3.90914427952],
    ),
    (
        {"lr": 0.5, "max_iter": 5, "history_size": 2, "line_search_fn": "strong_wolfe"},
        [-0.679161038505, 0.449544826486],
        [24.2, 4.14933754496, 4.08754511532],
    ),
    (
        {"max_iter": 8, "max_eval": 3, "line_search_fn": "strong_wolfe"},
        [-1.02030848039, 1.03527698665],
        [24.2, 4.14692710257, 4.12112677577],
    ),
]


@pytest.mark.parametrize(("options", "place", "losses"), LBFGS_PATHS)
def test_lbfgs_goes_pytorchs_way(options, place, losses):
    p = parameter([-1.2, 1.0])
    found = descend_the_valley(LBFGS([p], **options), p, 3)
    np.testing.assert_allclose(found, losses, rtol=1e-9)
    np.testing.assert_allclose(p.array, place, rtol=1e-9)


def test_lbfgs_finds_the_bottom_of_a_valley_and_its_state_continues_the_same(tmp_path):
    p = parameter([-1.2, 1.0])
    optimizer = LBFGS([p], line_search_fn="strong_wolfe", max_iter=5)
    descend_the_valley(optimizer, p, 2)
    mg.save([p, optimizer.state_dict()], tmp_path / "state.npz")
    q, state = mg.load(tmp_path / "state.npz")
    resumed = LBFGS([q])
    resumed.load_state_dict(state)
    assert descend_the_valley(resumed, q, 12) == descend_the_valley(optimizer, p, 12)
    np.testing.assert_allclose(p.array, [1, 1], rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.update(d=np.zeros(3)), r"size mismatch for d of parameter 0: \(3,\) given, expected \(2,\)"),
        (lambda s: s.update(ro=s["ro"][:-1]), "old_dirs, old_stps and ro of parameter 0 are not of one length"),
        (lambda s: s.pop("t"), "the state of parameter 0 lacks t"),
    ],
)
def test_a_wrong_state_of_lbfgs_is_refused(change, words):
    p = parameter([-1.2, 1.0])
    optimizer = LBFGS([p], max_iter=3)
    descend_the_valley(optimizer, p, 1)
    state = copy.deepcopy(optimizer.state_dict())
    change(state["state"][0])
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(state)


def test_lbfgs_needs_a_closure_and_one_group():
    with pytest.raises(TypeError, match=r"LBFGS.step: expected a closure .* got None"):
        LBFGS([parameter()]).step()
    with pytest.raises(ValueError, match="doesn't support per-parameter options"):
        LBFGS([{"params": [parameter()]}, {"params": [parameter()]}])
    with pytest.raises(ValueError, match=r"line_search_fn must be one of \('strong_wolfe',\), got 'armijo'"):
        LBFGS([parameter()], line_search_fn="armijo")
    with pytest.raises(TypeError, match="maximize"):
        LBFGS([parameter()], maximize=True)


def test_a_closure_that_fails_leaves_the_parameters_where_they_were():
    p, calls = parameter([-1.2, 1.0]), []
    optimizer = LBFGS([p], line_search_fn="strong_wolfe")

    def closure():
        calls.append(p.tolist())
        if len(calls) == 2:
            raise ZeroDivisionError
        p.grad = None
        loss = valley(p)
        loss.backward()
        return loss

    with pytest.raises(ZeroDivisionError):
        optimizer.step(closure)
    assert p.tolist() == [-1.2, 1.0] != calls[1]


class Foreign:
    """As much of another library's tensor as a state that was saved there needs."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.ndim = self.values.ndim

    def item(self):
        return self.values.item()

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


@KINDS
def test_a_state_of_another_librarys_tensors_is_taken_over(kind):
    p, q = parameter(), parameter()
    first, second = kind([p]), kind([q])
    descend(p, first, range(2))
    descend(q, second, range(2))
    state = first.state_dict()
    foreign = {k: {name: Foreign(v) for name, v in old.items()} for k, old in state["state"].items()}
    second.load_state_dict({**state, "state": foreign})
    descend(p, first, range(2, 4))
    descend(q, second, range(2, 4))
    assert p.tolist() == q.tolist()


def test_what_a_closure_changes_of_the_parameters_stays_with_lbfgs():
    """As in PyTorch, whose tutorial on style transfer clamps the picture in the closure."""
    x = mg.tensor([0.5], requires_grad=True)
    optimizer, seen = optim.LBFGS([x], max_iter=3), []

    def closure():
        with mg.no_grad():
            x.clamp_(0, 1)
        seen.append(x.item())
        optimizer.zero_grad()
        loss = (x - 5).pow(2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert seen[1:] == [1.0] * (len(seen) - 1) and len(seen) >= 2
