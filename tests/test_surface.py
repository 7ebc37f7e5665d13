"""The public surface: what there is has PyTorch's name and says what it does; what there is not says what to use."""

import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minigrad as mg
from minigrad import Tensor, nn, optim
from minigrad.nn import functional as F

# What the project promises, by the place where PyTorch has it.
PROMISED = {
    mg: """
        tensor zeros ones full arange linspace eye rand randn randint zeros_like ones_like full_like rand_like
        randn_like randint_like manual_seed Generator
        add sub mul div pow neg abs sign exp expm1 log log1p sqrt rsqrt square reciprocal sin cos tan tanh sigmoid relu
        maximum minimum clamp where floor round eq ne lt le gt ge
        sum mean prod amax amin max min median var std norm logsumexp cumsum argmax argmin any all
        reshape flatten unflatten transpose permute squeeze unsqueeze broadcast_to cat stack split chunk flip roll
        gather take_along_dim masked_fill tril triu matmul einsum outer conv1d conv2d conv_transpose2d
        no_grad enable_grad set_grad_enabled is_grad_enabled grad primitive detect_anomaly gradcheck gradgradcheck
        save load graph float32 float64 int64 bool
    """,
    Tensor: """
        add sub mul div pow neg abs sign exp expm1 log log1p sqrt rsqrt square reciprocal sin cos tan tanh sigmoid relu
        maximum minimum clamp where floor round
        sum mean prod amax amin max min median var std norm logsumexp cumsum argmax argmin any all softmax log_softmax
        reshape view flatten unflatten transpose permute squeeze unsqueeze expand repeat split chunk flip roll gather
        take_along_dim masked_fill tril triu unfold matmul outer T
        item numpy tolist to clone detach backward requires_grad requires_grad_ grad grad_fn is_leaf retain_grad
        register_hook shape dtype ndim size dim numel add_ sub_ mul_ div_ clamp_ copy_ fill_ zero_ float double long
    """,
    F: """
        linear softmax log_softmax cross_entropy nll_loss mse_loss l1_loss huber_loss binary_cross_entropy
        binary_cross_entropy_with_logits dropout dropout2d batch_norm layer_norm group_norm embedding one_hot
        cosine_similarity conv1d conv2d conv_transpose2d max_pool2d avg_pool2d adaptive_avg_pool2d adaptive_max_pool2d
        pad relu leaky_relu elu gelu silu softplus
    """,
    nn: """
        Module Parameter Sequential ModuleList ModuleDict Flatten Identity Embedding Linear Conv1d Conv2d
        ConvTranspose2d BatchNorm2d LayerNorm GroupNorm Dropout Dropout2d ReLU LeakyReLU ELU GELU SiLU Softplus
        Sigmoid Tanh Softmax
        MaxPool2d AvgPool2d AdaptiveAvgPool2d AdaptiveMaxPool2d CrossEntropyLoss NLLLoss MSELoss L1Loss HuberLoss
        BCELoss BCEWithLogitsLoss functional init utils summary
    """,
    nn.init: """
        kaiming_uniform_ kaiming_normal_ xavier_uniform_ xavier_normal_ uniform_ normal_ constant_ orthogonal_
        calculate_gain
    """,
    nn.utils: "clip_grad_norm_ clip_grad_value_",
    optim: "SGD Adam AdamW RMSprop Adagrad",
    optim.lr_scheduler: """
        StepLR MultiStepLR ExponentialLR CosineAnnealingLR LinearLR OneCycleLR ReduceLROnPlateau
    """,
    mg.func: "vjp jvp jacobian hessian hvp",
    mg.autograd: "backward grad",
}


@pytest.mark.parametrize("place", PROMISED, ids=lambda p: p.__name__)
def test_what_is_promised_is_there_and_says_what_it_does(place):
    for name in PROMISED[place].split():
        found = inspect.getattr_static(place, name) if isinstance(place, type) else getattr(place, name)
        if callable(found) or isinstance(found, property):
            assert inspect.getdoc(found), f"{place.__name__}.{name} has no docstring"


@pytest.mark.parametrize(
    "place", [mg, nn, F, optim, optim.lr_scheduler, nn.init, nn.utils, mg.func], ids=lambda p: p.__name__
)
def test_every_public_name_has_a_docstring(place):
    for name in getattr(place, "__all__", dir(place)):
        thing = getattr(place, name)
        if not name.startswith("_") and getattr(thing, "__module__", "x").startswith("minigrad"):
            assert thing.__doc__, f"{place.__name__}.{name} has no docstring"


@pytest.mark.parametrize("kind", [Tensor, nn.Module, optim.Optimizer, mg.Generator], ids=lambda k: k.__name__)
def test_every_public_method_has_a_docstring(kind):
    for name in dir(kind):
        if not name.startswith("_") and (
            inspect.isroutine(getattr(kind, name)) or isinstance(getattr(kind, name), property)
        ):
            assert inspect.getdoc(inspect.getattr_static(kind, name)), f"{kind.__name__}.{name} has no docstring"


