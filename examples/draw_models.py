"""Draw a small CNN, LeNet, ResNet-18, a U-Net and a recurrent network: `examples/pictures/*.svg`.

    python examples/draw_models.py [FOLDER]

A module is drawn as its architecture, a box for each layer, and what does not fit a page is closed or folded.
"""

import argparse
from pathlib import Path

import minigrad as mg
from minigrad import nn, viz
from minigrad.nn import functional as F


class LeNet(nn.Module):
    """Two convolutions and three linear layers on 28 × 28 images. Source: LeCun et al. 1998, with rectifiers."""

    def __init__(self) -> None:
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, image: mg.Tensor) -> mg.Tensor:
        """(N, 1, 28, 28) -> (N, 10)."""
        x = F.max_pool2d(self.conv1(image).relu(), 2)
        x = F.max_pool2d(self.conv2(x).relu(), 2).flatten(1)
        return self.fc3(self.fc2(self.fc1(x).relu()).relu())


class BasicBlock(nn.Module):
    """What two convolutions learn is added to what comes in. Source: He et al. 2015."""

    def __init__(self, channels: int, out_channels: int, stride: int = 1):
        self.conv1 = nn.Conv2d(channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = None
        if stride != 1 or channels != out_channels:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels))

    def forward(self, x: mg.Tensor) -> mg.Tensor:
        """(N, C, H, W) -> (N, O, H / stride, W / stride)."""
        learned = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        return (learned + (x if self.downsample is None else self.downsample(x))).relu()


class ResNet18(nn.Module):
    """Eight residual blocks in four layers."""

    def __init__(self, width: int = 64, classes: int = 1000):
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for layer in (1, 2, 3, 4):
            out = width * 2 ** (layer - 1)
            blocks = nn.Sequential(BasicBlock(channels, out, 1 if layer == 1 else 2), BasicBlock(out, out))
            setattr(self, f"layer{layer}", blocks)
            channels = out
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)

    def forward(self, image: mg.Tensor) -> mg.Tensor:
        """(N, 3, H, W) -> (N, classes)."""
        x = self.maxpool(self.bn1(self.conv1(image)).relu())
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def two_convolutions(channels: int, out_channels: int) -> nn.Sequential:
    """A level of the U-Net."""
    return nn.Sequential(
        nn.Conv2d(channels, out_channels, 3, padding=1), nn.ReLU(),
        nn.Conv2d(out_channels, out_channels, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


class UNet(nn.Module):
    """Down three times and up again, each level joined to its counterpart. Source: Ronneberger et al. 2015."""

    def __init__(self, width: int = 16):
        self.down1, self.down2 = two_convolutions(1, width), two_convolutions(width, 2 * width)
        self.down3, self.bottom = two_convolutions(2 * width, 4 * width), two_convolutions(4 * width, 8 * width)
        self.pool = nn.MaxPool2d(2)
        self.up3, self.join3 = nn.ConvTranspose2d(8 * width, 4 * width, 2, 2), two_convolutions(8 * width, 4 * width)
        self.up2, self.join2 = nn.ConvTranspose2d(4 * width, 2 * width, 2, 2), two_convolutions(4 * width, 2 * width)
        self.up1, self.join1 = nn.ConvTranspose2d(2 * width, width, 2, 2), two_convolutions(2 * width, width)
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, image: mg.Tensor) -> mg.Tensor:
        """(N, 1, H, W) -> (N, 1, H, W)."""
        one = self.down1(image)
        two = self.down2(self.pool(one))
        three = self.down3(self.pool(two))
        x = self.bottom(self.pool(three))
        x = self.join3(mg.cat([self.up3(x), three], 1))
        x = self.join2(mg.cat([self.up2(x), two], 1))
        return self.head(self.join1(mg.cat([self.up1(x), one], 1)))


class Recurrent(nn.Module):
    """The plainest recurrent network: its gradient vanishes from the last step to the first."""

    def __init__(self, inputs: int = 4, hidden: int = 8):
        self.hidden = hidden
        self.cell = nn.Linear(inputs + hidden, hidden)
        self.out = nn.Linear(hidden, 1)

    def forward(self, sequence: mg.Tensor) -> mg.Tensor:
        """(N, steps, inputs) -> (N, 1)."""
        h = mg.zeros(sequence.shape[0], self.hidden)
        for t in range(sequence.shape[1]):
            h = self.cell(mg.cat([sequence[:, t], h], 1)).tanh()
        return self.out(h)


def draw() -> dict[str, viz.Graph]:
    """The pictures by name."""
    mg.manual_seed(0)
    conv, linear = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8 * 16, 10)
    cnn = nn.Sequential(conv, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), linear)
    return {
        "cnn.svg": mg.graph(cnn, input_size=(64, 3, 8, 8), direction="LR"),
        "lenet.svg": mg.graph(LeNet(), input_size=(1, 1, 28, 28), direction="LR"),
        "resnet18.svg": mg.graph(ResNet18(), input_size=(1, 3, 64, 64)),
        "unet.svg": mg.graph(UNet(), input_size=(1, 1, 64, 64)),
        "recurrent.svg": mg.graph(Recurrent(), mg.randn(8, 50, 4), loss=lambda y: (y**2).mean(), gradients=True),
    }


def main(folder: Path) -> None:
    """Write every picture and say where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, graph in draw().items():
        print(graph.save(folder / name), repr(graph))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).with_name("pictures"))
    main(parser.parse_args().folder)
