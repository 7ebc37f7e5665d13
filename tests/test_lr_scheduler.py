"""Schedules: their closed forms, PyTorch's one-cycle numbers, resuming, and what is refused."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

BASE = 0.1


def sgd(*rates, momentum=0.9):
    groups = [{"params": [mg.zeros(1, requires_grad=True)], "lr": lr} for lr in rates or (BASE,)]
    return optim.SGD(groups, momentum=momentum)


def run(scheduler, steps, of="lr"):
    """The first group's rate (or another option) at t = 0, 1, ..., steps - 1."""
    values = []
    for _ in range(steps):
        values.append(scheduler.optimizer.param_groups[0][of])
        scheduler.optimizer.step()
        scheduler.step()
    return values


CLOSED_FORMS = [
    (StepLR, {"step_size": 3}, lambda t: BASE * 0.1 ** (t // 3)),
    (StepLR, {"step_size": 1, "gamma": 0.7}, lambda t: BASE * 0.7**t),
    (MultiStepLR, {"milestones": [7, 2, 2], "gamma": 0.5}, lambda t: BASE * 0.5 ** (2 * (t >= 2) + (t >= 7))),
    (ExponentialLR, {"gamma": 0.9}, lambda t: BASE * 0.9**t),
    (CosineAnnealingLR, {"T_max": 4}, lambda t: BASE * (1 + math.cos(math.pi * t / 4)) / 2),
    (CosineAnnealingLR, {"T_max": 9, "eta_min": 0.02}, lambda t: 0.02 + 0.08 * (1 + math.cos(math.pi * t / 9)) / 2),
    (ConstantLR, {}, lambda t: BASE * (1 if t >= 5 else 1 / 3)),
    (ConstantLR, {"factor": 0.5, "total_iters": 3}, lambda t: BASE * (1 if t >= 3 else 0.5)),
    (PolynomialLR, {}, lambda t: BASE * (1 - min(t, 5) / 5)),
    (PolynomialLR, {"total_iters": 7, "power": 2.0}, lambda t: BASE * (1 - min(t, 7) / 7) ** 2),
    (LambdaLR, {"lr_lambda": lambda t: 0.95**t}, lambda t: BASE * 0.95**t),
    (MultiplicativeLR, {"lr_lambda": lambda t: 0.95}, lambda t: BASE * 0.95**t),
    (CosineAnnealingWarmRestarts, {"T_0": 4}, lambda t: BASE * (1 + math.cos(math.pi * (t % 4) / 4)) / 2),
    (LinearLR, {}, lambda t: BASE * (1 / 3 + 2 / 3 * min(t, 5) / 5)),
    (
        LinearLR,
        {"start_factor": 0.5, "end_factor": 0.1, "total_iters": 3},
        lambda t: BASE * (0.5 - 0.4 * min(t, 3) / 3),
    ),
]
EACH = pytest.mark.parametrize(("kind", "options", "closed_form"), CLOSED_FORMS)


@EACH
def test_the_rate_is_the_closed_form(kind, options, closed_form):
    expected = [closed_form(t) for t in range(20)]
    np.testing.assert_allclose(run(kind(sgd(), **options), 20), expected, rtol=1e-12, atol=1e-15)


@EACH
def test_every_group_starts_from_its_own_rate(kind, options, closed_form):
    scheduler = kind(sgd(BASE, 10 * BASE), **options)
    run(scheduler, 3)
    first, second = scheduler.get_last_lr()
    eta_min = options.get("eta_min", 0.0)
    assert second - eta_min == pytest.approx((first - eta_min) * (10 * BASE - eta_min) / (BASE - eta_min), rel=1e-12)


@EACH
def test_a_state_that_was_saved_and_loaded_continues_the_same(kind, options, closed_form, tmp_path):
    scheduler = kind(sgd(), **options)
    run(scheduler, 5)
    mg.save([scheduler.state_dict(), scheduler.optimizer.state_dict()], tmp_path / "schedule.npz")
    state, optimizer_state = mg.load(tmp_path / "schedule.npz")
    resumed = kind(sgd(123.0), **options)
    resumed.load_state_dict(state)
    resumed.optimizer.load_state_dict(optimizer_state)
    assert run(resumed, 10) == run(scheduler, 10)


@pytest.mark.parametrize(("kind", "options"), [(ExponentialLR, {"gamma": 0.9}), (CosineAnnealingLR, {"T_max": 9})])
def test_last_epoch_resumes_from_the_optimizers_state_alone(kind, options):
    scheduler = kind(sgd(), **options)
    run(scheduler, 5)
    optimizer = sgd()
    optimizer.load_state_dict(scheduler.optimizer.state_dict())
    assert run(kind(optimizer, **options, last_epoch=4), 5) == run(scheduler, 5)


def test_last_epoch_without_a_schedule_before_is_refused():
    with pytest.raises(KeyError, match="group 0 has no initial_lr"):
        ExponentialLR(sgd(), 0.9, last_epoch=3)


def test_schedules_of_one_optimizer_compound():
    optimizer = sgd()
    first, second = ExponentialLR(optimizer, 0.5), StepLR(optimizer, 2, gamma=0.1)
    optimizer.step()
    for _ in range(4):
        first.step()
        second.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(BASE * 0.5**4 * 0.1**2)


ONE_CYCLE = [  # PyTorch 2.13: rates and momenta of ten steps up to 1
    (
        {},
        [0.04, 0.52, 1.0, 0.950484632, 0.8117456539, 0.6112620219, 0.3887419781, 0.1882583461, 0.04951936799, 4e-6],
        [0.95, 0.9, 0.85, 0.8549515566, 0.8688255099, 0.8888739533, 0.9111260467, 0.9311744901, 0.9450484434, 0.95],
    ),
    (
        {"three_phase": True, "anneal_strategy": "linear", "div_factor": 10.0, "final_div_factor": 100.0},
        [0.1, 0.55, 1.0, 0.55, 0.1, 0.0802, 0.0604, 0.0406, 0.0208, 0.001],
        [0.95, 0.9, 0.85, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95, 0.95],
    ),
]


@pytest.mark.parametrize(("options", "rates", "momenta"), ONE_CYCLE)
def test_one_cycle_moves_rate_and_momentum_as_pytorch_does(options, rates, momenta):
    np.testing.assert_allclose(run(OneCycleLR(sgd(), 1.0, 10, **options), 10), rates, rtol=1e-9)
    np.testing.assert_allclose(run(OneCycleLR(sgd(), 1.0, 10, **options), 10, of="momentum"), momenta, rtol=1e-9)
    split = OneCycleLR(sgd(), 1.0, epochs=5, steps_per_epoch=2, **options)
    np.testing.assert_allclose(run(split, 10), rates, rtol=1e-9)


def test_one_cycle_moves_adams_first_beta():
    optimizer = optim.Adam([mg.zeros(1, requires_grad=True)])
    run(OneCycleLR(optimizer, 1.0, 10), 2)
    assert optimizer.param_groups[0]["betas"] == pytest.approx((0.85, 0.999))


def test_one_cycle_without_momentum_needs_saying():
    optimizer = optim.Adagrad([mg.zeros(1, requires_grad=True)])
    with pytest.raises(ValueError, match="Adagrad has no momentum to cycle; use cycle_momentum=False"):
        OneCycleLR(optimizer, 1.0, 10)
    run(OneCycleLR(optimizer, 1.0, 10, cycle_momentum=False), 3)


def test_one_cycle_ends_and_a_step_too_many_changes_nothing():
    scheduler = OneCycleLR(sgd(), 1.0, 10)
    run(scheduler, 10)
    before = scheduler.state_dict()
    for _ in range(2):
        with pytest.raises(ValueError, match="step 11 of a cycle of 10"):
            scheduler.step()
    assert scheduler.state_dict() == before


PLATEAUS = [  # the metrics in order, and the rate after each
    ({"patience": 1}, [5, 4, 4, 4, 4, 3], [0.1, 0.1, 0.1, 0.01, 0.01, 0.01]),
    ({"patience": 0, "factor": 0.5, "cooldown": 2}, [1, 1, 1, 1, 1], [0.1, 0.05, 0.05, 0.05, 0.025]),
    ({"patience": 0, "min_lr": 0.04}, [1, 1, 1], [0.1, 0.04, 0.04]),
    ({"mode": "max", "patience": 0, "factor": 0.5}, [1, 2, 1.5], [0.1, 0.1, 0.05]),
    ({"patience": 0, "threshold": 0.5, "factor": 0.5}, [1, 0.6, 0.4], [0.1, 0.05, 0.05]),
    ({"patience": 0, "threshold": 0.3, "threshold_mode": "abs", "factor": 0.5}, [1, 0.8, 0.6], [0.1, 0.05, 0.05]),
    (
        {"mode": "max", "patience": 0, "threshold": 0.3, "threshold_mode": "abs", "factor": 0.5},
        [1, 1.2, 1.4],
        [0.1, 0.05, 0.05],
    ),
    ({"patience": 0, "factor": 0.99, "eps": 0.01}, [1, 1], [0.1, 0.1]),
    ({"patience": 0}, [float("nan"), 1], [0.01, 0.01]),
]


@pytest.mark.parametrize(("options", "metrics", "rates"), PLATEAUS)
def test_plateaus_reduce_the_rate(options, metrics, rates):
    optimizer = sgd()
    scheduler = ReduceLROnPlateau(optimizer, **options)
    found = []
    for metric in metrics:
        scheduler.step(mg.tensor(float(metric)))
        found.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx(rates)
    assert scheduler.get_last_lr() == found[-1:]


def test_a_plateaus_state_continues_the_same():
    first, second = ReduceLROnPlateau(sgd(), patience=1), ReduceLROnPlateau(sgd(), patience=5)
    for metric in (1, 2):
        first.step(metric)
    second.load_state_dict(first.state_dict())
    second.step(2)
    assert second.optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


def test_a_state_brings_its_options_along():
    patient = ReduceLROnPlateau(sgd(), patience=5, cooldown=3)
    patient.load_state_dict(ReduceLROnPlateau(sgd(), patience=0).state_dict())
    assert (patient.patience, patient.cooldown) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "options", "wrong", "words"),
    [
        (StepLR, {"step_size": 3}, {"step_size": 0}, "step_size must be at least 1, got 0"),
        (ExponentialLR, {"gamma": 0.9}, {"gamma": "half"}, "gamma is 'half', not like 0.9"),
        (ExponentialLR, {"gamma": 0.9}, {"base_lrs": [1.0, 2.0]}, r"base_lrs is \[1.0, 2.0\], not like \[0.1\]"),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(kind, options, wrong, words):
    scheduler = kind(sgd(), **options)
    before = scheduler.state_dict()
    with pytest.raises(ValueError, match=words):
        scheduler.load_state_dict({**before, "last_epoch": 3, **wrong})
    assert scheduler.state_dict() == before


def test_the_wrong_order_of_steps_is_warned_of():
    scheduler = ExponentialLR(sgd(), 0.9)
    with pytest.warns(UserWarning, match="before the optimizer's first step"):
        scheduler.step()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: StepLR(mg.nn.Linear(1, 1), 3), TypeError, "expected an Optimizer, got Linear"),
        (lambda: StepLR(sgd(), 0), ValueError, "step_size must be at least 1, got 0"),
        (lambda: CosineAnnealingLR(sgd(), 0), ValueError, "T_max must be at least 1, got 0"),
        (lambda: LinearLR(sgd(), start_factor=0), ValueError, "start_factor must be above 0, got 0"),
        (lambda: LinearLR(sgd(), end_factor=2), ValueError, "end_factor must be at most 1, got 2"),
        (lambda: OneCycleLR(sgd(), 1.0), ValueError, "give total_steps, or epochs and steps_per_epoch"),
        (lambda: OneCycleLR(sgd(), 1.0, 0), ValueError, "total_steps must be above 0, got 0"),
        (lambda: OneCycleLR(sgd(), 1.0, 10, pct_start=2), ValueError, "pct_start"),
        (lambda: OneCycleLR(sgd(), 1.0, 10, anneal_strategy="cosine"), ValueError, "must be one of .*, got 'cosine'"),
        (lambda: OneCycleLR(sgd(), [1.0, 2.0], 10), ValueError, "max_lr for each of 1 groups, got 2"),
        (lambda: ReduceLROnPlateau(sgd(), factor=1), ValueError, "factor must be below 1, got 1"),
        (lambda: ReduceLROnPlateau(sgd(), mode="less"), ValueError, "mode must be one of .*, got 'less'"),
        (lambda: StepLR(sgd(), 3).load_state_dict({"gamma": 1}), ValueError, r"expected \[.*got \['gamma'\]"),
        (lambda: LRScheduler(sgd()), NotImplementedError, "does not define get_lr"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


WARM = [0, 1, 2, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]  # T_cur of cycles of 3, 6 and 12 steps


def test_warm_restarts_come_at_growing_distances():
    scheduler = CosineAnnealingWarmRestarts(sgd(), 3, T_mult=2, eta_min=0.01)
    lengths = [3] * 3 + [6] * 6 + [12] * 11
    expected = [0.01 + 0.09 * (1 + math.cos(math.pi * t / n)) / 2 for t, n in zip(WARM, lengths, strict=True)]
    np.testing.assert_allclose(run(scheduler, 20), expected, rtol=1e-12)
    for epoch, t, n in ((10.5, 1.5, 12), (3, 0, 6), (1.25, 1.25, 3)):
        scheduler.step(epoch)
        assert scheduler.get_last_lr() == pytest.approx([0.01 + 0.09 * (1 + math.cos(math.pi * t / n)) / 2])


CYCLES = [  # the heights at t = 0, 1, ..., between the base rate and the highest
    ({}, [0, 0.5, 1, 0.5, 0, 0.5, 1, 0.5, 0]),
    ({"step_size_down": 1}, [0, 0.5, 1, 0, 0.5, 1, 0, 0.5, 1]),
    ({"mode": "triangular2"}, [0, 0.5, 1, 0.5, 0, 0.25, 0.5, 0.25, 0]),
    ({"mode": "exp_range", "gamma": 0.9}, [0, 0.5 * 0.9, 0.9**2, 0.5 * 0.9**3, 0, 0.5 * 0.9**5, 0.9**6]),
    ({"scale_fn": lambda c: 1 / c}, [0, 0.5, 1, 0.5, 0, 0.25, 0.5, 0.25, 0]),
    ({"scale_fn": lambda t: t, "scale_mode": "iterations"}, [0, 0.5, 2, 1.5, 0, 2.5, 6]),
]


@pytest.mark.parametrize(("options", "heights"), CYCLES)
def test_a_cycle_goes_up_and_down_and_momentum_the_other_way(options, heights):
    make = lambda: CyclicLR(sgd(), 0.1, 0.5, step_size_up=2, **options)
    heights = np.array(heights)
    np.testing.assert_allclose(run(make(), len(heights)), 0.1 + 0.4 * heights, rtol=1e-12)
    np.testing.assert_allclose(run(make(), len(heights), of="momentum"), 0.9 - 0.1 * heights, rtol=1e-12)
    still = CyclicLR(optim.Adagrad([mg.zeros(1, requires_grad=True)]), 0.1, 0.5, 2, cycle_momentum=False, **options)
    np.testing.assert_allclose(run(still, len(heights)), 0.1 + 0.4 * heights, rtol=1e-12)


def warm_then_cool(optimizer):
    parts = [LinearLR(optimizer, 0.5, total_iters=2), CosineAnnealingLR(optimizer, 4), ExponentialLR(optimizer, 0.5)]
    return SequentialLR(optimizer, parts, [2, 6])


def slow_start(optimizer):
    return ChainedScheduler([ConstantLR(optimizer, 0.5, total_iters=2), ExponentialLR(optimizer, 0.5)])


PLANS = [
    (warm_then_cool, [0.05, 0.075, *(BASE * (1 + math.cos(math.pi * t / 4)) / 2 for t in range(4)), 0.1, 0.05, 0.025]),
    (slow_start, [0.05, 0.025, 0.025, 0.0125]),
    (lambda optimizer: SequentialLR(optimizer, [slow_start(optimizer), StepLR(optimizer, 2)], [2]),
     [0.025, 0.0125, 0.1, 0.1, 0.01]),  # as in PyTorch, whose chain begins with a step of all
]  # fmt: skip


@pytest.mark.parametrize(("make", "rates"), PLANS)
def test_schedules_follow_one_another_or_go_together(make, rates):
    np.testing.assert_allclose(run(make(sgd()), len(rates)), rates, rtol=1e-12)


@pytest.mark.parametrize(("make", "rates"), PLANS)
def test_a_plans_state_continues_the_same_or_is_refused_whole(make, rates):
    scheduler = make(sgd())
    run(scheduler, 2)
    resumed = make(sgd())
    resumed.load_state_dict(scheduler.state_dict())
    resumed.optimizer.load_state_dict(scheduler.optimizer.state_dict())
    assert run(resumed, len(rates) - 2) == run(scheduler, len(rates) - 2)
    before = resumed.state_dict()
    wrong = {**before, "_schedulers": [*before["_schedulers"][:-1], {"gamma": 1}]}
    with pytest.raises(ValueError, match=r"nothing changed:\n  expected .*'gamma'"):
        resumed.load_state_dict(wrong)
    assert resumed.state_dict() == before


class Decay:
    def __init__(self, rate):
        self.rate = rate

    def __call__(self, t):
        return self.rate**t


@pytest.mark.parametrize("kind", [LambdaLR, MultiplicativeLR])
def test_objects_that_are_called_are_saved_with_the_schedule_and_functions_are_not(kind):
    scheduler = kind(sgd(0.1, 0.2), [Decay(0.5), lambda t: 1.0])
    state = scheduler.state_dict()
    assert state["lr_lambdas"] == [{"rate": 0.5}, None]
    other = kind(sgd(0.1, 0.2), [Decay(0.9), lambda t: 1.0])
    other.load_state_dict(state)
    assert run(other, 4) == run(scheduler, 4)


@pytest.mark.parametrize(
    ("kind", "options"),
    [(StepLR, {"step_size": 2}), (MultiStepLR, {"milestones": [1, 3]}), (ExponentialLR, {"gamma": 0.5}), (LinearLR, {})]
    + [(PolynomialLR, {}), (ConstantLR, {}), (ReduceLROnPlateau, {"patience": 0})],
)
def test_a_group_that_is_added_later_follows_the_schedule_from_then_on(kind, options):
    optimizer = sgd()
    scheduler = kind(optimizer, **options)
    optimizer.step()
    optimizer.add_param_group({"params": [mg.zeros(1, requires_grad=True)], "lr": optimizer.param_groups[0]["lr"]})
    for _ in range(7):
        scheduler.step(*[1.0] * (kind is ReduceLROnPlateau))
        first, second = (group["lr"] for group in optimizer.param_groups)
        assert first == second and scheduler.get_last_lr() == [first, second]


@pytest.mark.parametrize(
    ("make", "known"),
    [
        (lambda o: LambdaLR(o, lambda t: 0.5), 1),
        (lambda o: MultiplicativeLR(o, lambda t: 0.5), 1),
        (lambda o: CyclicLR(o, 0.1, 0.2), 1),
        (lambda o: OneCycleLR(o, 0.1, 10), 1),
        (lambda o: CosineAnnealingWarmRestarts(o, 3), 1),
        (lambda o: ReduceLROnPlateau(o, min_lr=[0.1]), 1),
        (lambda o: ChainedScheduler([StepLR(o, 1), LambdaLR(o, lambda t: 0.5)]), 1),
        (lambda o: SequentialLR(o, [StepLR(o, 1), LambdaLR(o, lambda t: 0.5)], [1]), 1),
    ],
)
def test_where_a_later_group_has_no_place_the_step_is_refused_and_changes_nothing(make, known):
    optimizer = sgd()
    scheduler = make(optimizer)
    optimizer.step()
    optimizer.add_param_group({"params": [mg.zeros(1, requires_grad=True)], "lr": 0.3})
    before = [dict(group) for group in optimizer.param_groups], scheduler.state_dict()
    for _ in range(2):
        with pytest.raises(ValueError, match="the optimizer has 2 groups, the schedule knows of 1"):
            scheduler.step(*[1.0] * isinstance(scheduler, ReduceLROnPlateau))
        assert ([dict(group) for group in optimizer.param_groups], scheduler.state_dict()) == before


@EACH
def test_a_step_to_an_epoch_takes_the_closed_form(kind, options, closed_form):
    if kind is MultiplicativeLR:
        pytest.skip("its rates have no closed form")
    scheduler = kind(sgd(), **options)
    scheduler.optimizer.step()
    for t in (3, 9, 1, 0):
        scheduler.step(t)
        assert scheduler.get_last_lr() == pytest.approx([closed_form(t)], rel=1e-12, abs=1e-15)
        assert scheduler.last_epoch == t


def test_a_rate_that_is_a_tensor_is_filled():
    rate = mg.tensor(0.5, dtype=mg.float64)
    optimizer = optim.SGD([mg.zeros(1, requires_grad=True)], lr=rate)
    scheduler = ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate and rate.item() == 0.25 and scheduler.get_last_lr() == [0.25]


def test_a_users_own_schedule_defines_get_lr_as_in_pytorch():
    class Halve(optim.lr_scheduler._LRScheduler):
        note: int = 3  # no option: the class is not declared

        def __init__(self, optimizer, every, last_epoch=-1):
            self.every = every
            super().__init__(optimizer, last_epoch)

        def get_lr(self):
            return [base * 0.5 ** (self.last_epoch // self.every) for base in self.base_lrs]

    scheduler = Halve(sgd(), 2)
    assert run(scheduler, 4) == [0.1, 0.1, 0.05, 0.05]
    again = Halve(sgd(), 1)
    again.load_state_dict(scheduler.state_dict())
    assert again.every == 2


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda o: SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "1 schedulers and 1 milestones"),
        (lambda o: SequentialLR(o, [StepLR(o, 1), StepLR(sgd(), 1)], [3]), ValueError, "the same optimizer"),
        (lambda o: ChainedScheduler([ReduceLROnPlateau(o)]), ValueError, "needs a metric"),
        (lambda o: ChainedScheduler([o]), TypeError, "scheduler 0 is no LRScheduler but SGD"),
        (lambda o: LambdaLR(o, [lambda t: 1.0] * 2), ValueError, "a lr_lambda for each of 1 groups, got 2"),
        (lambda o: LambdaLR(o, 0.5), TypeError, "lr_lambda must be a function, got float"),
        (lambda o: CyclicLR(o, 0.1, 0.2, mode="square"), ValueError, "got 'square'"),
        (lambda o: CyclicLR(optim.Adagrad([mg.zeros(1)]), 0.1, 0.2), ValueError, "Adagrad has no momentum to cycle"),
        (lambda o: CosineAnnealingWarmRestarts(o, 2.5), ValueError, "must be integers, got 2.5 and 1"),
        (lambda o: ConstantLR(o, 1.5), ValueError, "factor must be at most 1, got 1.5"),
    ],
)
def test_what_makes_no_sense_in_a_plan_is_refused_and_changes_nothing(make, error, words):
    optimizer = sgd()
    with pytest.raises(error, match=words):
        make(optimizer)
    assert {key: v for key, v in optimizer.param_groups[0].items() if key in ("lr", "momentum")} == {
        "lr": 0.1,
        "momentum": 0.9,
    }
