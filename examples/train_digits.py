"""Train a CNN on real handwritten digits. `--resume` goes on where it stopped and ends with the same bits."""

import argparse
from pathlib import Path

try:
    import matplotlib.pyplot as plt
    from tqdm import tqdm

    import minigrad as mg
    from minigrad import nn, optim
    from minigrad.data import DataLoader, digits, random_split

    images_and_labels = digits()  # 1,797 images of 8×8 pixels
except ModuleNotFoundError as error:
    raise SystemExit(f'{error.name} is not installed: python -m pip install -e ".[examples]" in the checkout') from None
except KeyboardInterrupt:
    raise SystemExit("\nstopped before it began") from None

EPOCHS, BATCH, RATE, SEED = 15, 64, 0.01, 0

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--epochs", type=int, help=f"of the whole schedule: {EPOCHS}, or when resuming what it was")
parser.add_argument("--out", type=Path, default=Path("."), help="folder for the checkpoint and the curve")
parser.add_argument("--resume", action="store_true", help="continue from the checkpoint")
args = parser.parse_args()
if args.epochs is not None and args.epochs < 1:
    parser.error(f"--epochs is the length of the schedule, at least 1, not {args.epochs}")

mg.manual_seed(SEED)
train, test = random_split(images_and_labels, [0.8, 0.2])  # 1,438 and 359 images
batches, (images, labels) = DataLoader(train, BATCH, shuffle=True), test[:]
model = nn.Sequential(
    nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
    nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
    nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(32 * 4 * 4, 10)),
)
optimizer = optim.Adam(model.parameters())
schedule = optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs=args.epochs or EPOCHS, steps_per_epoch=len(batches))
parts, history = (model, optimizer, schedule), []  # history: (mean training loss, test accuracy), one an epoch
checkpoint = args.out / "digits.npz"

if args.resume:
    try:
        states, random_state, history = mg.load(checkpoint)
        for part, state in zip(parts, states, strict=True):
            part.load_state_dict(state)
    except FileNotFoundError:
        parser.error(f"there is no {checkpoint} to resume from: begin without --resume")
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        parser.error(f"cannot resume from {checkpoint}: {error}")
    if args.epochs not in (None, schedule.epochs):
        parser.error(f"{checkpoint} is of a schedule of {schedule.epochs} epochs: leave out --epochs, or --resume")
    mg.set_rng_state(random_state)
begun = saved = len(history)

try:
    args.out.mkdir(parents=True, exist_ok=True)
    for _ in (bar := tqdm(range(begun, schedule.epochs), initial=begun, total=schedule.epochs, unit="epoch")):
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
        mg.save([states, mg.get_rng_state(), history], checkpoint)  # all that the rest depends on
        saved = len(history)

    figure, axes = plt.subplots(2, sharex=True, layout="constrained")
    for ax, values, name in zip(axes, zip(*history, strict=True), ("training loss", "test accuracy"), strict=True):
        ax.plot(range(1, len(history) + 1), values, marker=".")
        ax.set_ylabel(name)
    axes[-1].set_xlabel("epoch")
    figure.savefig(args.out / "digits.png")
except (KeyboardInterrupt, OSError) as error:
    epochs = f"{saved} of {schedule.epochs} epochs"
    kept = f"go on with --resume: {checkpoint} holds {epochs}" if saved else "no epoch was saved"
    raise SystemExit(f"\nstopped{f': {error}' * isinstance(error, OSError)}; {kept}") from None
print(f"{history[-1][1]:.2%} of {len(test)} test images right; see {args.out / 'digits.png'}")
