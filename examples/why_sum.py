"""Why does a convolution sum over its channels? The answer by hand, on one small convolution.

Run: python examples/why_sum.py, or cell by cell in an editor that knows `# %%`. Draws `why_sum_by_hand.png`.
"""

# %% What is needed.
import sys

import numpy as np

try:
    import matplotlib.pyplot as plt

    import minigrad as mg
    from minigrad import nn
    from minigrad.channels import REDUCTIONS, cancellation, explain, responses
except ModuleNotFoundError as error:
    raise SystemExit(f'{error.name} is not installed: python -m pip install -e ".[examples]" in the checkout') from None

if "--help" in sys.argv:
    print(__doc__)
    sys.exit()

# %% The worry: an edge rises in red and falls in blue, and the two responses cancel.
edge = np.tile(np.tanh(np.arange(-4, 5) / 2), (9, 1))  # (9, 9), rising to the right
opponent = mg.tensor(np.stack([edge, np.zeros((9, 9)), -edge])[None], dtype=mg.float32)  # (1, 3, 9, 9)
sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8

conv = nn.Conv2d(3, 1, 3, bias=False)
conv.load_state_dict({"weight": np.stack([sobel, sobel, sobel])[None].astype(np.float32)})  # one slice for all

r = responses(conv, opponent)[0, 0]  # (C, P, Q): each channel's own response, before the sum
print("largest |response|: red {:.2f}, green {:.2f}, blue {:.2f}".format(*r.abs().amax((1, 2)).tolist()))
print(f"largest |sum|: {conv(opponent).abs().max().item():.2g}: red's answer and blue's are lost in the sum")
assert conv(opponent).abs().max().item() < 1e-6

# %% What comes back: suppose that the network wanted 1 here. Each channel receives the same gradient, whole.
parts = explain(conv, opponent, lambda out: (out - 1).square().mean())  # also checks that the parts make the whole
pushes = [(part[0, c] * sobel).sum() for c, part in enumerate(parts.weight_grads)]
print(f"gradient at the output: {parts.g.mean():.3f} at every position")
print("push along the edge filter: red {:+.3f}, green {:+.3f}, blue {:+.3f}".format(*pushes))
print("the sum is zero, the gradient is not: red's slice and blue's are pushed apart, and equally hard")
assert np.isclose(pushes[0], -pushes[2]) and pushes[0] < 0 and abs(pushes[1]) < 1e-6

# %% So training leaves the place where they cancel: plain gradient descent on that one filter.
path = []
for _ in range(40):
    loss = (conv(opponent) - 1).square().mean()
    (gradient,) = mg.grad(loss, [conv.weight])
    path.append([float((conv.weight.array[0, c] * sobel).sum()) for c in (0, 2)] + [loss.item()])
    with mg.no_grad():
        conv.weight -= 0.02 * gradient
print("step   red·edge  blue·edge   loss")
for step in (0, 1, 5, 39):
    print("{:4d}   {:8.3f}  {:9.3f}  {:5.3f}".format(step, *path[step]))
assert path[-1][2] < 0.5 * path[0][2]

# %% Other reductions: where does one unit of gradient go? Only affine ones treat all channels alike at all times.
r = r.detach().requires_grad_()
print("\nof one unit of gradient at each position, the channels receive (mean over positions):")
shares = {}
for name, reduce in REDUCTIONS.items():
    (slopes,) = mg.grad(reduce(r, 0).sum(), [r])
    shares[name] = slopes.numpy()
    print("{:>12}:  red {:5.2f}  green {:5.2f}  blue {:5.2f}".format(name, *slopes.mean((1, 2)).tolist()))
assert (shares["sum"] == 1).all() and np.allclose(shares["max"].sum(0), 1)

# %% Why not average? The mean is the sum: weights × C, learning rate × C², and every loss is the same.
x, losses = mg.tensor(np.random.default_rng(0).normal(size=(8, 3, 6, 6))), {}
for name, scale in (("sum", 1), ("mean", 3)):
    layer, losses[name] = nn.Conv2d(3, 1, 3, bias=False, dtype=mg.float64), []
    w = layer.weight = nn.Parameter(np.random.default_rng(1).normal(size=(1, 3, 3, 3)) * scale)
    for _ in range(30):
        loss = (REDUCTIONS[name](responses(layer, x), 2) - 1).square().mean()
        losses[name].append(loss.item())
        (gradient,) = mg.grad(loss, [w])
        with mg.no_grad():
            w -= 0.02 * scale**2 * gradient
gap = max(abs(a - b) for a, b in zip(losses["sum"], losses["mean"], strict=True))
print(f"\nloss falls from {losses['sum'][0]:.2f} to {losses['sum'][-1]:.2f}; mean's differs by at most {gap:.1g}")
assert gap < 1e-12

# %% Is cancelling information lost? To one filter. A second one with other slices answers what the first cancels.
bank = nn.Conv2d(3, 2, 3, bias=False)
bank.load_state_dict({"weight": np.stack([[sobel, sobel, sobel], [sobel, 0 * sobel, -sobel]]).astype(np.float32)})
aligned = mg.tensor(np.stack([edge, np.zeros((9, 9)), edge])[None], dtype=mg.float32)
print("\nanswers (largest of each map)      filter 1   filter 2")
for name, image in (("red and blue rise together", aligned), ("red rises, blue falls", opponent)):
    print("{:>32}   {:8.2f}   {:8.2f}".format(name, *bank(image).amax((2, 3))[0].tolist()))

# %% How much cancelling is a lot? Random signs cancel too: the index means something only beside that null.
natural = mg.tensor(np.random.default_rng(2).normal(size=(1, 3, 9, 9)), dtype=mg.float32)
mg.manual_seed(0)
filters = nn.Conv2d(3, 2000, 3)
for name, image in (("noise", natural), ("opponent edge", opponent), ("aligned edge", aligned)):
    c = cancellation(responses(filters, image))
    print(f"random filters on {name:>14}: cancellation index {c.index:.2f}, with random signs {c.null:.2f}")

# %% The same in a picture: above what the channels say and what is left of it, below what comes back.
figure, rows = plt.subplots(3, 4, figsize=(9, 7), layout="constrained")
values = r.detach().numpy()
drawn = list(zip(["red responds", "green", "blue", "their sum: nothing"], [*values, values.sum(0)], strict=True))
drawn += [
    (f"back to {colour}: {name}", shares[name][channel])
    for colour, channel in (("red", 0), ("blue", 2))
    for name in ("sum", "max", "product", "l2")
]
for axes, (title, image) in zip(rows.flat, drawn, strict=True):
    limit = 1 if title.startswith("back") else np.abs(values).max()
    axes.set_title(title)
    axes.imshow(image, cmap="PuOr_r", vmin=-limit, vmax=limit)
    axes.axis("off")
figure.savefig("why_sum_by_hand.png")
print("\nsee why_sum_by_hand.png: orange is positive, violet negative")
