"""Train a CNN on real handwritten digits. `--resume` goes on where it stopped and ends with the same bits."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from tqdm import tqdm

import minigrad as mg
from minigrad import nn, optim
from minigrad.data import DataLoader, digits, random_split

EPOCHS, BATCH, RATE, SEED = 15, 64, 0.01, 0

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, default=EPOCHS, help="of the whole schedule; the same when resuming")
parser.add_argument("--out", type=Path, default=Path("."), help="folder for the checkpoint and the curve")
parser.add_argument("--resume", action="store_true", help="continue from the checkpoint")
args = parser.parse_args()

mg.manual_seed(SEED)
train, test = random_split(digits(), [0.8, 0.2])  # 1,438 and 359 images
batches, (images, labels) = DataLoader(train, BATCH, shuffle=True), test[:]
model = nn.Sequential(
    nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
    nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
    nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(32 * 4 * 4, 10)),
)
optimizer = optim.Adam(model.parameters())
schedule = optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs=args.epochs, steps_per_epoch=len(batches))
parts, history = (model, optimizer, schedule), []  # history: (mean training loss, test accuracy), one an epoch

args.out.mkdir(parents=True, exist_ok=True)
if args.resume:
    states, random_state, history = mg.load(args.out / "digits.npz")
    for part, state in zip(parts, states, strict=True):
        part.load_state_dict(state)
    mg.set_rng_state(random_state)

for _ in (bar := tqdm(range(len(history), args.epochs), initial=len(history), total=args.epochs, unit="epoch")):
    total = 0.0
    for x, y in batches:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model.train()(x), y)
        loss.backward()
        optimizer.step()
        schedule.step()
        total += loss.item() * len(y)
    with mg.no_grad():
        correct = (model.eval()(images).argmax(1) == labels).sum().item()
    history.append((total / len(train), correct / len(test)))
    bar.set_postfix(loss=f"{history[-1][0]:.4f}", accuracy=f"{history[-1][1]:.2%}")
    states = [part.state_dict() for part in parts]
    mg.save([states, mg.get_rng_state(), history], args.out / "digits.npz")  # all that the rest depends on

plt.plot(range(1, len(history) + 1), history, label=["training loss", "test accuracy"])
plt.legend(title="by epoch")
plt.savefig(args.out / "digits.png")
print(f"{history[-1][1]:.2%} of {len(test)} test images right; see {args.out / 'digits.png'}")
