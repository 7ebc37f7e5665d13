"""Draw what a tape holds: the README's pictures of graphs, written to `examples/pictures` (or to the folder given).

    python examples/draw_graph.py [FOLDER]

No program needs to be installed: the layout is minigrad's own, so that every machine draws the same.
"""

import argparse
from pathlib import Path

import minigrad as mg
from minigrad import nn, viz
from minigrad.nn import functional as F


def expression() -> viz.Graph:
    """The classic: `a` is used three times, so three contributions meet there, and two of them oppose the third."""

    def d(a: mg.Tensor, b: mg.Tensor) -> mg.Tensor:
        c = a * b
        return (c + a) * c / (a + 10)

    inputs = mg.tensor(2.0), mg.tensor(-3.0)
    return mg.graph(d, inputs, gradients=True, title="d = (c + a)·c / (a + 10) with c = a·b, and its gradient")


def perceptron() -> viz.Graph:
    """A multilayer perceptron on a batch of 8, with its modules as frames."""
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))
    return mg.graph(model, mg.randn(8, 4), operations=True, parameters=True, title="a multilayer perceptron")


class Block(nn.Module):
    """A residual block: what it learns is added to what comes in."""

    def __init__(self, channels: int):
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return (x + self.conv2(self.conv1(x).relu())).relu()


class ResidualNetwork(nn.Module):
    """Eight residual blocks on images."""

    def __init__(self) -> None:
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.Sequential(*[Block(8) for _ in range(8)])
        self.head = nn.Linear(8, 10)

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """(N, 3, H, W) -> (N, 10)."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


def network(**options: object) -> viz.Graph:
    """The residual network and its loss; how much of it is drawn is up to the options."""
    mg.manual_seed(0)
    images, labels = mg.randn(16, 3, 12, 12), mg.randint(0, 10, (16,))
    return mg.graph(
        ResidualNetwork(), images, loss=lambda out: F.cross_entropy(out, labels), **options
    )


def convolution() -> viz.Graph:
    """The first filter of a fresh convolution on a photograph's three colours."""
    try:
        from sklearn.datasets import load_sample_image
    except ModuleNotFoundError:
        raise SystemExit('the photograph is scikit-learn\'s: python -m pip install scikit-learn') from None

    photograph = load_sample_image("flower.jpg")[100:400:12, 200:500:12].transpose(2, 0, 1)  # (H, W, C) -> (C, H, W)
    images = mg.tensor(photograph[None] / 255.0 - 0.5, dtype=mg.float32)
    mg.manual_seed(1)
    conv = nn.Conv2d(3, 4, 3, padding=1)
    colours = ("red", "green", "blue")
    return viz.open_convolution(conv, images, lambda out: (out.relu() ** 2).mean(), channels=colours)


def main(folder: Path) -> None:
    """Write every picture and say where it is."""
    mg.manual_seed(0)
    pictures = {
        "expression.svg": expression(),
        "perceptron.svg": perceptron(),
        "network_collapsed.svg": network(depth=2, fold=False, title="a residual network, its blocks closed"),
        "network_gradients.svg": network(fold=True, gradients=True, title="a residual network and its gradient"),
        "convolution.svg": convolution(),
        "replay.html": expression(),  # as a page, forward and backward
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in pictures.items():
        path = folder / name
        if path.suffix == ".html":
            path.write_text(graph.html(replay=True), encoding="utf-8")
        else:
            graph.save(path)
        print(path)
    print(pictures["expression.svg"])
    print(nn.summary(ResidualNetwork(), (16, 3, 12, 12)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).with_name("pictures"))
    main(parser.parse_args().folder)
