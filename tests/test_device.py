"""Devices: there is one, the CPU. A script that asks for others learns it, and goes on or stops as in PyTorch."""

import copy
import pickle

import pytest

import minigrad as mg
from minigrad.device import check_device


def test_a_device_is_named_shown_and_compared_as_in_pytorch():
    assert repr(mg.device("cpu")) == "device(type='cpu')" and str(mg.device("cpu")) == "cpu"
    assert repr(mg.device("cuda", 1)) == "device(type='cuda', index=1)" and str(mg.device("cuda:1")) == "cuda:1"
    assert mg.device("cpu") == mg.device(mg.device("cpu")) == mg.device(type="cpu")
    assert mg.device("cpu") != mg.device("cpu:0") and mg.device("cpu") != "cpu"
    assert hash(mg.device("cpu:0")) == hash(mg.device("cpu", 0))
    assert (mg.device("cpu").type, mg.device("cpu").index, mg.device("cpu:3").index) == ("cpu", None, 3)


def test_a_device_survives_copying_and_pickling_and_cannot_be_changed():
    named = mg.device("cuda:2")
    assert copy.deepcopy(named) == pickle.loads(pickle.dumps(named)) == named
    with pytest.raises(AttributeError, match="cannot be set"):
        named.type = "cpu"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("gpu",), RuntimeError, "expected one of cpu, cuda, .* at the start, got 'gpu'"),
        (("",), RuntimeError, "at the start, got ''"),
        (("CPU",), RuntimeError, "at the start, got 'CPU'"),
        (("cpu:x",), RuntimeError, "a number after the colon, got 'cpu:x'"),
        (("cpu:-1",), RuntimeError, "a number after the colon"),
        (("cpu:01",), RuntimeError, "a number after the colon"),
        (("cpu:0", 1), RuntimeError, "has an index"),
        (("cpu", -1), RuntimeError, "an index ≥ 0, got -1"),
        ((0,), RuntimeError, "the number 0 names an accelerator; there is one device, the CPU"),
        ((None,), TypeError, "expected a string"),
        ((1.5,), TypeError, "expected a string"),
    ],
)
def test_what_names_no_device_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        mg.device(*arguments)


@pytest.mark.parametrize("same", [None, "cpu", "cpu:0", mg.device("cpu"), mg.device("cpu", 0)])
def test_every_name_of_the_cpu_is_accepted(same):
    check_device(same)
    mg.set_default_device(same)
    assert mg.get_default_device() == mg.device("cpu")


@pytest.mark.parametrize("other", ["cuda", "cuda:0", 0, "mps", mg.device("cuda"), "meta"])
def test_every_other_device_is_refused_with_the_name_of_the_operation(other):
    with pytest.raises(RuntimeError, match=r"zeros: .*there is one device, the CPU"):
        check_device(other, "zeros")
    with pytest.raises(RuntimeError, match=r"set_default_device: .*there is one device, the CPU"):
        mg.set_default_device(other)


def test_a_device_can_be_entered_if_it_is_the_cpu():
    with mg.device("cpu") as entered:
        assert entered == mg.device("cpu")
    with pytest.raises(RuntimeError, match="there is one device"), mg.device("cuda"):
        raise AssertionError("it was entered")


def test_a_script_that_asks_for_accelerators_hears_that_there_are_none():
    for family in (mg.cuda, mg.mps, mg.xpu, mg.accelerator):
        assert not family.is_available() and family.device_count() == 0
        assert family.manual_seed(0) is None and family.synchronize() is None and family.empty_cache() is None
    assert mg.cuda.memory_allocated() == 0 and not mg.cuda.is_initialized()
    assert mg.cuda.manual_seed_all(3) is None
    assert mg.accelerator.current_accelerator() is None
    assert not mg.backends.mps.is_available() and not mg.backends.cudnn.is_available()
    assert str(mg.device("cuda" if mg.cuda.is_available() else "cpu")) == "cpu"


def test_what_needs_an_accelerator_is_refused():
    for call in (mg.cuda.current_device, mg.cuda.get_device_name, mg.cuda.FloatTensor, mg.xpu.set_device):
        with pytest.raises(RuntimeError, match="there is one device, the CPU"):
            call(0)
    assert not isinstance(mg.ones(1), mg.cuda.FloatTensor)


def test_switches_can_be_set_and_nothing_else():
    before = mg.backends.cudnn.benchmark
    mg.backends.cudnn.benchmark = True
    assert mg.backends.cudnn.benchmark is True
    mg.backends.cudnn.benchmark = before
    for place, name in ((mg.backends.cudnn, "benchmrak"), (mg.cuda, "is_available"), (mg.backends, "cudnn")):
        with pytest.raises(AttributeError, match=f"no switch '{name}'"):
            setattr(place, name, True)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'; there is one device"):
        mg.cuda.nonsense()


