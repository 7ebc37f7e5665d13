"""Train a CNN on CIFAR-10: `train_cifar10.py FOLDER`, with `--download` if its files are not there yet."""

import argparse

try:
    from tqdm import tqdm

    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.data import CIFAR10, DataLoader
except ModuleNotFoundError as error:
    raise SystemExit(f'{error.name} is not installed: python -m pip install -e ".[examples]" in the checkout') from None

EPOCHS, BATCH, RATE, DECAY, SEED = 10, 128, 0.1, 5e-4, 0

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("folder", help="where cifar-10-batches-bin is, or is to be put")
parser.add_argument("--download", action="store_true", help="fetch the archive (162 MB) if its files are missing")
parser.add_argument("--epochs", type=int, default=EPOCHS)
args = parser.parse_args()
if args.epochs < 1:
    parser.error(f"--epochs is at least 1, not {args.epochs}")
try:
    train = CIFAR10(args.folder, train=True, download=args.download)
    test = CIFAR10(args.folder, train=False)
except (OSError, ValueError) as error:
    parser.error(str(error))


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Convolution, normalisation, ReLU, and half the resolution."""
    convolution = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(), nn.MaxPool2d(2))


mg.manual_seed(SEED)
batches = DataLoader(train, BATCH, shuffle=True)
model = nn.Sequential(block(3, 32), block(32, 64), block(64, 128), nn.Flatten(), nn.Linear(128 * 4 * 4, 10))
optimizer = optim.SGD(model.parameters(), RATE, momentum=0.9, weight_decay=DECAY, nesterov=True)
schedule = optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs=args.epochs, steps_per_epoch=len(batches))

for epoch in range(args.epochs):
    model.train()
    for x, y in (bar := tqdm(batches, desc=f"epoch {epoch + 1}/{args.epochs}", unit="batch")):
        if mg.rand(()).item() < 0.5:
            x = x.flip(3)  # left and right exchanged: the class stays
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x - 0.5), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}")
    model.eval()
    with mg.no_grad():
        correct = sum((model(x - 0.5).argmax(1) == y).sum().item() for x, y in DataLoader(test, 1000))
    print(f"epoch {epoch + 1}: {correct / len(test):.2%} of {len(test)} test images right")
