"""Style transfer after Gatys et al. (2016): the *input* is optimised, the network stays as it is.

The network is a random one, not a trained VGG: what is ported is the optimisation. The pictures are
scikit-learn's two photographs.

Changed from the PyTorch script: the imports. With PyTorch they read

    import torch
    from torch import nn, optim
    from torch.nn import functional as F
"""

try:
    from sklearn.datasets import load_sample_images
except ModuleNotFoundError:
    raise SystemExit("the images are scikit-learn's: python -m pip install scikit-learn") from None

import minigrad as torch
from minigrad import nn, optim
from minigrad.nn import functional as F

STEPS, SIZE = 60, 48


def data():
    """Content and style, each (1, 3, SIZE, SIZE) in [0, 1]; together they are the one batch."""
    china, flower = load_sample_images().images
    crop = [image[100 : 100 + 4 * SIZE : 4, 150 : 150 + 4 * SIZE : 4] for image in (china, flower)]  # (H, W, 3)
    return tuple((image.transpose(2, 0, 1)[None] / 255).astype("float32") for image in crop)


def build():
    """The layers whose responses are compared."""
    features = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
    )
    for p in features.parameters():
        p.requires_grad_(False)
    return (features,)


def gram_matrix(responses):
    """Correlations between the channels: (1, C, H, W) to (C, C)."""
    _, c, h, w = responses.size()
    flat = responses.view(c, h * w)
    return torch.matmul(flat, flat.t()) / (c * h * w)


def responses(features, image):
    """The responses after each ReLU."""
    found = []
    for layer in features:
        image = layer(image)
        if isinstance(layer, nn.ReLU):
            found.append(image)
    return found


def train(features, batches):
    """Optimise a copy of the content towards the style's Gram matrices, a step for each batch; the losses."""
    losses = []
    image = None
    for content, style in batches:
        if image is None:
            image = content.clone().requires_grad_(True)
            optimizer = optim.Adam([image], lr=0.02)
            with torch.no_grad():
                wanted_content = responses(features, content)[-1]
                wanted_style = [gram_matrix(r) for r in responses(features, style)]
        optimizer.zero_grad()
        found = responses(features, image)
        content_loss = F.mse_loss(found[-1], wanted_content)
        style_loss = sum(F.mse_loss(gram_matrix(r), w) for r, w in zip(found, wanted_style, strict=True))
        smoothness = torch.mean(torch.abs(image[:, :, 1:] - image[:, :, :-1]))
        loss = content_loss + 1e4 * style_loss + 1e-3 * smoothness
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            image.clamp_(0, 1)
        losses.append(loss.item())
    return losses


def main():
    """Optimise and print the loss."""
    torch.manual_seed(0)
    losses = train(*build(), [tuple(map(torch.tensor, data()))] * STEPS)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")


if __name__ == "__main__":
    main()