CREATE = {
    "tensor": ([1.0],), "as_tensor": ([1.0],), "zeros": (2,), "ones": (2,), "empty": (2,), "full": ((2,), 1.0),
    "arange": (3,), "linspace": (0, 1, 3), "eye": (2,), "rand": (2,), "randn": (2,), "randint": (3, (2,)),
    "randperm": (3,), "FloatTensor": (2,), "LongTensor": ([1],),
    **{f"{name}_like": (mg.ones(2),) for name in ("zeros", "ones", "empty", "rand", "randn")},
    "full_like": (mg.ones(2), 1.0), "randint_like": (mg.ones(2), 3),
}  # fmt: skip


@pytest.mark.parametrize("name", CREATE)
def test_every_function_that_makes_a_tensor_takes_the_cpu_and_refuses_others(name):
    make = getattr(mg, name)
    assert make(*CREATE[name], device="cpu").device == make(*CREATE[name], device=None).device == mg.device("cpu")
    state = mg.get_rng_state()
    with pytest.raises(RuntimeError, match=rf"{name}: there is one device, the CPU; got device 'cuda:0'"):
        make(*CREATE[name], device=mg.device("cuda:0"))
    assert (mg.get_rng_state() == state).all()


def test_a_tensor_moves_to_the_cpu_where_it_is():
    x = mg.ones(2)
    same = [x.to("cpu"), x.to(mg.device("cpu")), x.to(None), x.to(), x.to(mg.ones(1)), x.to("cpu", non_blocking=True)]
    assert all(moved is x for moved in [*same, x.cpu(), x.pin_memory(), x.cuda("cpu"), x.to(device="cpu:0")])
    assert not x.is_cuda
    for move in (lambda: x.cuda(), lambda: x.cuda(0), lambda: x.to("cuda"), lambda: x.to(0), lambda: x.to("mps")):
        with pytest.raises(RuntimeError, match="there is one device, the CPU"):
            move()


def test_a_tensor_moves_to_a_device_and_a_dtype_at_once():
    x, other = mg.ones(2, requires_grad=True), mg.zeros(1, dtype=mg.float64)
    calls = [
        ("cpu", mg.float64), (mg.float64,), (mg.device("cpu"), mg.float64, True, True), (mg.float64, True, True),
        (other,), (other, True, True), (float,), (None, mg.float64),
    ]  # fmt: skip
    assert all(x.to(*call).dtype == mg.float64 for call in calls)
    assert x.to(device="cpu", dtype=mg.float64).dtype == x.to(other=other).dtype == mg.float64
    copied = x.to("cpu", copy=True)
    assert copied is not x and copied.requires_grad and copied.tolist() == x.tolist()
    for call, options in ((("cpu", mg.float64, True, True, 1), {}), (("cpu",), {"device": "cpu"}), ((), {"kind": 1})):
        with pytest.raises(TypeError, match=r"to: expected \(device, dtype, non_blocking, copy\)"):
            x.to(*call, **options)


def test_a_module_moves_to_a_device_and_a_dtype():
    layer = mg.nn.Linear(2, 2)
    assert layer.to(mg.device("cpu")) is layer and layer.cpu() is layer and layer.to(None) is layer
    assert layer.to("cpu", mg.float64).weight.dtype == mg.float64
    assert layer.to(mg.ones(1)).weight.dtype == mg.float32 and layer.to(dtype=mg.float64).bias.dtype == mg.float64
    for move in (layer.cuda, lambda: layer.cuda(0), lambda: layer.to("cuda:0"), lambda: layer.to(device="mps")):
        with pytest.raises(RuntimeError, match=r"Module\.\w+: .*there is one device, the CPU"):
            move()


def test_a_module_for_several_devices_computes_on_the_one_there_is():
    layer, x = mg.nn.Linear(2, 3), mg.ones(4, 2)
    wrapped = mg.nn.DataParallel(layer)
    assert (wrapped(x) == layer(x)).all() and list(wrapped.state_dict()) == ["module.weight", "module.bias"]
    assert (mg.nn.parallel.data_parallel(layer, x) == layer(x)).all()
    assert (mg.nn.parallel.data_parallel(layer, (x,), ["cpu"]) == layer(x)).all()
    with pytest.raises(RuntimeError, match=r"DataParallel: .*there is one device, the CPU"):
        mg.nn.DataParallel(layer, device_ids=[0, 1])
