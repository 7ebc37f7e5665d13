"""Examples: each does what its first lines say. They run in this process, so that nothing is imported twice."""

import runpy
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest

import minigrad as mg
from minigrad import optim
from minigrad.data import cifar10

EXAMPLES = Path(__file__).parents[1] / "examples"
matplotlib.use("Agg")


@pytest.fixture
def run(monkeypatch):
    """Runs an example with command-line arguments and returns its globals."""

    def run_example(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        return runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    state = mg.get_rng_state()
    yield run_example
    mg.set_rng_state(state)
    matplotlib.pyplot.close("all")


def test_train_digits_reaches_98_percent_and_leaves_a_curve_and_a_checkpoint(run, tmp_path):
    history = run("train_digits.py", "--epochs", 8, "--out", tmp_path)["history"]
    assert history[-1][1] >= 0.98
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    assert mg.load(tmp_path / "digits.npz")[-1] == history


def test_train_digits_resumed_after_a_stop_ends_with_the_same_bits(run, tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    whole.mkdir()
    stopped.mkdir()
    run("train_digits.py", "--epochs", 3, "--out", whole)

    step = optim.Adam.step

    def interrupted(self, *args):
        if self.state and next(iter(self.state.values()))["step"] == 30:  # in the second of the epochs of 23 steps
            raise KeyboardInterrupt
        return step(self, *args)

    monkeypatch.setattr(optim.Adam, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run("train_digits.py", "--epochs", 3, "--out", stopped)
    monkeypatch.setattr(optim.Adam, "step", step)
    run("train_digits.py", "--epochs", 3, "--out", stopped, "--resume")
    assert (stopped / "digits.npz").read_bytes() == (whole / "digits.npz").read_bytes()


def test_train_cifar10_reads_the_binary_files_and_learns(run, tmp_path, capsys):
    folder = tmp_path / cifar10.FOLDER
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*cifar10.TRAIN, *cifar10.TEST):
        classes = np.arange(60) % 10
        images = np.repeat(classes[:, None] * 25, 3072, axis=1) + rng.integers(0, 20, (60, 3072))  # lighter by class
        np.hstack([classes[:, None], images]).astype(np.uint8).tofile(folder / name)
    run("train_cifar10.py", tmp_path, "--epochs", 4)
    *_, last = capsys.readouterr().out.splitlines()
    assert last.startswith("epoch 4: ") and last.endswith("of 60 test images right")
    assert float(last.split()[2].rstrip("%")) > 30  # ten classes: 10 by chance


def test_train_cifar10_without_files_says_what_is_missing_and_where(run, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"data_batch_1\.bin.*cifar-10-binary\.tar\.gz"):
        run("train_cifar10.py", tmp_path)


def test_why_sum_draws_what_it_claims(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    losses = run("why_sum.py")["losses"]  # its claims are asserted where they are printed
    assert losses["sum"][-1] < losses["sum"][0]
    assert "the sum is zero, the gradient is not" in capsys.readouterr().out
    assert (tmp_path / "why_sum_by_hand.png").stat().st_size > 5_000
