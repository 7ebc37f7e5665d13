"""A generative adversarial network like DCGAN (Radford et al. 2016), on scikit-learn's 8×8 digits.

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

EPOCHS, BATCH, LATENT = 10, 64, 16


class Generator(nn.Module):
    """Noise (N, LATENT) to images (N, 1, 8, 8) in [-1, 1]."""

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.ConvTranspose2d(LATENT, 32, 2, bias=False),  # (N, 16, 1, 1) -> (N, 32, 2, 2)
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1, bias=False),  # -> (N, 16, 4, 4)
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),  # -> (N, 1, 8, 8)
            nn.Tanh(),
        )

    def forward(self, z):
        """Images for the noise."""
        return self.main(z.view(-1, LATENT, 1, 1))


class Discriminator(nn.Module):
    """Images (N, 1, 8, 8) to a logit each: real or not."""

    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(16, 32, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 1, 2),
        )

    def forward(self, x):
        """One logit an image."""
        return self.main(x).view(-1)


def weights_init(m):
    """DCGAN's start: normal weights of deviation 0.02, around 0 in convolutions, 1 in normalisation."""
    name = m.__class__.__name__
    if "Conv" in name:
        nn.init.normal_(m.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(m.weight, 1.0, 0.02)
        nn.init.constant_(m.bias, 0)


def data():
    """Images in [-1, 1], (1797, 1, 8, 8)."""
    return ((load_digits().images[:, None] / 8 - 1).astype("float32"),)


def build():
    """Generator and discriminator."""
    generator, discriminator = Generator(), Discriminator()
    generator.apply(weights_init)
    discriminator.apply(weights_init)
    return generator, discriminator


def train(generator, discriminator, batches):
    """The discriminator on real and generated images, then the generator; both losses, step by step."""
    criterion = nn.BCEWithLogitsLoss()
    optimizer_d = optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    optimizer_g = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    losses = []
    for (real,) in batches:
        fake = generator(torch.randn(real.size(0), LATENT))

        discriminator.zero_grad()
        output = discriminator(real)
        loss_real = criterion(output, torch.ones_like(output))
        loss_real.backward()
        output = discriminator(fake.detach())
        loss_fake = criterion(output, torch.zeros_like(output))
        loss_fake.backward()
        optimizer_d.step()

        generator.zero_grad()
        output = discriminator(fake)
        loss_g = criterion(output, torch.ones_like(output))
        loss_g.backward()
        optimizer_g.step()
        losses += [loss_real.item() + loss_fake.item(), loss_g.item()]
    return losses


def main():
    """Train and print both losses and one generated digit."""
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(*map(torch.tensor, data())), batch_size=BATCH, shuffle=True)
    generator, discriminator = build()
    losses = train(generator, discriminator, (batch for _ in range(EPOCHS) for batch in loader))
    print(f"discriminator {losses[0]:.3f} -> {losses[-2]:.3f}, generator {losses[1]:.3f} -> {losses[-1]:.3f}")
    generator.eval()
    with torch.no_grad():
        for row in generator(torch.randn(1, LATENT))[0, 0].tolist():
            print("".join(" .:*#"[min(int((v + 1) * 2.5), 4)] * 2 for v in row))


if __name__ == "__main__":
    main()
