"""The networks whose training steps are timed: written once, for minigrad and PyTorch alike, with `nn` of either.

NAMED are those that have goals. OTHERS were chosen before they were timed, and all of them are shown: deep and narrow,
wide, kernels of 1, 3, 5 and 7, strides, batches from 1 to 256, residual, depthwise, vectors, sequences.
"""

from collections import namedtuple
from itertools import pairwise

# build: function of nn -> a module. shape: of a batch. target: number of classes, or None where the output is an image
Net = namedtuple("Net", "build shape target", defaults=(10,))


def blocks(nn, channels, kernel=3, stride=1, act="ReLU", norm=False, pool=True):
    """Convolutions that keep the side (or divide it by `stride`), each with what follows it."""
    layers = []
    for c, o in pairwise(channels):
        layers += [nn.Conv2d(c, o, kernel, stride, kernel // 2)]
        layers += [nn.BatchNorm2d(o)] * norm + [getattr(nn, act)()] + [nn.MaxPool2d(2)] * pool
    return layers


def classifier(nn, layers, features, classes=10):
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, classes))


def mean_classifier(nn, layers, channels, classes=10):
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


def lenet(nn):
    layers = [nn.Conv2d(1, 6, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2)]
    layers += [nn.Conv2d(16, 120, 5), nn.Tanh(), nn.Flatten(), nn.Linear(120, 84), nn.Tanh(), nn.Linear(84, 10)]
    return nn.Sequential(*layers)


def discriminator(nn):
    layers = []
    for c, o in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(c, o, 4, 2, 1), nn.LeakyReLU(0.2)]
    return classifier(nn, layers, 128 * 16, 2)


def autoencoder(nn):
    layers = [nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU()]
    layers += [nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(16, 1, 4, 2, 1)]
    return nn.Sequential(*layers)


