"""Examples: each does what its first lines say. They run in this process, so that nothing is imported twice."""

import re
import runpy
import sys
from pathlib import Path
from unittest.mock import MagicMock

import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest
import sklearn.datasets  # noqa: F401  before PyTorch is replaced, which its modules look for

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
        monkeypatch.setattr(sys, "path", [str((EXAMPLES / name).parent), *sys.path])  # as Python has it
        return runpy.run_path(str(EXAMPLES / name), run_name="__main__")

    state = mg.get_rng_state()
    yield run_example
    mg.set_rng_state(state)
    matplotlib.pyplot.close("all")


NEEDS = {  # script: a module of its extra
    "draw_graph.py": "sklearn.datasets",
    "exchange_weights.py": "torch",
    "first_cnn.py": "matplotlib.pyplot",
    "learn/make_tour.py": "pygments",
    "networks/record.py": "onnxruntime",
    "ports/mnist_cnn.py": "sklearn.datasets",
    "ports/prove.py": "torch",
    "second_derivative.py": "matplotlib.pyplot",
    "train_cifar10.py": "tqdm",
    "train_digits.py": "sklearn.datasets",
    "why_sum.py": "matplotlib.pyplot",
}


@pytest.mark.parametrize("name", NEEDS)
def test_without_its_extra_an_example_says_which_command_installs_it(run, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, NEEDS[name], None)  # as if it were not installed
    with pytest.raises(SystemExit, match="python -m pip install "):
        run(name, *([tmp_path / "pictures"] if name == "draw_graph.py" else []))
    assert not list(tmp_path.iterdir())


SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
OTHERS = ["learn/make_tour.py", "ports/prove.py", "networks/record.py", "benchmark/run.py"]
UNNEEDED = ("torch", "safetensors", "safetensors.numpy", "safetensors.torch", "inputs", "onnxruntime", "skimage")


@pytest.mark.parametrize("name", [*SCRIPTS, *OTHERS])
def test_help_makes_no_file(run, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for package in UNNEEDED:  # for help; some are not installed, and PyTorch takes seconds
        monkeypatch.setitem(sys.modules, package, MagicMock())
    if name in ("custom_op.py", "new_reduction.py"):
        run(name, "--help")  # take no arguments and write no files
    else:
        with pytest.raises(SystemExit):
            run(name, "--help")
        assert capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_the_first_cnn_learns_and_draws_cell_by_cell(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["kernel", "-f", "connection.json"])  # as a notebook's kernel has it
    source = (EXAMPLES / "first_cnn.py").read_text(encoding="utf-8")
    assert len(source.splitlines()) < 80
    cells, names = source.split("\n# %%")[1:], {"__name__": "__main__"}
    for cell in cells:
        exec(compile("#" + cell, "a cell of first_cnn.py", "exec"), names)
    assert names["curves"][-1][1] < 0.2 < names["curves"][0][1]  # the validation loss
    assert names["confusion"].sum() == len(names["test"])
    assert names["confusion"].trace() > 0.93 * len(names["test"])
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["first_cnn.npz", "first_cnn.png", "first_cnn.svg"]
    assert "channel  of Σr²" in capsys.readouterr().out
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
    with pytest.raises(SystemExit, match=r"stopped; go on with --resume: .*digits\.npz holds 1 of 3 epochs"):
        run("train_digits.py", "--epochs", 3, "--out", stopped)
    monkeypatch.setattr(optim.Adam, "step", step)
    run("train_digits.py", "--out", stopped, "--resume")  # of as many epochs as it was begun with
    assert (stopped / "digits.npz").read_bytes() == (whole / "digits.npz").read_bytes()


def test_train_digits_stopped_while_it_loads_says_so_and_leaves_nothing(run, tmp_path, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("minigrad.data.digits", interrupted)
    with pytest.raises(SystemExit, match="stopped before it began"):
        run("train_digits.py", "--out", tmp_path / "new")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content, arguments, words",
    [
        (None, ["--epochs", 0], "at least 1, not 0"),
        (None, ["--resume"], "there is no .*digits.npz to resume from: begin without --resume"),
        ("text", ["--resume"], "damaged or no checkpoint"),
        ([1.0], ["--resume"], "cannot resume from .*digits.npz: not enough values"),
        ([[{}, {}, {}], {}, []], ["--resume"], "cannot resume from .*digits.npz: .*Missing key"),
    ],
)
def test_train_digits_says_in_words_what_it_cannot_begin_with(run, tmp_path, capsys, content, arguments, words):
    checkpoint = tmp_path / "digits.npz"
    if content == "text":
        checkpoint.write_text(content)
    elif content is not None:
        mg.save(content, checkpoint)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(SystemExit):
        run("train_digits.py", "--out", tmp_path, *arguments)
    assert re.search(words, capsys.readouterr().err, re.DOTALL)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_train_digits_keeps_to_the_schedule_that_it_began(run, tmp_path, capsys):
    run("train_digits.py", "--epochs", 1, "--out", tmp_path)
    with pytest.raises(SystemExit):
        run("train_digits.py", "--epochs", 2, "--out", tmp_path, "--resume")
    assert "is of a schedule of 1 epochs: leave out --epochs, or --resume" in capsys.readouterr().err


def test_train_digits_says_that_the_disk_is_full(run, tmp_path, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mg, "save", fail)
    with pytest.raises(SystemExit, match=r"stopped: .*No space left on device; no epoch was saved"):
        run("train_digits.py", "--epochs", 1, "--out", tmp_path)


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


def test_train_cifar10_says_in_words_what_it_cannot_begin_with(run, tmp_path, capsys):
    missing = r"error: .*data_batch_1\.bin.*cifar-10-binary\.tar\.gz"
    for arguments, words in (((), missing), (("--epochs", 0), "at least 1, not 0")):
        with pytest.raises(SystemExit):
            run("train_cifar10.py", tmp_path, *arguments)
        assert re.search(words, capsys.readouterr().err)


def test_why_sum_draws_what_it_claims(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    losses = run("why_sum.py")["losses"]  # its claims are asserted where they are printed
    assert losses["sum"][-1] < losses["sum"][0]
    assert "the sum is zero, the gradient is not" in capsys.readouterr().out
    assert (tmp_path / "why_sum_by_hand.png").stat().st_size > 5_000