ELEMENT_BY_ELEMENT = [
    "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "logsigmoid", "mish",
    "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "tanh", "tanhshrink",
    "threshold",
]  # fmt: skip
SHAPE = r"\((?:N|C|O|V|D|\*|n)\b|\(\*|shape|\bdim\b|`interpolate`|dimension"


@pytest.mark.parametrize("name", [n for n in F.__all__ if n.removesuffix("_") not in ELEMENT_BY_ELEMENT])
def test_a_function_that_works_on_more_than_elements_names_its_shapes(name):
    assert re.search(SHAPE, getattr(F, name).__doc__)


@pytest.mark.parametrize("layer, words", [
    (nn.Conv2d, "weight (O, C/groups, K, L)"), (nn.MaxPool2d, "(N, C, H, W) or (C, H, W)"), (nn.Linear, "(*, I)"),
    (nn.BatchNorm2d, "(N, C, *)"), (nn.Dropout, "probability"), (nn.CrossEntropyLoss, "Raises IndexError"),
])  # fmt: skip
def test_help_of_a_layer_has_the_words_of_its_function(layer, words):
    assert words in layer.__doc__


def modules():
    found = [mg, *(importlib.import_module(m.name) for m in pkgutil.walk_packages(mg.__path__, "minigrad."))]
    return [m for m in found if not m.__name__.endswith("__main__")]


def test_every_module_says_what_it_is_for():
    assert [m.__name__ for m in modules() if not m.__doc__] == []


def test_every_primitive_of_the_library_stands_in_ops():
    package = Path(mg.__file__).parent
    stated = [path for path in package.rglob("*.py") if "\n@primitive(" in path.read_text("utf-8")]
    found = {path.relative_to(package).parts[0] for path in stated}
    assert found == {"ops"}


