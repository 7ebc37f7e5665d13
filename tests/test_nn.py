"""Modules: what they consist of, their state, hooks and repr; containers; layers; helpers for gradients."""

import copy
import inspect
import math
import pickle

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.nn import functional as F
from minigrad.nn import utils

rng = np.random.default_rng(0)


def x(*shape):
    return mg.tensor(rng.standard_normal(shape).astype(np.float32), requires_grad=True)


class Net(nn.Module):
    """A convolution, a norm, and a head that is used at two places."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.head = self.again = nn.Linear(2, 3, bias=False)
        self.scale = nn.Parameter(mg.ones(3))
        self.register_buffer("seen", mg.zeros(1))
        self.register_buffer("scratch", mg.zeros(1), persistent=False)

    def forward(self, input):
        return self.head(F.relu(self.norm(self.conv(input))).mean((2, 3))) * self.scale


NET_STATE = [
    "scale", "seen", "conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var",
    "norm.num_batches_tracked", "head.weight", "again.weight",
]  # fmt: skip


# ------------------------------------------------------------------------------------------------ what it consists of


def test_parameters_buffers_and_modules_are_found_by_path_each_once():
    net = Net()
    names = ["scale", "conv.weight", "conv.bias", "norm.weight", "norm.bias", "head.weight"]
    assert [name for name, _ in net.named_parameters()] == names
    assert [id(p) for p in net.parameters()] == [id(p) for _, p in net.named_parameters()]
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert [name for name, _ in net.named_parameters("net", recurse=False)] == ["net.scale"]
    assert "again.weight" in dict(net.named_parameters(remove_duplicate=False))
    assert [name for name, _ in net.named_buffers()][:3] == ["seen", "scratch", "norm.running_mean"]
    assert len(list(net.buffers())) == 5
    assert [name for name, _ in net.named_modules()] == ["", "conv", "norm", "head"]
    assert [name for name, _ in net.named_children()] == ["conv", "norm", "head"]
    assert next(net.modules()) is net and next(net.children()) is net.conv
    assert net.get_submodule("conv") is net.conv and net.get_submodule("") is net


def test_what_is_set_later_is_found_and_what_is_deleted_or_none_is_not():
    net = Net()
    net.extra = nn.Linear(1, 1)
    net.conv = None
    net.scale = None
    del net.norm
    assert [name for name, _ in net.named_parameters()] == ["head.weight", "extra.weight", "extra.bias"]


def test_tensors_and_modules_in_plain_containers_are_not_parameters():
    net = nn.Module()
    net.tensor, net.list = mg.ones(1, requires_grad=True), [nn.Linear(1, 1)]
    assert not list(net.parameters())


def test_init_need_not_be_called():
    class Bare(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(mg.ones(2))

        def forward(self, input):
            return input * self.weight

    assert len(list(Bare().parameters())) == 1 and Bare()(mg.ones(2)).tolist() == [1, 1]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda n: setattr(n, "scale", mg.ones(3)), TypeError, "Net.scale is a Parameter; it takes another or None"),
        (lambda n: setattr(n, "seen", np.ones(1)), TypeError, "Net.seen is a buffer; it takes a Tensor, not ndarray"),
        (lambda n: n.register_buffer("conv", mg.ones(1)), KeyError, "already has an attribute 'conv'"),
        (lambda n: n.register_buffer("a.b", mg.ones(1)), KeyError, "nor has a dot, got 'a.b'"),
        (lambda n: n.register_buffer("b", [1]), TypeError, "'b' must be a Tensor or None, got list"),
        (lambda n: n.register_parameter("p", mg.ones(1)), TypeError, "'p' must be a Parameter or None, got Tensor"),
        (lambda n: n.register_parameter("forward", None), KeyError, "already has an attribute 'forward'"),
        (lambda n: n.add_module("", nn.ReLU()), KeyError, "a name is a string that is neither empty"),
        (lambda n: n.add_module("m", mg.relu), TypeError, "'m' must be a Module or None, got function"),
        (lambda n: n.get_submodule("conv.deep"), AttributeError, "Conv2d has no module 'deep'"),
    ],
)
def test_wrong_members_are_refused_and_change_nothing(change, error, words):
    net = Net()
    before = dict(net.__dict__)
    with pytest.raises(error, match=words):
        change(net)
    assert net.__dict__ == before


@pytest.mark.parametrize(
    "use",
    [
        lambda m: list(m.parameters()),
        lambda m: m.train(),
        lambda m: m.state_dict(),
        lambda m: m.apply(print),
        lambda m: m.zero_grad(),
        repr,
    ],
)
def test_a_module_that_contains_itself_is_an_error(use):
    outer = nn.Sequential(inner := nn.Sequential())
    inner.append(outer)
    with pytest.raises(ValueError, match=r"Sequential contains itself, as '0\.0'"):
        use(outer)


@pytest.mark.parametrize(
    ("name", "words"),
    [("share_memory", "to the other process"), ("bfloat16", "half"), ("weights", "no attribute 'weights'")],
)
def test_missing_attributes_say_what_to_use(name, words):
    assert not hasattr(Net(), name)
    with pytest.raises(AttributeError, match=words):
        getattr(Net(), name)


def test_missing_layers_say_what_to_use():
    with pytest.raises(AttributeError, match="'LSTM'; write the step as a Module"):
        _ = nn.LSTM
    with pytest.raises(AttributeError, match=r"has no attribute 'Nonsense'$"):
        _ = nn.Nonsense


# ------------------------------------------------------------------------------------------------ done to all


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.eval() is net and not any(module.training for module in net.modules())
    assert net.train() is net and all(module.training for module in net.modules())


def test_apply_goes_through_children_first():
    seen = []
    net = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Tanh()))
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen == ["ReLU", "Tanh", "Sequential", "Sequential"]


def test_freezing_stops_gradients():
    net = Net().requires_grad_(False)
    assert not net(x(2, 1, 4, 4).detach()).requires_grad
    assert all(p.requires_grad for p in net.requires_grad_().parameters())


def test_zero_grad_drops_gradients_or_fills_them_with_zeros():
    net = Net()
    net(x(2, 1, 4, 4)).sum().backward()
    net.zero_grad(set_to_none=False)
    assert all(not p.grad.array.any() for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_to_casts_parameters_gradients_and_floating_buffers():
    net = Net()
    net(x(2, 1, 4, 4)).sum().backward()
    parameters = list(net.parameters())
    assert net.to(mg.float64) is net and net.to("cpu") is net
    assert all(p is q for p, q in zip(net.parameters(), parameters, strict=True))
    assert {t.dtype for p in net.parameters() for t in (p, p.grad)} == {mg.float64}
    assert net.norm.running_mean.dtype == mg.float64 and net.norm.num_batches_tracked.dtype == mg.int64
    net.zero_grad()
    net(mg.ones(2, 1, 4, 4, dtype=mg.float64)).sum().backward()
    assert {p.grad.dtype for p in net.parameters()} == {mg.float64}
    assert {p.dtype for p in net.float().parameters()} == {mg.float32}
    assert {p.dtype for p in net.double().parameters()} == {mg.float64}


def test_to_refuses_other_places_and_whole_numbers():
    with pytest.raises(RuntimeError, match=r"Module\.to: there is one device, the CPU; got device 'cuda'"):
        Net().to("cuda")
    with pytest.raises(TypeError, match=r"Module\.to: expected a floating dtype, got int64"):
        Net().to(mg.int64)


def test_a_copy_is_deep_and_a_pickle_the_same():
    net = Net()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert twin.head is twin.again and twin.head.weight is not net.head.weight
        assert isinstance(twin.head.weight, nn.Parameter) and twin.head.weight.requires_grad
        for name, value in net.state_dict().items():
            np.testing.assert_array_equal(twin.state_dict()[name].array, value.array)


def test_parameters_are_tensors_that_require_gradients():
    p = nn.Parameter(mg.ones(2))
    assert isinstance(p, mg.Tensor) and p.requires_grad and p.is_leaf
    assert not nn.Parameter(mg.ones(2), requires_grad=False).requires_grad
    assert type(p * 2) is mg.Tensor
    assert repr(p) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"


def test_forward_is_for_subclasses():
    class Empty(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match="Empty does not define forward"):
        Empty()(1)


# ------------------------------------------------------------------------------------------------ its state


def test_the_state_has_pytorchs_names_and_shares_memory():
    net = Net()
    state = net.state_dict()
    assert list(state) == NET_STATE
    assert not any(value.requires_grad for value in state.values())
    with mg.no_grad():
        net.scale += 1
    assert state["scale"].tolist() == [2, 2, 2]
    assert list(net.state_dict(prefix="net.")) == [f"net.{name}" for name in NET_STATE]


def test_a_state_travels_as_arrays_into_the_same_memory():
    first, second = Net(), Net()
    memory = second.conv.weight.array
    result = second.load_state_dict({name: value.numpy() for name, value in first.state_dict().items()})
    assert result.missing_keys == [] and result.unexpected_keys == []
    assert second.conv.weight.array is memory
    image = x(2, 1, 4, 4)
    np.testing.assert_array_equal(first(image).array, second(image).array)


def test_a_saved_model_is_loaded_with_the_same_outputs(tmp_path):
    first, second = Net(), Net()
    first(x(4, 1, 5, 5))
    mg.save(first.state_dict(), tmp_path / "net.npz")
    second.load_state_dict(mg.load(tmp_path / "net.npz"))
    image = x(2, 1, 4, 4)
    np.testing.assert_array_equal(first.eval()(image).array, second.eval()(image).array)


def test_loading_lists_all_that_is_wrong_and_changes_nothing():
    net = Net()
    before = {name: value.array.copy() for name, value in net.state_dict().items()}
    wrong = {name: value + 1 for name, value in before.items()}
    del wrong["seen"]
    wrong["conv.wieght"] = wrong.pop("conv.weight")
    wrong["scale"] = np.ones(4)
    wrong["norm.num_batches_tracked"] = np.array(1.5)
    with pytest.raises(RuntimeError) as error:
        net.load_state_dict(wrong)
    for words in (
        "Error(s) in loading state_dict for Net",
        "Missing key(s) in state_dict: 'seen', 'conv.weight'",
        "Unexpected key(s) in state_dict: 'conv.wieght'",
        "size mismatch for scale: (4,) given, expected (3,)",
        "dtype mismatch for norm.num_batches_tracked: float64 given, expected int64",
    ):
        assert words in str(error.value)
    np.testing.assert_equal({name: value.array for name, value in net.state_dict().items()}, before)


def test_loading_may_be_lenient_with_names_but_not_with_shapes():
    net = Net()
    result = net.load_state_dict({"scale": np.full(3, 5.0), "other": np.ones(1)}, strict=False)
    assert result.unexpected_keys == ["other"] and result.missing_keys == NET_STATE[1:]
    assert net.scale.tolist() == [5, 5, 5] and net.scale.dtype == mg.float32
    with pytest.raises(RuntimeError, match="size mismatch"):
        net.load_state_dict({"scale": np.ones(4)}, strict=False)
    with pytest.raises(TypeError, match="expected a mapping"):
        net.load_state_dict([1, 2])


# ------------------------------------------------------------------------------------------------ containers


def test_sequential_chains_and_is_a_list():
    a, b, c = nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)
    chain = nn.Sequential(a, b)
    assert chain.append(c) is chain and len(chain) == 3 and list(chain) == [a, b, c]
    assert chain[0] is a and chain[-1] is c and list(chain[1:]) == [b, c] and isinstance(chain[:2], nn.Sequential)
    assert list(chain.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    input = x(4, 2)
    np.testing.assert_array_equal(chain(input).array, c(b(a(input))).array)
    chain[1] = nn.Tanh()
    del chain[0]
    chain.insert(0, d := nn.Linear(2, 3))
    assert chain[0] is d and [name for name, _ in chain.named_children()] == ["0", "1", "2"]
    with pytest.raises(IndexError, match="index 3 is out of range for 3 modules"):
        _ = chain[3]


def test_sequential_takes_names():
    chain = nn.Sequential({"in": nn.Linear(2, 3), "out": nn.Linear(3, 1)})
    assert list(chain.state_dict()) == ["in.weight", "in.bias", "out.weight", "out.bias"]
    assert [name for name, _ in chain[:1].named_children()] == ["in"]
    with pytest.raises(TypeError, match="must be a Module or None, got function"):
        nn.Sequential(mg.relu)


def test_module_list_registers_what_it_holds():
    layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    layers.extend([nn.ReLU()])
    layers += [nn.ReLU()]
    assert len(layers) == 5 and len(list(layers.parameters())) == 6 and layers[1] in layers
    assert isinstance(layers[3:], nn.ModuleList) and len(layers[3:]) == 2
    with pytest.raises(TypeError, match="expected a Module, got function"):
        layers.insert(0, mg.relu)
    del layers[1:3]
    assert [name for name, _ in layers.named_children()] == ["0", "1", "2"]
    with pytest.raises(NotImplementedError):
        layers(1)


def test_module_dict_registers_what_it_holds():
    layers = nn.ModuleDict({"a": nn.Linear(1, 1)})
    layers["b"] = b = nn.ReLU()
    layers.update({"a": nn.Tanh()})
    assert layers.keys() == ["a", "b"] and "b" in layers and len(layers) == 2 and list(layers) == ["a", "b"]
    assert isinstance(layers["a"], nn.Tanh) and layers.pop("b") is b and "b" not in layers
    layers["c"] = nn.ReLU()
    del layers["c"]
    assert [name for name, _ in layers.items()] == ["a"] and len(layers.values()) == 1
    with pytest.raises(KeyError, match="no module 'z' among"):
        _ = layers["z"]
    with pytest.raises(KeyError, match="already has an attribute 'items'"):
        layers["items"] = nn.ReLU()


# ------------------------------------------------------------------------------------------------ repr

REPRS = {  # as PyTorch prints them
    "Linear(2, 3)": "Linear(in_features=2, out_features=3, bias=True)",
    "Conv2d(1, 8, 3)": "Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1))",
    "Conv2d(4, 8, (3, 5), 2, 1, (1, 2), 2, False, 'circular')": "Conv2d(4, 8, kernel_size=(3, 5), stride=(2, 2), "
    "padding=(1, 1), dilation=(1, 2), groups=2, bias=False, padding_mode=circular)",
    "Conv2d(1, 1, 3, padding='same')": "Conv2d(1, 1, kernel_size=(3, 3), stride=(1, 1), padding=same)",
    "Conv1d(1, 2, 3, padding=1)": "Conv1d(1, 2, kernel_size=(3,), stride=(1,), padding=(1,))",
    "ConvTranspose2d(2, 3, 3, 2, 1, 1)": "ConvTranspose2d(2, 3, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), "
    "output_padding=(1, 1))",
    "MaxPool2d(2)": "MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)",
    "AvgPool2d(3, 1)": "AvgPool2d(kernel_size=3, stride=1, padding=0)",
    "AdaptiveAvgPool2d((None, 3))": "AdaptiveAvgPool2d(output_size=(None, 3))",
    "BatchNorm2d(3)": "BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)",
    "LayerNorm(3)": "LayerNorm((3,), eps=1e-05, elementwise_affine=True, bias=True)",
    "GroupNorm(2, 4)": "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)",
    "Dropout()": "Dropout(p=0.5, inplace=False)",
    "Flatten()": "Flatten(start_dim=1, end_dim=-1)",
    "Unflatten(1, (2, 3))": "Unflatten(dim=1, unflattened_size=(2, 3))",
    "Embedding(10, 3, padding_idx=-1)": "Embedding(10, 3, padding_idx=9)",
    "ReLU()": "ReLU()",
    "SiLU(inplace=True)": "SiLU(inplace=True)",
    "ELU(inplace=True)": "ELU(alpha=1.0, inplace=True)",
    "LeakyReLU()": "LeakyReLU(negative_slope=0.01)",
    "ELU()": "ELU(alpha=1.0)",
    "GELU()": "GELU(approximate='none')",
    "Softplus()": "Softplus(beta=1.0, threshold=20.0)",
    "Softmax(1)": "Softmax(dim=1)",
    "CrossEntropyLoss()": "CrossEntropyLoss()",
    "Sequential()": "Sequential()",
    "Sequential(Sequential(Tanh()), Identity())": "Sequential(\n  (0): Sequential(\n    (0): Tanh()\n  )\n"
    "  (1): Identity()\n)",
    "ModuleDict({'a': ReLU()})": "ModuleDict(\n  (a): ReLU()\n)",
}


@pytest.mark.parametrize("call", REPRS)
def test_the_repr_is_pytorchs(call):
    assert repr(eval(call, vars(nn).copy())) == REPRS[call]


# ------------------------------------------------------------------------------------------------ layers


@pytest.mark.parametrize("call", ["Linear(16, 8)", "Conv2d(4, 8, (3, 2))", "Conv1d(8, 4, 3, groups=2)"])
def test_linear_maps_begin_uniform_within_one_over_the_root_of_fan_in(call):
    layer = eval(call, vars(nn).copy())
    bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
    for parameter in (layer.weight, layer.bias):
        assert 0.5 * bound < np.abs(parameter.array).max() <= bound
        assert parameter.dtype == mg.float32


def test_layers_are_reproducible_by_seed():
    state = mg.get_rng_state()
    mg.manual_seed(3)
    first = nn.Conv2d(2, 3, 3)
    mg.manual_seed(3)
    np.testing.assert_array_equal(nn.Conv2d(2, 3, 3).weight.array, first.weight.array)
    mg.set_rng_state(state)


def test_layers_take_a_dtype():
    for call in ("Linear(2, 2", "Conv2d(2, 2, 1", "BatchNorm1d(2", "LayerNorm(2", "GroupNorm(1, 2", "Embedding(2, 2"):
        layer = eval(f"{call}, dtype='float64')", vars(nn).copy())
        assert {p.dtype for p in layer.parameters()} == {mg.float64}


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [1, (2, 1), "same", "valid"])
def test_padding_modes_pad_as_numpy_does(mode, padding):
    layer = nn.Conv2d(1, 1, (2, 3), padding=padding, padding_mode=mode, bias=False)
    image = x(1, 1, 5, 6)
    margins = {1: [(1, 1), (1, 1)], (2, 1): [(2, 2), (1, 1)], "same": [(0, 1), (1, 1)], "valid": [(0, 0), (0, 0)]}
    numpys = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
    padded = np.pad(image.array, [(0, 0), (0, 0), *margins[padding]], mode=numpys)
    expected = F.conv2d(mg.tensor(padded), layer.weight)
    np.testing.assert_allclose(layer(image).array, expected.array, rtol=1e-6)
    if padding == "same":
        assert expected.shape == image.shape


LAYERS = [  # call, shape in, shape out
    ("Conv1d(2, 4, 3, stride=2)", (3, 2, 9), (3, 4, 4)),
    ("Conv2d(2, 4, 3, padding=1, groups=2)", (3, 2, 5, 6), (3, 4, 5, 6)),
    ("ConvTranspose2d(2, 4, 3, stride=2, padding=1, output_padding=1)", (3, 2, 5, 6), (3, 4, 10, 12)),
    ("MaxPool2d(2)", (3, 2, 5, 6), (3, 2, 2, 3)),
    ("MaxPool2d(2, ceil_mode=True)", (3, 2, 5, 6), (3, 2, 3, 3)),
    ("AvgPool2d(3, 2, 1)", (3, 2, 5, 6), (3, 2, 3, 3)),
    ("AdaptiveAvgPool2d(1)", (3, 2, 5, 6), (3, 2, 1, 1)),
    ("AdaptiveMaxPool2d((2, None))", (3, 2, 5, 6), (3, 2, 2, 6)),
    ("BatchNorm1d(4)", (3, 4), (3, 4)),
    ("BatchNorm1d(4)", (3, 4, 2), (3, 4, 2)),
    ("BatchNorm2d(4)", (3, 4, 2, 2), (3, 4, 2, 2)),
    ("LayerNorm((2, 3))", (4, 2, 3), (4, 2, 3)),
    ("GroupNorm(2, 4)", (3, 4, 2), (3, 4, 2)),
    ("Dropout(0.5)", (3, 4), (3, 4)),
    ("Dropout2d(0.5)", (3, 4, 2, 2), (3, 4, 2, 2)),
    ("Flatten()", (3, 4, 2), (3, 8)),
    ("Unflatten(1, (2, -1))", (3, 8), (3, 2, 4)),
    ("Identity('anything', of=1)", (3, 4), (3, 4)),
    ("ReLU()", (3,), (3,)),
    ("LeakyReLU(0.2)", (3,), (3,)),
    ("ELU(0.5)", (3,), (3,)),
    ("GELU('tanh')", (3,), (3,)),
    ("SiLU()", (3,), (3,)),
    ("Softplus(2)", (3,), (3,)),
    ("Sigmoid()", (3,), (3,)),
    ("Tanh()", (3,), (3,)),
    ("Softmax(1)", (3, 4), (3, 4)),
    ("LogSoftmax(-1)", (3, 4), (3, 4)),
]


@pytest.mark.parametrize(("call", "before", "after"), LAYERS)
def test_layers_give_these_shapes_and_gradients_to_input_and_parameters(call, before, after):
    layer, input = eval(call, vars(nn).copy()), x(*before)
    out = layer(input)
    assert out.shape == after and out.dtype == mg.float32
    out.sum().backward()
    assert input.grad.shape == before
    assert all(p.grad.shape == p.shape for p in layer.parameters())


def test_an_embedding_looks_rows_up_and_its_padding_is_zero():
    layer = nn.Embedding(5, 3, padding_idx=-1)
    out = layer(mg.tensor([[1, 4]]))
    np.testing.assert_array_equal(out.array, [[layer.weight.array[1], np.zeros(3)]])
    out.sum().backward()
    assert layer.weight.grad.array.sum(1).tolist() == [0, 3, 0, 0, 0]


def test_dropout_is_on_in_training_only():
    for layer, shape in ((nn.Dropout(0.5), (100, 100)), (nn.Dropout2d(0.5), (50, 50, 2, 2))):
        ones = mg.ones(*shape)
        assert 0.4 < (layer(ones).array == 0).mean() < 0.6
        assert layer.eval()(ones) is ones


def test_batch_norm_remembers_batches_and_uses_them_in_evaluation():
    layer, a = nn.BatchNorm1d(2, momentum=None), mg.tensor([[0.0, 1.0], [2.0, 5.0]])
    layer(a)
    layer(a + 2)
    assert layer.num_batches_tracked.item() == 2
    np.testing.assert_allclose(layer.running_mean.array, [2, 4])  # the mean over both batches
    np.testing.assert_allclose(layer.running_var.array, [2, 8])
    np.testing.assert_allclose(layer.eval()(mg.tensor([[2.0, 4.0]])).array, [[0, 0]], atol=1e-6)
    layer.reset_running_stats()
    assert layer.running_var.tolist() == [1, 1] and layer.num_batches_tracked.item() == 0


def test_batch_norm_without_statistics_uses_the_batch_always():
    layer = nn.BatchNorm1d(2, affine=False, track_running_stats=False).eval()
    assert list(layer.state_dict()) == []
    np.testing.assert_allclose(layer(mg.tensor([[0.0, 1.0], [2.0, 5.0]])).array, [[-1, -1], [1, 1]], rtol=1e-4)


def test_a_refused_batch_is_not_counted():
    layer = nn.BatchNorm2d(2)
    for wrong, words in (((3, 2), "expected 4 dimensions"), ((1, 2, 1, 1), "more than one value")):
        with pytest.raises(ValueError, match=words):
            layer(x(*wrong))
    assert layer.num_batches_tracked.item() == 0 and layer.running_mean.tolist() == [0, 0]


LOSSES = [
    ("MSELoss", F.mse_loss, {}, (3, 4), lambda: x(3, 4)),
    ("L1Loss", F.l1_loss, {}, (3, 4), lambda: x(3, 4)),
    ("HuberLoss", F.huber_loss, {"delta": 0.3}, (3, 4), lambda: x(3, 4)),
    ("NLLLoss", F.nll_loss, {"weight": mg.arange(4.0), "ignore_index": 0}, (3, 4), lambda: mg.tensor([0, 1, 3])),
    (
        "CrossEntropyLoss",
        F.cross_entropy,
        {"weight": mg.arange(4.0), "ignore_index": 0, "label_smoothing": 0.1},
        (3, 4),
        lambda: mg.tensor([0, 1, 3]),
    ),
    (
        "BCEWithLogitsLoss",
        F.binary_cross_entropy_with_logits,
        {"pos_weight": mg.ones(4)},
        (3, 4),
        lambda: mg.ones(3, 4),
    ),
]


@pytest.mark.parametrize(("name", "function", "options", "shape", "target"), LOSSES)
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
def test_losses_are_the_functions_with_their_options(name, function, options, shape, target, reduction):
    a, b = x(*shape), target()
    found = getattr(nn, name)(**options, reduction=reduction)(a, b)
    np.testing.assert_array_equal(found.array, function(a, b, **options, reduction=reduction).array)


def test_bce_loss_and_cosine_similarity_are_the_functions():
    p, t = mg.tensor([0.2, 0.9]), mg.tensor([0.0, 1.0])
    assert nn.BCELoss(mg.tensor([1.0, 2.0]))(p, t).item() == F.binary_cross_entropy(p, t, mg.tensor([1.0, 2.0])).item()
    assert nn.CosineSimilarity(0)(p, t).item() == F.cosine_similarity(p, t, 0).item()


def test_a_losss_weight_is_in_its_state():
    assert list(nn.CrossEntropyLoss(mg.ones(3)).state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(pos_weight=mg.ones(3)).state_dict()) == ["pos_weight"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ("Linear(0, 3)", "Linear: in_features must be a positive integer, got 0"),
        ("Conv2d(3, 4, 3, groups=2)", "in_channels 3 and out_channels 4 must be divisible by groups 2"),
        ("Conv2d(3, 4, (3, 3, 3))", "kernel_size must be an integer or 2 of them"),
        ("Conv2d(3, 4, 2.5)", "kernel_size must be an integer or 2 of them, got 2.5"),
        ("Conv2d(3, 4, (2.0, 3))", "kernel_size must be an integer or 2 of them"),
        ("Conv1d(3, 4, None)", "kernel_size must be an integer or 1 of them, got None"),
        ("Conv2d(3, 4, 3, padding=1.0)", "padding must be an integer or 2 of them, got 1.0"),
        ("Conv2d(3, 4, 0)", "kernel_size must be positive"),
        ("Conv2d(3, 4, 3, stride=0)", "stride must be positive"),
        ("Conv2d(3, 4, 3, stride=2, padding='same')", "padding='same' needs stride 1"),
        ("Conv2d(3, 4, 3, padding='full')", "'same' or 'valid', got 'full'"),
        ("Conv2d(3, 4, 3, padding_mode='mirror')", "padding_mode must be one of"),
        ("ConvTranspose2d(3, 4, 3, padding_mode='reflect')", "padding_mode must be one of"),
        ("Dropout(2)", "p is a probability"),
        ("GroupNorm(2, 3)", "3 channels do not divide into 2 groups"),
        ("Embedding(3, 2, padding_idx=3)", "padding_idx 3 is not among 3 rows"),
        ("MSELoss(reduction='average')", "MSELoss: reduction must be"),
    ],
)
def test_what_makes_no_sense_is_refused(call, words):
    with pytest.raises(ValueError, match=words):
        eval(call, vars(nn).copy())


# ------------------------------------------------------------------------------------------------ utils


def with_gradients(*gradients):
    parameters = []
    for gradient in gradients:
        p = mg.zeros(len(gradient), requires_grad=True)
        p.grad = mg.tensor(gradient)
        parameters.append(p)
    return [*parameters, mg.zeros(3, requires_grad=True)]  # one without a gradient


@pytest.mark.parametrize(("order", "norm"), [(2.0, 13.0), (1.0, 19.0), (math.inf, 12.0)])
def test_clipping_scales_all_gradients_to_the_norm(order, norm):
    parameters = with_gradients([3.0, 4.0], [12.0])
    assert utils.clip_grad_norm_(parameters, 1.0, order).item() == pytest.approx(norm)
    np.testing.assert_allclose(parameters[0].grad.array, np.array([3, 4]) / norm, rtol=1e-5)
    np.testing.assert_allclose(parameters[1].grad.array, np.array([12]) / norm, rtol=1e-5)


def test_clipping_leaves_small_gradients_and_no_gradients_alone():
    parameters = with_gradients([3.0, 4.0])
    assert utils.clip_grad_norm_(parameters, 10.0).item() == 5
    assert parameters[0].grad.tolist() == [3, 4]
    assert utils.clip_grad_norm_(mg.zeros(2, requires_grad=True), 1.0).item() == 0


def test_clipping_refuses_what_is_not_finite_if_asked_to():
    parameters = with_gradients([3.0, math.inf])
    with pytest.raises(RuntimeError, match=r"norm of order 2\.0 is inf; nothing was scaled"):
        utils.clip_grad_norm_(parameters, 1.0, error_if_nonfinite=True)
    assert parameters[0].grad.tolist() == [3, math.inf]


def test_clipping_by_value():
    parameters = with_gradients([3.0, -4.0], [0.5])
    utils.clip_grad_value_(parameters, 1.0)
    assert parameters[0].grad.tolist() == [1, -1] and parameters[1].grad.tolist() == [0.5]


def test_parameters_go_into_a_vector_and_back():
    first, second = nn.Linear(2, 3), nn.Linear(2, 3)
    vector = utils.parameters_to_vector(first.parameters())
    assert vector.shape == (9,) and vector.requires_grad
    utils.vector_to_parameters(vector, second.parameters())
    np.testing.assert_array_equal(first.weight.array, second.weight.array)
    with pytest.raises(ValueError, match=r"a vector of 9 elements, got shape \(8,\)"):
        utils.vector_to_parameters(vector[1:], second.parameters())


def test_values_beyond_a_module_s_dtype_are_refused_and_nothing_changes():
    layer = nn.Linear(2, 2)
    before = {name: t.array.copy() for name, t in layer.state_dict().items()}
    with pytest.raises(RuntimeError, match="values beyond float32 for bias"):
        layer.load_state_dict({"weight": np.ones((2, 2)), "bias": np.array([0.0, 4e38])})
    for name, array in before.items():
        np.testing.assert_array_equal(layer.state_dict()[name].array, array)


def test_clipping_float16_sums_squares_in_float32():
    p = nn.Parameter(mg.zeros(4, dtype=mg.float16))
    p.grad = mg.full((4,), 30_000.0, dtype=mg.float16)
    assert utils.clip_grad_norm_([p], 1.0, foreach=True).item() == 60_000
    np.testing.assert_allclose(p.grad.array, 0.5, rtol=1e-3)
    with pytest.raises(RuntimeError, match=r"get_total_norm: the norm of order 2\.0 is inf; nothing was scaled"):
        utils.get_total_norm([mg.tensor([math.inf])], error_if_nonfinite=True)
    assert utils.get_total_norm([]).item() == 0


def test_normalised_weights_are_learned_saved_and_undone():
    layer = utils.weight_norm(nn.Linear(3, 2))
    assert [n for n, _ in layer.named_parameters()] == ["bias", "weight_g", "weight_v"]
    twin = utils.weight_norm(nn.Linear(3, 2))
    twin.load_state_dict(layer.state_dict())
    a = mg.randn(4, 3)
    np.testing.assert_allclose(twin(a).array, layer(a).array, rtol=1e-6)
    layer(a).sum().backward()
    assert layer.weight_g.grad is not None and layer.weight_v.grad is not None
    expected = layer(a).array
    assert utils.remove_weight_norm(layer) is layer and "weight" in dict(layer.named_parameters())
    np.testing.assert_allclose(layer(a).array, expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"Linear\.weight is not computed so"):
        utils.remove_spectral_norm(layer)


def test_a_spectral_norm_is_found_in_training_and_kept_in_evaluation():
    layer = utils.spectral_norm(nn.Linear(5, 4))
    assert set(layer.state_dict()) == {"bias", "weight_orig", "weight_u", "weight_v"}
    for _ in range(200):
        layer(mg.randn(1, 5))
    assert np.linalg.svd(layer.weight.array)[1][0] == pytest.approx(1, rel=1e-4)
    layer.eval()
    before = layer.weight_u.array.copy()
    layer(mg.randn(1, 5))
    np.testing.assert_array_equal(layer.weight_u.array, before)


# ------------------------------------------------------------------------------------------------ declared options


DECLARED = [cls for cls in vars(nn).values() if isinstance(cls, type) and getattr(cls, "_options", None)]


@pytest.mark.parametrize("cls", DECLARED, ids=lambda cls: cls.__name__)
def test_a_layers_options_have_the_defaults_of_its_function(cls):
    function = getattr(cls, "function", None)
    if function is None:
        return
    theirs = inspect.signature(function).parameters
    for name, option in cls._options.items():
        assert name in theirs, name
        if inspect.Parameter.empty not in (option.default, theirs[name].default) and name != "training":
            assert option.default == theirs[name].default or cls is nn.AlphaDropout, name


def test_a_users_subclass_of_a_layer_is_a_class_like_any_other():
    class Pool(nn.MaxPool2d):
        scale: float = 3.0

        def forward(self, input):
            return super().forward(input) * self.scale

    class Own(nn.ReLU):
        factor: int

        def __init__(self, factor):
            super().__init__(inplace=True)
            self.factor = factor

    class Net(nn.Module):
        hidden: int = 8
        layers: list

        def __init__(self, a, b=2):
            super().__init__()
            self.a, self.b = a, b

    assert Pool.scale == 3.0 and "scale" not in inspect.signature(Pool).parameters
    assert repr(Pool(2)).startswith("Pool(kernel_size=2, stride=2") and Pool(2)(mg.ones(1, 1, 2, 2)).item() == 3
    with pytest.raises(TypeError, match=r"^Pool\(kernel_size, .*unexpected keyword argument 'scale'"):
        Pool(2, scale=1.0)
    assert Own(5).factor == 5 and repr(Own(5)) == "Own(inplace=True)"
    assert list(inspect.signature(Net).parameters) == ["a", "b"] and Net.hidden == 8 and Net(1).b == 2


def test_options_are_attributes_that_may_change_and_are_copied():
    layer = nn.LeakyReLU(0.5)
    layer.negative_slope = 0.25
    assert layer(mg.tensor([-4.0])).item() == -1
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert repr(twin) == "LeakyReLU(negative_slope=0.25)" and twin(mg.tensor([-4.0])).item() == -1


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.MaxPool2d(), TypeError, r"^MaxPool2d\(kernel_size, stride=None, .*missing a required argument"),
        (lambda: nn.LeakyReLU(0.1, True, 3), TypeError, r"^LeakyReLU\(negative_slope=0.01, .*too many positional"),
        (lambda: nn.GaussianNLLLoss(True), TypeError, "too many positional"),
        (lambda: nn.Hardtanh(2, 1), ValueError, "min_val 2 is not smaller than max_val 1"),
        (lambda: nn.ZeroPad2d((1, 2)), ValueError, "padding must be a number or 4"),
        (lambda: nn.MSELoss(reduction="avg"), ValueError, "MSELoss: reduction must be 'none', 'mean' or 'sum'"),
        (lambda: nn.Linear(2, 3, device="cuda"), RuntimeError, "there is one device, the CPU"),
        (lambda: nn.Sequential([nn.ReLU()]), TypeError, r"got a list of them; say Sequential\(\*modules\)"),
        (lambda: nn.Linear(2, 3)(None), TypeError, r"Linear: the input is None; does the forward\(\) before"),
        (lambda: nn.ReLU()(None), TypeError, "ReLU: the input is None"),
        (lambda: nn.Conv2d(3, 4, 3)(mg.ones(2, 8, 8, 3)), ValueError, r"say .permute\(0, 3, 1, 2\)"),
        (lambda: nn.Conv1d(3, 4, 3)(mg.ones(2, 4, 8)), ValueError, r"^conv1d: the weight asks for 3 .* \(2, 4, 8\)"),
        (lambda: nn.Conv1d(3, 4, 3)(mg.ones(2, 3, 2)), ValueError, "^conv1d: windows"),
        (lambda: nn.InstanceNorm2d(3, affine=True)(mg.ones(2, 4, 3, 3)), ValueError, "expected 3 channels"),
        (lambda: nn.BatchNorm3d(3)(mg.ones(2, 3, 4, 4)), ValueError, "BatchNorm3d: expected 5 dimensions"),
        (lambda: nn.ConvTranspose2d(3, 2, 3)(mg.ones(1, 3, 4, 4), output_size=[9, 9]), ValueError, "must be from"),
        (lambda: nn.ParameterList([nn.ReLU()]), TypeError, "must be a Parameter or None, got ReLU"),
        (lambda: Net().train(1), ValueError, "expected True or False, got 1"),
    ],
)
def test_what_does_not_fit_a_layer_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_layer_without_weights_warns_of_other_channels_and_works():
    with pytest.warns(UserWarning, match=r"InstanceNorm2d: expected 3 channels, got an input of .2, 4"):
        assert nn.InstanceNorm2d(3)(mg.randn(2, 4, 3, 3)).shape == (2, 4, 3, 3)


EMPTY_LAYERS = [
    nn.Linear(4, 2), nn.Conv2d(3, 2, 3), nn.ConvTranspose2d(3, 2, 3), nn.BatchNorm2d(3), nn.InstanceNorm2d(3),
    nn.GroupNorm(1, 3), nn.LayerNorm(4), nn.MaxPool2d(2), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
    nn.AdaptiveMaxPool2d(2), nn.Upsample(scale_factor=2), nn.Dropout2d(), nn.Unfold(2), nn.Softmax(1), nn.PReLU(),
    nn.ZeroPad2d(1), nn.ReflectionPad2d(1), nn.AlphaDropout(), nn.GLU(), nn.PixelUnshuffle(2), nn.RMSNorm(4),
    nn.LocalResponseNorm(2), nn.GELU(), nn.Upsample(size=3, mode="bilinear"), nn.ReplicationPad2d(1),
]  # fmt: skip


@pytest.mark.parametrize("layer", EMPTY_LAYERS, ids=lambda layer: type(layer).__name__)
def test_an_empty_batch_goes_through_every_layer(layer):
    batch = mg.zeros(0, 3, 4, 4, requires_grad=True)
    out = layer(batch)
    assert out.shape[0] == 0
    out.sum().backward()
    assert batch.grad.shape == batch.shape and all(not p.grad.array.any() for p in layer.parameters())


def test_zero_grad_fills_gradients_in_place_if_asked_to():
    net = Net()
    net(x(2, 1, 4, 4)).sum().backward()
    kept = net.scale.grad
    net.zero_grad(set_to_none=False)
    assert net.scale.grad is kept and not kept.array.any()


def test_casts_by_name_and_to_half_and_states_with_their_options():
    net = nn.Linear(2, 2)
    assert net.half().weight.dtype == mg.float16 and net.type("torch.DoubleTensor").weight.dtype == mg.float64
    assert net.type(mg.float32).bias.dtype == mg.float32
    state = {"before": mg.ones(1)}
    assert net.state_dict(destination=state, prefix="net.", keep_vars=True) is state
    assert list(state) == ["before", "net.weight", "net.bias"] and state["net.bias"] is net.bias


def test_lists_and_dictionaries_of_parameters_register_them():
    weights = nn.ParameterList([mg.ones(2), nn.Parameter(mg.zeros(3))])
    weights += [mg.ones(1)]
    assert [n for n, _ in weights.named_parameters()] == ["0", "1", "2"] and weights[-1].requires_grad
    assert isinstance(weights[:2], nn.ParameterList) and len(weights[:2]) == 2
    assert "(1): Parameter 3, float32" in repr(weights)
    named = nn.ParameterDict({"a": mg.ones(2)})
    named["b"] = mg.zeros(1)
    assert list(named) == ["a", "b"] and named.pop("a").tolist() == [1, 1] and "a" not in named
    with pytest.raises(KeyError, match="no parameter 'z' among"):
        _ = named["z"]
