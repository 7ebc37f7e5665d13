"""tanh and its derivatives to the fifth order, each the gradient of the one before.

Run: python examples/second_derivative.py [PICTURE]
"""

import argparse

import numpy as np

try:
    import matplotlib.pyplot as plt

    import minigrad as mg
except ModuleNotFoundError as error:
    raise SystemExit(f'{error.name} is not installed: python -m pip install -e ".[examples]" in the checkout') from None

ORDERS = 5

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("picture", nargs="?", default="second_derivative.svg", help="file to write (%(default)s)")
target = parser.parse_args().picture

x = mg.linspace(-4, 4, 400, dtype=mg.float64, requires_grad=True)
y = x.tanh()
curves = [y]
for _ in range(ORDERS):
    (y,) = mg.grad(y, x, mg.ones_like(y), create_graph=True)  # each element of y depends on its own x alone
    curves.append(y)

figure, axes = plt.subplots(figsize=(7, 4.2), layout="constrained")
for order, curve in enumerate(curves):
    values = curve.detach().numpy()
    label = "tanh" + "′" * order if order < 4 else f"tanh⁽{'⁰¹²³⁴⁵'[order]}⁾"
    axes.plot(x.detach().numpy(), values, label=label)
    print(f"order {order}: largest |value| {np.abs(values).max():.6f}")
axes.set(xlabel="x", ylabel="value", title=f"tanh and its derivatives to order {ORDERS}, by backward of backward")
axes.legend(ncols=2)
figure.savefig(target)
print("wrote", target)

# tanh' = 1 - tanh²: what the engine found agrees with the formula to the last digits.
print("error of the first order:", np.abs(curves[1].array - (1 - np.tanh(x.array) ** 2)).max())
