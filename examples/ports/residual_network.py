"""A small residual network with batch normalisation, on scikit-learn's 8×8 digits.

Changed from the PyTorch script: the imports. With PyTorch they read

    import torch
    from torch import nn, optim
    from torch.utils.data import DataLoader, TensorDataset
    from torch.nn import functional as F
"""

try:
    from sklearn.datasets import load_digits
except ModuleNotFoundError:
    raise SystemExit("the images are scikit-learn's: python -m pip install scikit-learn") from None

import minigrad as torch
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset
from minigrad.nn import functional as F

EPOCHS, BATCH = 8, 50


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x):
        """(N, C, H, W) to (N, channels, H / stride, W / stride)."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class ResNet(nn.Module):
    """A stem, three blocks, a global average and a linear layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.layers = nn.Sequential(BasicBlock(8, 8), BasicBlock(8, 16, stride=2), BasicBlock(16, 32, stride=2))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(32, 10)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        """Images (N, 1, 8, 8) to logits (N, 10)."""
        x = self.pool(self.layers(self.stem(x)))
        return self.fc(x.view(x.size(0), -1))


def data():
    """Images in [0, 1] (1797, 1, 8, 8) and their classes."""
    digits = load_digits()
    return (digits.images[:, None] / 16).astype("float32"), digits.target


def build():
    """The network."""
    return (ResNet(),)


def train(model, batches):
    """SGD with Nesterov's momentum under a cosine; the losses."""
    criterion = nn.CrossEntropyLoss(label_smoothing=0.05)
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=240)
    losses = []
    model.train()
    for images, labels in batches:
        loss = criterion(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


def main():
    """Train, then count what is right among the last 297."""
    torch.manual_seed(0)
    images, labels = map(torch.tensor, data())
    loader = DataLoader(TensorDataset(images[:1500], labels[:1500]), batch_size=BATCH, shuffle=True)
    (model,) = build()
    losses = train(model, (batch for _ in range(EPOCHS) for batch in loader))
    model.eval()
    with torch.no_grad():
        right = (model(images[1500:]).argmax(dim=1) == labels[1500:]).sum().item()
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}, test accuracy {right / 297:.1%}")


if __name__ == "__main__":
    main()
