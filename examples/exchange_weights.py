"""Weights from PyTorch and back, as .npz and as .safetensors: each function is one way, and all that it takes.

Run: python examples/exchange_weights.py [FOLDER], which keeps its files there. Needs PyTorch and safetensors.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

try:
    import safetensors.numpy
    import safetensors.torch
    import torch

    import minigrad as mg
except ModuleNotFoundError as error:
    raise SystemExit(f"{error.name} is not installed: python -m pip install torch safetensors") from None

IMAGES = np.random.default_rng(0).normal(size=(5, 3, 6, 6)).astype(np.float32)


def pytorch_to_minigrad_by_npz(theirs, ours, path):
    np.savez(path, **{name: value.numpy() for name, value in theirs.state_dict().items()})  # in PyTorch's script
    ours.load_state_dict(mg.load(path))  # in minigrad's


def minigrad_to_pytorch_by_npz(ours, theirs, path):
    np.savez(path, **{name: value.numpy() for name, value in ours.state_dict().items()})
    arrays = mg.load(path)  # or np.load(path), where minigrad is not installed
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


def pytorch_to_minigrad_by_safetensors(theirs, ours, path):
    safetensors.torch.save_file(theirs.state_dict(), path)
    ours.load_state_dict(safetensors.numpy.load_file(path))


def minigrad_to_pytorch_by_safetensors(ours, theirs, path):
    safetensors.numpy.save_file({name: value.numpy() for name, value in ours.state_dict().items()}, path)
    theirs.load_state_dict(safetensors.torch.load_file(path))


def build(library):
    """The same network in either library, with weights and averages of its own."""
    nn = library.nn
    layers = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 2)
    network = nn.Sequential(*layers)
    network(library.tensor(IMAGES))  # the batch norm has seen something
    return network.eval()


def answers(network, library):
    return network(library.tensor(IMAGES)).detach().numpy()


def main(folder):
    """Send weights each of the four ways; the two networks must then say the same of the same images."""
    torch.manual_seed(0)
    theirs = build(torch)
    np.savez(folder / "answers.npz", images=IMAGES, answers=answers(theirs, torch))
    for name, send, source in (
        ("from_pytorch.npz", pytorch_to_minigrad_by_npz, theirs),
        ("from_pytorch.safetensors", pytorch_to_minigrad_by_safetensors, theirs),
        ("from_minigrad.npz", minigrad_to_pytorch_by_npz, build(mg)),
        ("from_minigrad.safetensors", minigrad_to_pytorch_by_safetensors, build(mg)),
    ):
        source_library, library = (torch, mg) if source is theirs else (mg, torch)
        target = build(library)
        send(source, target, folder / name)
        difference = np.abs(answers(source, source_library) - answers(target, library)).max()
        print(f"{name:26} the answers differ by at most {difference:.1g}")
        assert difference < 1e-6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where the files are kept")
    folder = parser.parse_args().folder
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        main(folder)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
