"""What a type checker sees: users' code passes `mypy --strict`, and operations come out as Tensor, not as Any."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

SCRIPT = """
import minigrad as mg
from minigrad import Tensor, nn, optim
from typing import assert_type

x = mg.randn(2, 3, requires_grad=True)
for value in (
    x.sum(), x.sum((0, 1), keepdim=True), x.mean(0), x.std(), x.norm(), x.amax(1), x.softmax(-1), x.cumsum(0),
    x + 1, 1 + x, x - x, 1 - x, x * 2.0, x / 2, 1 / x, x**2, 2**x, -x, abs(x), x @ x.T, x % 2, x // 2,
    x > 0, x == 0, x != x, (x > 0) & (x < 1), ~(x > 0),
    x.reshape(2, 3), x.reshape((3, 2)), x.view(-1), x.flatten(), x.permute(1, 0), x.transpose(0, 1), x.T,
    x.expand(2, 3),
    x[0], x[:, 1], x[x > 0], x.exp().log(), x.clamp(min=0), x.detach(), x.clone(), x.to(mg.float64), x.double(),
    mg.cat([x, x]), mg.stack([x, x]), mg.where(x > 0, x, 0.0), mg.einsum("ij->ji", x), mg.matmul(x, x.T), mg.exp(x),
    nn.functional.relu(x), nn.functional.mse_loss(x, x), nn.functional.conv2d(mg.ones(1, 1, 3, 3), mg.ones(1, 1, 2, 2)),
    nn.Linear(3, 4)(x), nn.ReLU()(x), nn.MSELoss()(x, x), x.split(1)[0], *x.chunk(2), x.sort().values,
):
    assert_type(value, Tensor)

assert_type(x.shape, tuple[int, ...])
assert_type(x.grad, Tensor | None)
assert_type(float(x.sum()), float)
assert_type(len(x), int)
with mg.no_grad():
    x += 1
assert_type(x, Tensor)
assert_type(mg.grad(x.sum(), x), tuple[Tensor, ...])


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def forward(self, x: Tensor, scale: float = 1.0) -> tuple[Tensor, float]:
        return self.linear(x) * scale, scale


class Scaled(nn.LeakyReLU):  # no options of a user's own class are made of what it annotates
    scale: float

    def __init__(self, scale: float) -> None:
        super().__init__(0.5)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * self.scale


assert_type(Scaled(2.0)(x), Tensor)
images = mg.randn(1, 3, 8, 8)
for value in (
    nn.LeakyReLU(0.1, inplace=True)(images), nn.Softmax(dim=1)(images), nn.Dropout(p=0.5)(images),
    nn.AvgPool2d(2, padding=0)(images), nn.Upsample(scale_factor=2)(images), nn.ZeroPad2d((1, 0, 0, 1))(images),
    nn.Conv2d(3, 4, (3, 3), padding="same", device="cpu")(images), nn.functional.interpolate(images, scale_factor=2.0),
    nn.CrossEntropyLoss(label_smoothing=0.1)(images, images.softmax(1)), nn.GaussianNLLLoss(full=True)(x, x, x.exp()),
):
    assert_type(value, Tensor)
assert_type(nn.MaxPool2d(2).ceil_mode, bool)
net = Net()
assert_type(net(x), tuple[Tensor, float])
optimizer = optim.SGD(net.parameters(), lr=0.1)
with mg.no_grad():
    net(x)[0].sum()


@mg.primitive(x=lambda g, x: g * 3 * x**2)
def cube(x: mg.autograd.Array) -> mg.autograd.Array:
    return x**3


assert_type(cube(x), Tensor)
"""

MISTAKES = """
import minigrad as mg
mg.ones(2).summ()
mg.no_such_function(1)
mg.ones(2).sum().reshpe(1)
mg.nn.MaxPool2d(2, stide=1)
mg.nn.LeakyReLU("0.1")
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """mypy's words on both scripts, which use the package as if it were installed."""
    folder = tmp_path_factory.mktemp("typing")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "mistakes.py").write_text(MISTAKES)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary",
         f"--cache-dir={folder / 'cache'}", "--config-file=", "script.py", "mistakes.py"],
        cwd=folder, capture_output=True, text=True, env={**os.environ, "MYPYPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    return (done.stdout + done.stderr).splitlines()


def test_a_strictly_typed_script_passes_and_runs(report):
    assert [line for line in report if not line.startswith("mistakes.py")] == []
    exec(SCRIPT, {"__name__": "script"})


def test_names_and_options_that_do_not_exist_are_reported(report):
    wrong = [line for line in report if line.startswith("mistakes.py") and "error:" in line]
    assert len(wrong) == 5 and wrong[4].startswith("mistakes.py:7:")
    names = ("summ", "no_such_function", "reshpe", "stide")
    for line, name, number in zip(wrong[:4], names, (3, 4, 5, 6), strict=True):
        assert line.startswith(f"mistakes.py:{number}:") and f'"{name}"' in line
