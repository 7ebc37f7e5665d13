"""Weights from PyTorch and back. What PyTorch 2.13 wrote, and its answers, are kept in reference/exchanged.

The same example, run where PyTorch is installed, made it: `python examples/exchange_weights.py FOLDER`.
"""

import runpy
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import safetensors
import safetensors.numpy

import minigrad as mg
from minigrad import nn

EXAMPLE = Path(__file__).parents[1] / "examples" / "exchange_weights.py"
EXCHANGED = Path(__file__).parent / "reference" / "exchanged"


@pytest.mark.parametrize(
    "load, name", [(mg.load, "from_pytorch.npz"), (safetensors.numpy.load_file, "from_pytorch.safetensors")]
)
def test_a_network_with_weights_from_pytorch_answers_as_it_does_there(load, name):
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    network = nn.Sequential(*layers).eval()
    keys = network.load_state_dict(load(EXCHANGED / name))
    assert repr(keys) == "<All keys matched successfully>"
    stored = mg.load(EXCHANGED / "answers.npz")
    np.testing.assert_allclose(network(mg.tensor(stored["images"])).detach(), stored["answers"], atol=1e-6)


def test_the_example_sends_weights_each_way(tmp_path, monkeypatch, capsys):
    stand_in = ModuleType("safetensors.torch")  # what it does with torch's tensors, done with minigrad's
    stand_in.save_file = lambda state, path: safetensors.numpy.save_file({k: v.numpy() for k, v in state.items()}, path)
    stand_in.load_file = lambda path: {k: mg.tensor(a) for k, a in safetensors.numpy.load_file(path).items()}
    monkeypatch.setitem(sys.modules, "torch", mg)
    monkeypatch.setitem(sys.modules, "safetensors.torch", stand_in)
    monkeypatch.setattr(safetensors, "torch", stand_in, raising=False)
    monkeypatch.setattr(sys, "argv", [EXAMPLE.name, str(tmp_path)])
    state = mg.get_rng_state()
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    mg.set_rng_state(state)
    assert capsys.readouterr().out.count("the answers differ by at most") == 4
    theirs = {name: array.shape for name, array in mg.load(EXCHANGED / "from_pytorch.npz").items()}
    ours = {name: array.shape for name, array in mg.load(tmp_path / "from_minigrad.npz").items()}
    assert ours == theirs
    assert list(ours) == list(theirs)
