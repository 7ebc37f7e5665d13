"""The dtype of a tensor: its default, PyTorch's older names for tensors of each, and what `type` says and does."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.dtypes import TYPED


@pytest.fixture
def default_dtype():
    before = mg.get_default_dtype()
    yield mg.set_default_dtype
    mg.set_default_dtype(before)


def test_what_is_made_without_a_dtype_has_the_default_one(default_dtype):
    assert mg.get_default_dtype() == mg.float32
    default_dtype(mg.float64)
    made = [
        mg.tensor(1.0), mg.tensor([[1.0]]), mg.zeros(2), mg.ones(2), mg.empty(2), mg.full((2,), 1.0), mg.eye(2),
        mg.arange(0.5, 2), mg.linspace(0, 1, 3), mg.rand(2), mg.randn(2), nn.Linear(2, 2).weight,
        nn.BatchNorm2d(2).running_mean, mg.as_tensor([1.0]),
    ]  # fmt: skip
    assert {x.dtype for x in made} == {mg.float64}
    assert mg.tensor(1).dtype == mg.arange(3).dtype == mg.int64 and mg.ones(1, dtype=mg.float32).dtype == mg.float32
    assert mg.from_numpy(np.ones(1, np.float32)).dtype == mg.float32
    assert mg.zeros_like(mg.ones(1, dtype=mg.float16)).dtype == mg.float16


@pytest.mark.parametrize("wrong", [mg.int64, mg.bool, "torch.LongTensor", mg.LongTensor])
def test_a_default_that_is_not_floating_is_refused(wrong):
    with pytest.raises(TypeError, match="expected a floating dtype, got"):
        mg.set_default_tensor_type(wrong)
    assert mg.get_default_dtype() == mg.float32


@pytest.mark.parametrize("kind", [mg.DoubleTensor, "torch.DoubleTensor", "DoubleTensor"])
def test_a_default_can_be_set_by_the_name_of_a_tensor_type(default_dtype, kind):
    mg.set_default_tensor_type(kind)
    assert mg.get_default_dtype() == mg.float64


@pytest.mark.parametrize("name", TYPED)
def test_a_tensor_type_makes_tensors_of_its_dtype_and_knows_them(name):
    kind = getattr(mg, name)
    made = [kind(2, 3), kind((2, 3)), kind([[1, 0]]), kind(np.ones((2, 1))), kind(range(3)), kind(), kind([1.7])]
    assert [x.shape for x in made] == [(2, 3), (2,), (1, 2), (2, 1), (3,), (0,), (1,)]
    assert all(x.dtype == TYPED[name] and isinstance(x, kind) and x.type() == f"torch.{name}" for x in made)
    assert not isinstance(mg.ones(1, dtype="int16" if name != "ShortTensor" else "int32"), kind)
    same = kind([1])
    assert kind(same).array is same.array


def test_a_tensor_type_refuses_what_pytorch_refuses():
    with pytest.raises(TypeError, match="FloatTensor: expected sizes, or one sequence"):
        mg.FloatTensor(3.5)
    with pytest.raises(TypeError, match="LongTensor: expected elements of int64, got a tensor of float32"):
        mg.LongTensor(mg.ones(2))
    with pytest.raises(TypeError, match="FloatTensor: expected sizes, or one sequence"):
        mg.FloatTensor([1], [2])


@pytest.mark.parametrize("target", ["torch.DoubleTensor", mg.DoubleTensor, mg.float64, "float64"])
def test_type_casts_by_every_name_of_a_dtype(target):
    assert mg.ones(2).type(target).dtype == mg.float64


def test_a_type_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match=r"expected a dtype such as mg.float32, got 'torch.Nonsense'"):
        mg.ones(2).type("torch.Nonsense")


@pytest.mark.parametrize(
    ("name", "dtype"),
    [("half", "float16"), ("float", "float32"), ("double", "float64"), ("byte", "uint8"), ("char", "int8"),
     ("short", "int16"), ("int", "int32"), ("long", "int64"), ("bool", "bool")],
)  # fmt: skip
def test_the_methods_that_cast_are_named_as_in_pytorch(name, dtype):
    assert getattr(mg.ones(2), name)().dtype == dtype


def test_a_new_tensor_has_the_dtype_of_the_old_one():
    x = mg.ones(2, 3, dtype=mg.float64, requires_grad=True)
    made = [x.new_zeros(2, 1), x.new_ones((2, 1)), x.new_full((2, 1), 5), x.new_tensor([[1], [2]]), x.new_empty(2, 1)]
    assert all(new.shape == (2, 1) and new.dtype == mg.float64 and not new.requires_grad for new in made)
    assert [new.array.sum() for new in made[:4]] == [0, 2, 10, 3]
    assert x.new_zeros(3, dtype=mg.int64, device="cpu").dtype == mg.int64 and x.new_ones(1, requires_grad=True).is_leaf
    with pytest.raises(RuntimeError, match="new_full: there is one device"):
        x.new_zeros(3, device="cuda")
    assert x.nelement() == x.numel() == 6
