"""Schedules: their closed forms, PyTorch's one-cycle numbers, resuming, and what is refused."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.optim.lr_scheduler import (
    CosineAnnealingLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
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
        (StepLR, {"step_size": 3}, {"step_size": 0}, "step_size must be positive, got 0"),
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
        (lambda: StepLR(sgd(), 0), ValueError, "step_size must be positive"),
        (lambda: CosineAnnealingLR(sgd(), 0), ValueError, "T_max must be positive"),
        (lambda: LinearLR(sgd(), start_factor=0), ValueError, "start_factor must be in"),
        (lambda: LinearLR(sgd(), end_factor=2), ValueError, "end_factor must be in"),
        (lambda: OneCycleLR(sgd(), 1.0), ValueError, "give total_steps, or epochs and steps_per_epoch"),
        (lambda: OneCycleLR(sgd(), 1.0, 0), ValueError, "positive integer, got 0"),
        (lambda: OneCycleLR(sgd(), 1.0, 10, pct_start=2), ValueError, "pct_start"),
        (lambda: OneCycleLR(sgd(), 1.0, 10, anneal_strategy="cosine"), ValueError, "'cos' or 'linear', got 'cosine'"),
        (lambda: OneCycleLR(sgd(), [1.0, 2.0], 10), ValueError, "max_lr for each of 1 groups, got 2"),
        (lambda: ReduceLROnPlateau(sgd(), factor=1), ValueError, "factor must be less than 1"),
        (lambda: ReduceLROnPlateau(sgd(), mode="less"), ValueError, "mode must be 'min' or 'max'"),
        (lambda: StepLR(sgd(), 3).load_state_dict({"gamma": 1}), ValueError, r"expected \[.*got \['gamma'\]"),
        (lambda: LRScheduler(sgd()), NotImplementedError, "does not define rate"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("name", optim.lr_scheduler.INSTEAD)
def test_missing_schedules_say_what_to_use(name):
    with pytest.raises(AttributeError, match=f"no attribute {name!r}; "):
        getattr(optim.lr_scheduler, name)
    assert not hasattr(optim.lr_scheduler, "NonsenseLR")
