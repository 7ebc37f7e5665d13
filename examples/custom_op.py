"""A new operation in five lines, and the proof that its derivatives are right.

Run: python examples/custom_op.py
"""

import numpy as np

import minigrad as mg


# The forward works on plain arrays. Beside it stands, for each differentiable argument, a rule on tensors: its
# parameter names say what it needs (g: the upstream gradient, out: the result, x and width: arguments).
@mg.primitive(x=lambda g, x, out, width: -2 * g * x * out / width**2)
def bump(x, width=1.0):
    """The Gaussian bump exp(-(x / width)²)."""
    return np.exp(-((x / width) ** 2))


x = mg.linspace(-2, 2, 5, dtype=mg.float64, requires_grad=True)
bump(x, width=1.5).sum().backward()
print("value    ", bump(x, width=1.5).detach())
print("gradient ", x.grad)

# A difference quotient agrees with the rule, and with the rule of the rule: derivatives of any order come free.
print("gradcheck    ", mg.gradcheck(lambda x: bump(x, width=1.5), x))
print("gradgradcheck", mg.gradgradcheck(lambda x: bump(x, width=1.5), x))

# What the graph keeps is what the rule named.
print("saved for backward:", sorted(bump(x).grad_fn.saved))
