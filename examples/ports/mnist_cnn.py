"""The MNIST example's CNN, on scikit-learn's 8×8 digits.

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

EPOCHS, BATCH = 20, 64


class Net(nn.Module):
    """Two convolutions, two linear layers."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 2 * 2, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x):
        """Images (N, 1, 8, 8) to log-probabilities (N, 10)."""
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


def data():
    """Images in [0, 1] (1797, 1, 8, 8) and their classes."""
    digits = load_digits()
    return (digits.images[:, None] / 16).astype("float32"), digits.target


def build():
    """The network."""
    return (Net(),)


def train(model, batches):
    """One pass over the batches for each epoch's learning rate; the losses."""
    optimizer = optim.Adam(model.parameters(), lr=2e-3)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=50, gamma=0.9)
    losses = []
    model.train()
    for images, labels in batches:
        optimizer.zero_grad()
        loss = F.nll_loss(model(images), labels)
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