def test_there_are_examples_in_docstrings():
    """They are run by --doctest-modules; here it is only asked that the option finds some."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(len(t.examples) for m in modules() for t in finder.find(m)) >= 10


def test_all_public_names_can_be_imported_at_once():
    space = {}
    exec("from minigrad import *", space)
    assert set(mg.__all__) <= set(space) and len(set(mg.__all__)) == len(mg.__all__)
    assert sorted(mg.__all__) == mg.__all__


def test_a_function_and_the_method_of_its_name_are_the_same():
    for name in set(mg.__all__) & set(vars(Tensor)) - {
        "bool",
        "float",
        "int",
        "double",
        "half",
        "long",
        "short",
        "where",
        "numel",
        "permute",
        "reshape",
    }:
        function, method = getattr(mg, name), vars(Tensor)[name]
        if inspect.isroutine(function) and name not in ("flip", "tile"):
            assert function is method, name


HINTS = {
    "gelu": (lambda: mg.ones(1).gelu(), "it is in nn.functional"),
    "NumPy's": (lambda: mg.ones(1).astype(int), r"use x.to\(dtype\)"),
    "no such name": (lambda: mg.ones(1).nonsense, "'Tensor' object has no attribute 'nonsense'$"),
    "of a device": (lambda: mg.cuda.graphs, "module 'minigrad.cuda' has no attribute 'graphs'; there is one device"),
    "pandas": (lambda: mg.from_pandas(1), r"use from_numpy\(frame.to_numpy\(\)\)"),
    "another place": (lambda: mg.Linear(1, 1), "it is in nn"),
    "functional": (lambda: mg.gelu(1), "it is in nn.functional"),
    "loader": (lambda: mg.DataLoader, "it is in data"),
    "no such name in the package": (lambda: mg.nonsense, "module 'minigrad' has no attribute 'nonsense'$"),
    "of nn": (lambda: nn.LSTM, "module 'minigrad.nn' has no attribute 'LSTM'; write the step"),
    "of optim": (lambda: optim.adam, r"did you mean 'Adam'\?"),
    "of a module": (lambda: nn.Linear(1, 1).share_memory(), r"send module.state_dict\(\)"),
}


@pytest.mark.parametrize("name", HINTS)
def test_a_name_that_there_is_not_says_what_is_instead(name):
    call, message = HINTS[name]
    with pytest.raises(AttributeError, match=message):
        call()


def test_the_package_shows_its_public_names_only():
    assert dir(mg) == mg.__all__ and {"graph", "conv2d", "nn", "Tensor"} <= set(dir(mg))
    assert not {"threads", "instead", "np", "annotations", "half_on_tie"} & set(dir(mg))


def test_missing_names_behave_as_python_expects():
    x = mg.ones(1)
    assert not hasattr(x, "astype") and getattr(x, "astype", 3) == 3
    with pytest.raises(AttributeError) as caught:
        x.reshpe  # noqa: B018
    assert caught.value.name == "reshpe" and caught.value.obj is x  # so that Python can suggest reshape


def test_importing_costs_numpys_import_and_hardly_more():
    heavy = [
        "matplotlib",
        "sklearn",
        "scipy",
        "graphviz",
        "threadpoolctl",
        "tqdm",
        "pandas",
        "torch",
        "concurrent.futures",
    ]
    code = f"import sys, minigrad; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


INSIDE = {"minigrad.kernels", "minigrad.ops"}  # offered to readers, as modules


def offered(module):
    """A module and all that its completion leads to."""
    inner = [value for name in dir(module) if inspect.ismodule(value := getattr(module, name))]
    return {module.__name__: module} | {
        name: m for found in inner if found.__name__ not in INSIDE for name, m in offered(found).items()
    }


OFFERED = offered(mg) | offered(importlib.import_module("minigrad.torch.vision"))


def test_completion_leads_to_all_public_modules():
    assert {"autograd", "channels", "data", "distributions", "func", "nn", "optim", "random", "utils", "viz"} <= {
        name.removeprefix("minigrad.") for name in OFFERED
    }
    assert {"minigrad.nn.init", "minigrad.nn.utils", "minigrad.optim.lr_scheduler"} <= set(OFFERED)


@pytest.mark.parametrize("name", OFFERED)
def test_completion_offers_public_names_and_no_helpers(name):
    module = OFFERED[name]
    assert sorted(dir(module)) == sorted(set(module.__all__))
    for public in dir(module):
        value = getattr(module, public)  # each is there
        home = getattr(value, "__module__", None) or getattr(value, "__name__", "")
        assert not public.startswith("_") and home.split(".")[0] not in ("typing", "functools", "collections", "math")
        assert not inspect.ismodule(value) or home.startswith("minigrad")


@pytest.mark.parametrize("name", OFFERED)
def test_every_public_function_and_class_has_words_and_a_source_of_the_library(name):
    """What the reference shows of it."""
    for public in dir(OFFERED[name]):
        value = getattr(OFFERED[name], public)
        if inspect.isroutine(value) or isinstance(value, type):
            assert inspect.getdoc(value), f"{name}.{public}"
            assert Path(inspect.getsourcefile(inspect.unwrap(value))).is_relative_to(Path(mg.__file__).parent)


def test_what_is_the_engines_own_is_not_offered():
    own = {"box", "state", "describe", "reachable", "backpropagate", "Leaf", "Node", "Rule", "Value", "import_module"}
    assert not own & set(dir(mg.autograd))
    assert not {"layers", "layer_sums", "table", "reduce"} & set(dir(mg.channels))
    assert not {"np", "math", "Tensor", "expect_tensors"} & {*dir(nn.init), *dir(nn.utils), *dir(mg.func)}


HIDDEN = {  # what completion of an object does not offer, and its class has
    "a tensor": (lambda: mg.ones(2), "node place follow view_of version stage former bump_version"),
    "a layer with options": (lambda: nn.MaxPool2d(2), "function dims"),
    "a loss": (lambda: nn.KLDivLoss(), "function more_reductions"),
    "a norm": (lambda: nn.BatchNorm2d(2), "ndims"),
    "an optimizer": (lambda: optim.Adam([mg.ones(2)]), "advance change cut check read_options start stepped name"),
    "a schedule": (lambda: optim.lr_scheduler.StepLR(optim.SGD([mg.ones(2)]), 1), "check map_base scale get_momenta"),
    "a loader": (lambda: mg.data.DataLoader([1, 2]), "whole"),
    "a picture": (lambda: mg.graph(mg.ones(2, requires_grad=True) * 2), "engine hung painter picture"),
    "a reduction": (lambda: mg.channels.ChannelConv2d(3, 2, 3), "combine own dims"),
}


@pytest.mark.parametrize("what", HIDDEN)
def test_completion_of_an_object_offers_no_workings(what):
    make, names = HIDDEN[what]
    thing = make()
    assert all(hasattr(thing, name) for name in names.split())
    assert not set(names.split()) & set(dir(thing))
    assert {"__class__", "__doc__"} <= set(dir(thing))


def test_completion_of_an_object_offers_what_it_is_for():
    assert {"backward", "grad", "shape", "sum", "add_", "numpy", "array"} <= set(dir(mg.ones(2)))
    assert {"weight", "bias", "forward", "state_dict"} <= set(dir(nn.Linear(2, 2)))
    names = dir(nn.Sequential(nn.ReLU()))
    assert "append" in names and "0" not in names  # model.0 is no Python
    assert {"step", "zero_grad", "param_groups", "state"} <= set(dir(optim.Adam([mg.ones(2)])))


@pytest.mark.parametrize("name", [name for name in optim.__all__ if name[0].isupper() and name != "Optimizer"])
def test_an_optimizer_offers_pytorchs_names_and_update(name):
    offered = {n for n in dir(getattr(optim, name)([mg.ones(2)])) if not n.startswith("_")}
    assert offered == {
        "add_param_group", "defaults", "load_state_dict", "param_groups", "register_step_post_hook",
        "register_step_pre_hook", "state", "state_dict", "step", "update", "zero_grad",
    }  # fmt: skip
