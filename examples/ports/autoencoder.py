"""A convolutional autoencoder, transposed convolutions on the way up, on scikit-learn's 8×8 digits.

Changed from the PyTorch script: the imports. With PyTorch they read

    import torch
    from torch import nn, optim
    from torch.utils.data import DataLoader, TensorDataset
"""

try:
    from sklearn.datasets import load_digits
except ModuleNotFoundError:
    raise SystemExit("the images are scikit-learn's: python -m pip install scikit-learn") from None

import minigrad as torch
from minigrad import nn, optim
from minigrad.data import DataLoader, TensorDataset

EPOCHS, BATCH = 10, 64


class Autoencoder(nn.Module):
    """64 pixels to 8 numbers and back."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),  # (N, 1, 8, 8) -> (N, 8, 4, 4)
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),  # -> (N, 16, 2, 2)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(64, 8),
        )
        self.expand = nn.Linear(8, 64)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1, output_padding=1),  # -> (N, 8, 4, 4)
            nn.ReLU(),
            nn.ConvTranspose2d(8, 1, 2, stride=2),  # -> (N, 1, 8, 8)
            nn.Sigmoid(),
        )

    def forward(self, x):
        """Images (N, 1, 8, 8) to their reconstructions."""
        code = self.encoder(x)
        return self.decoder(torch.relu(self.expand(code)).view(-1, 16, 2, 2))


def data():
    """Images in [0, 1], (1797, 1, 8, 8)."""
    return ((load_digits().images[:, None] / 16).astype("float32"),)


def build():
    """The network."""
    return (Autoencoder(),)


def train(model, batches):
    """Mean squared error of the reconstruction, one value a step."""
    criterion = nn.MSELoss()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for (images,) in batches:
        loss = criterion(model(images), images)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    """Train and print the error."""
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(*map(torch.tensor, data())), batch_size=BATCH, shuffle=True)
    losses = train(*build(), (batch for _ in range(EPOCHS) for batch in loader))
    print(f"mean squared error {losses[0]:.4f} -> {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
