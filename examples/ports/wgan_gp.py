"""A Wasserstein GAN with gradient penalty (Gulrajani et al. 2017), which differentiates through a gradient.

Changed from the PyTorch script: the imports. With PyTorch they read

    import torch
    from torch import autograd, nn, optim
    from torch.utils.data import DataLoader, TensorDataset
"""

try:
    from sklearn.datasets import load_digits
except ModuleNotFoundError:
    raise SystemExit("the images are scikit-learn's: python -m pip install scikit-learn") from None

import minigrad as torch
from minigrad import autograd, nn, optim
from minigrad.data import DataLoader, TensorDataset

EPOCHS, BATCH, LATENT = 10, 64, 8
PENALTY, CRITIC_STEPS = 10.0, 3


def build():
    """Generator and critic, on images as (N, 1, 8, 8)."""
    generator = nn.Sequential(
        nn.Linear(LATENT, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.Sigmoid(),
        nn.Unflatten(1, (1, 8, 8)),
    )  # fmt: skip
    critic = nn.Sequential(
        nn.Conv2d(1, 16, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(128, 1),
    )  # fmt: skip
    return generator, critic


def gradient_penalty(critic, real, fake):
    """How far, squared, the norm of the critic's gradient is from 1 between real and generated images."""
    alpha = torch.rand(real.size(0), 1, 1, 1)
    between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    score = critic(between)
    gradients = autograd.grad(
        outputs=score,
        inputs=between,
        grad_outputs=torch.ones_like(score),
        create_graph=True,
        retain_graph=True,
    )[0]
    return ((gradients.view(gradients.size(0), -1).norm(2, dim=1) - 1) ** 2).mean()


def data():
    """Images in [0, 1], (1797, 1, 8, 8)."""
    return ((load_digits().images[:, None] / 16).astype("float32"),)


def train(generator, critic, batches):
    """The critic at every batch, the generator at every third one; the losses."""
    optimizer_c = optim.Adam(critic.parameters(), lr=1e-3, betas=(0.0, 0.9))
    optimizer_g = optim.Adam(generator.parameters(), lr=1e-3, betas=(0.0, 0.9))
    losses = []
    for step, (real,) in enumerate(batches):
        fake = generator(torch.randn(real.size(0), LATENT)).detach()
        loss_c = critic(fake).mean() - critic(real).mean() + PENALTY * gradient_penalty(critic, real, fake)
        optimizer_c.zero_grad()
        loss_c.backward()
        optimizer_c.step()
        losses.append(loss_c.item())
        if step % CRITIC_STEPS == CRITIC_STEPS - 1:
            loss_g = -critic(generator(torch.randn(real.size(0), LATENT))).mean()
            optimizer_g.zero_grad()
            loss_g.backward()
            optimizer_g.step()
            losses.append(loss_g.item())
    return losses


def main():
    """Train and print the critic's loss."""
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(*map(torch.tensor, data())), batch_size=BATCH, shuffle=True)
    losses = train(*build(), (batch for _ in range(EPOCHS) for batch in loader))
    print(f"critic's loss {losses[0]:.3f} -> {losses[-2]:.3f}")


if __name__ == "__main__":
    main()