def separable(nn):
    layers = [nn.Conv2d(3, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU()]
    for c, o, stride in ((32, 64, 2), (64, 64, 1), (64, 128, 2)):
        layers += [nn.Conv2d(c, c, 3, stride, 1, groups=c), nn.BatchNorm2d(c), nn.ReLU()]
        layers += [nn.Conv2d(c, o, 1), nn.BatchNorm2d(o), nn.ReLU()]
    return mean_classifier(nn, layers, 128)


def generator(nn):
    layers = [nn.ConvTranspose2d(64, 64, 4), nn.BatchNorm2d(64), nn.ReLU()]
    layers += [nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(32, 16, 4, 2, 1), nn.ReLU(), nn.Conv2d(16, 3, 3, 1, 1), nn.Tanh())


def residual(nn):
    class Block(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.first, self.second = nn.Conv2d(c, c, 3, 1, 1, bias=False), nn.Conv2d(c, c, 3, 1, 1, bias=False)
            self.norm1, self.norm2, self.act = nn.BatchNorm2d(c), nn.BatchNorm2d(c), nn.ReLU()

        def forward(self, x):
            return self.act(x + self.norm2(self.second(self.act(self.norm1(self.first(x))))))

    return mean_classifier(nn, [nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), Block(32), Block(32)], 32)


def recurrent(nn):
    class Recurrent(nn.Module):
        """A cell written by hand, 20 steps over (batch, 20, 16)."""

        def __init__(self):
            super().__init__()
            self.read, self.keep, self.head = nn.Linear(16, 64), nn.Linear(64, 64, bias=False), nn.Linear(64, 10)

        def forward(self, x):
            state = self.read(x[:, 0]).tanh()
            for i in range(1, x.shape[1]):
                state = (self.read(x[:, i]) + self.keep(state)).tanh()
            return self.head(state)

    return Recurrent()


def mlp(nn, *sizes, norm=False, act="ReLU"):
    layers = []
    for n, m in pairwise(sizes[:-1]):
        layers += [nn.Linear(n, m)] + [nn.BatchNorm1d(m)] * norm + [getattr(nn, act)()]
    return nn.Sequential(*layers, nn.Linear(*sizes[-2:]))


def sequences(nn):
    layers = []
    for c, o in ((8, 32), (32, 64)):
        layers += [nn.Conv1d(c, o, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2)]
    return classifier(nn, layers, 64 * 32)


NAMED = {
    "mnist-toy": Net(lambda nn: classifier(nn, blocks(nn, (1, 8, 16)), 16 * 49), (64, 1, 28, 28)),
    "cifar-toy": Net(lambda nn: classifier(nn, blocks(nn, (3, 16, 32, 64)), 64 * 16), (64, 3, 32, 32)),
    "cifar-toy, batch norm": Net(
        lambda nn: classifier(nn, blocks(nn, (3, 16, 32, 64), norm=True), 64 * 16), (64, 3, 32, 32)
    ),
    "cifar-toy, twice as wide": Net(lambda nn: classifier(nn, blocks(nn, (3, 32, 64, 128)), 128 * 16), (64, 3, 32, 32)),
    "cifar-toy, a quarter of the batch": Net(
        lambda nn: classifier(nn, blocks(nn, (3, 16, 32, 64)), 64 * 16), (16, 3, 32, 32)
    ),
    "LeNet-5, all convolutional": Net(lenet, (64, 1, 32, 32)),
    "MLP 784-128-128-10, batch 32": Net(lambda nn: mlp(nn, 784, 128, 128, 10), (32, 784)),
    "discriminator": Net(discriminator, (64, 3, 32, 32), 2),
    "autoencoder": Net(autoencoder, (64, 1, 28, 28), None),
    "depthwise and 1×1, batch norm": Net(separable, (32, 3, 32, 32)),
}

OTHERS = {
    "one image at a time": Net(lambda nn: classifier(nn, blocks(nn, (1, 8, 16)), 16 * 49), (1, 1, 28, 28)),
    "batch 256, 4 channels": Net(lambda nn: classifier(nn, blocks(nn, (1, 4, 8)), 8 * 49), (256, 1, 28, 28)),
    "eight layers of 8": Net(
        lambda nn: mean_classifier(nn, blocks(nn, (3,) + (8,) * 8, pool=False), 8), (32, 3, 16, 16)
    ),
    "two layers of 96": Net(lambda nn: classifier(nn, blocks(nn, (3, 96, 96)), 96 * 16), (32, 3, 16, 16)),
    "kernel 5": Net(lambda nn: classifier(nn, blocks(nn, (3, 16, 32), kernel=5), 32 * 64), (32, 3, 32, 32)),
    "kernel 7, stride 2": Net(
        lambda nn: mean_classifier(
            nn, blocks(nn, (3, 32), 7, 2, pool=False) + blocks(nn, (32, 64), 3, 2, pool=False), 64
        ),
        (32, 3, 48, 48),
    ),
    "kernel 1": Net(
        lambda nn: mean_classifier(nn, blocks(nn, (3, 32, 32, 64), kernel=1, pool=False), 64), (64, 3, 16, 16)
    ),
    "strides for pools, ELU": Net(
        lambda nn: mean_classifier(nn, blocks(nn, (3, 16, 32, 64), 3, 2, "ELU", pool=False), 64), (64, 3, 32, 32)
    ),
    "batch norm and SiLU, batch 16": Net(
        lambda nn: classifier(nn, blocks(nn, (3, 24, 48), act="SiLU", norm=True), 48 * 64), (16, 3, 32, 32)
    ),
    "residual": Net(residual, (32, 3, 32, 32)),
    "generator": Net(generator, (32, 64, 1, 1), None),
    "sequences, 1-d": Net(sequences, (64, 8, 128)),
    "hand-written RNN": Net(recurrent, (32, 20, 16)),
    "MLP, batch norm, batch 256": Net(lambda nn: mlp(nn, 64, 256, 256, 10, norm=True), (256, 64)),
    "MLP of 32, sigmoid, batch 8": Net(lambda nn: mlp(nn, 20, 32, 32, 10, act="Sigmoid"), (8, 20)),
}

NETS = NAMED | OTHERS


def training_step(name, nn, optim, functional, as_tensor):
    """A function that makes one training step of a network and returns the loss; and its multiplications forward.

    as_tensor: makes a tensor of an array.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    net = NETS[name]
    model = net.build(nn)
    x = as_tensor(rng.standard_normal(net.shape, np.float32))
    size = count_multiplications(model, nn, x)
    if net.target:
        y, loss_of = as_tensor(rng.integers(0, net.target, net.shape[0])), functional.cross_entropy
    else:
        y, loss_of = as_tensor(rng.standard_normal(tuple(model(x).shape), np.float32)), functional.mse_loss
    optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step():
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, size


def count_multiplications(model, nn, x):
    """Multiplications of all linear maps and convolutions in one forward pass."""
    counted = [0]

    def count(module, inputs, out):
        weight = module.weight.numel()
        places = inputs[0].numel() if isinstance(module, nn.ConvTranspose2d) else out.numel()
        counted[0] += weight // module.weight.shape[0] * places

    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d)
    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, kinds)]
    model(x)
    for hook in hooks:
        hook.remove()
    return counted[0]
