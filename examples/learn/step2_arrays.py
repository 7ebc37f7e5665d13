"""Step 2: arrays, and derivatives of any order.

Step 1 handles one number at a time. A network has millions, in arrays. This step changes three things. The values
become arrays. The slopes become *rules*. And the rules are made of the same operations that they are rules for.

Run it: `python examples/learn/step2_arrays.py`
"""

import inspect
import itertools
from functools import partial

import numpy as np


# A Tensor is an array that remembers how it was made. Its `edges` lead to the tensors that it was made from. On each
# edge is the rule by which a gradient passes to that parent. What is a Tensor gets a gradient; plain arrays and numbers
# are constants.
#
# There is no list of all tensors any more. A serial number says which was made first, and that is all that the tape was
# for. What nobody needs any more, Python can forget.
class Tensor:
    """An array and how it was made."""

    serial_numbers = itertools.count()
    __array_ufunc__ = None  # NumPy shall leave `array * tensor` to this class

    def __init__(self, array):
        self.array = np.asarray(array, dtype=float)
        self.shape = self.array.shape
        self.edges = []
        self.serial = next(Tensor.serial_numbers)


# What is the slope of one array by another? It would be a huge table: how much each element of the result changes with
# each element of the argument. Nobody needs the table. All that matters is what it does to a gradient. So in place of a
# slope we have a *rule*: a function that takes `g`, the gradient at the operation's result, and returns the gradient
# that goes on to one of the arguments.
#
# `@primitive` makes an operation out of an ordinary function of arrays, the *forward*, and of a rule for each argument
# that can have a gradient. A rule names what it needs besides `g`: an argument of the forward (`x`), only the shape of
# one (`x_shape`), or the result (`out`). This is kept on the edge, and nothing else is.
#
# (Three functions are nested here. `primitive` takes the rules. `decorate` takes the forward. `operation` is what is
# called later in place of the forward. `partial` binds what was kept to the rule, so that it can be called with `g`
# alone.)
def primitive(**rules):
    """Make a function of arrays an operation on Tensors, with a rule for each differentiable argument."""

    def decorate(forward):
        names = list(inspect.signature(forward).parameters)

        def operation(*args):
            out = Tensor(forward(*[a.array if isinstance(a, Tensor) else a for a in args]))
            known = dict(zip(names, args, strict=True)) | {"out": out}
            known |= {f"{name}_shape": a.shape for name, a in known.items() if isinstance(a, Tensor)}
            for name, rule in rules.items():
                if isinstance(known[name], Tensor):
                    kept = {need: known[need] for need in inspect.signature(rule).parameters if need != "g"}
                    out.edges.append((known[name], partial(rule, **kept)))
            return out

        return operation

    return decorate


# Here is the table of derivatives. In an elementwise operation each element has a slope of its own, and the chain rule
# multiplies `g` by it. So compare `mul` with `__mul__` in step 1. The slope of `exp` is its own result. `relu` replaces
# negative numbers by 0; it lets the gradient through where x is positive (True counts as 1) and nowhere else.
#
# The rules multiply *Tensors*. So the gradient that comes out is again a Tensor that remembers how it was made. You can
# ask for its gradient in turn: this gives second derivatives, and third, and so on, without another line. (A rule is
# called later, so it may use operations that stand further down.)
@primitive(x=lambda g: g, y=lambda g: g)
def add(x, y):
    return x + y


@primitive(x=lambda g, y: g * y, y=lambda g, x: g * x)
def mul(x, y):
    return x * y


@primitive(x=lambda g, x, n: g * (n * x ** (n - 1) if n else 0))
def power(x, n):  # n is a plain number
    return x**n


@primitive(x=lambda g, out: g * out)
def exp(x):
    return np.exp(x)


@primitive(x=lambda g, x: g * x**-1)
def log(x):
    return np.log(x)


@primitive(x=lambda g, x: g * (x.array > 0))
def relu(x):
    return np.maximum(x, 0)


# One thing is left: NumPy *broadcasts*. In `x + y`, an array of shape (3,) is repeated twice to fit one of shape (2,
# 3). One of shape (2, 1) is repeated three times along its second axis. An element that was repeated was used several
# times. So its contributions add up, as those of `c` did in step 1.
#
# Two operations do this by themselves. `expand` repeats an array to a larger shape. `sum_to` sums an array over the
# axes that `expand` would have repeated. Each is the rule of the other.
@primitive(x=lambda g, x_shape: sum_to(g, x_shape))
def expand(x, shape):
    return np.broadcast_to(x, shape)


@primitive(x=lambda g, x_shape: expand(g, x_shape))
def sum_to(x, shape):
    new = x.ndim - len(shape)  # axes that the smaller shape does not have
    repeated = [new + i for i, n in enumerate(shape) if n == 1]
    return x.sum((*range(new), *repeated)).reshape(shape)


# Now `x + y`, `2 * x`, `x**3`, `-x` and `x - y` work on Tensors.
Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = mul
Tensor.__pow__ = power
Tensor.__neg__ = lambda x: x * -1
Tensor.__sub__ = lambda x, y: x + -y


# Next comes what `backward` was in step 1. `trace_back` finds all tensors that led to the output, and sorts them by
# their serial numbers, the latest first. This is the tape, read backwards.
#
# `grad` walks along it. It begins with a 1 for each element of the output, so it gives the gradient of the sum of these
# elements. If a rule's answer is larger than the argument that it is for, then the argument was broadcast, and `grad`
# sums the answer to the argument's shape. This happens here, once for all operations: no rule has to think of it.
def trace_back(output):
    """All tensors that led to `output`, the latest first."""
    seen, todo = {output}, [output]
    while todo:
        new = {parent for parent, _ in todo.pop().edges} - seen
        seen |= new
        todo += new
    return sorted(seen, key=lambda tensor: tensor.serial, reverse=True)


def grad(output, inputs):
    """The gradient of the sum of `output` with respect to each of the inputs, as Tensors."""
    gradients = {output: Tensor(np.ones(output.shape))}
    for tensor in trace_back(output):
        for parent, rule in tensor.edges:
            part = rule(gradients[tensor])
            if part.shape != parent.shape:
                part = sum_to(part, parent.shape)
            gradients[parent] = gradients[parent] + part if parent in gradients else part
    return [gradients[x] for x in inputs]


# To see an array, print a character for each element. `O` is clearly positive, `o` slightly, `·` is about zero, `x` is
# slightly negative and `X` clearly. (In Python, [-1] and [-2] count from the end of the string.)
def draw(matrix):
    """A matrix as lines of characters, by the size of its elements beside the largest."""
    levels = np.round(2 * matrix / (np.abs(matrix).max() or 1)).astype(int)  # -2, -1, 0, 1 or 2
    return "\n".join("".join("·oOXx"[level] for level in row) for row in levels)


# We try broadcasting first. A column of two numbers times a row of three makes a table of six products. Each number
# takes part in several of them, and what comes back adds up: 1 + 10 + 100 for both numbers of the column, and 2 + 3 for
# all three of the row.
if __name__ == "__main__":
    column, row = Tensor([[2.0], [3.0]]), Tensor([1.0, 10.0, 100.0])
    table = column * row
    print("products: ", *table.array.tolist())
    print("gradients:", *[g.array.tolist() for g in grad(table, [column, row])])

    # Then any order of derivative. We take exp(−x²) at 61 places from -3 to 3, and its derivative, and the derivative
    # of that, and one more. Each line below shows a curve from above: where it is positive, where negative, and where
    # about zero. By hand one gets (12x - 8x³) · exp(−x²) for the third derivative, and it is the same.
    x = Tensor(np.linspace(-3, 3, 61))
    curves = [exp(-(x**2))]
    for _ in range(3):
        curves += grad(curves[-1], [x])
    for order, curve in enumerate(curves):
        print(f"derivative {order}: {draw(curve.array[None])}")
    formula = (12 * x.array - 8 * x.array**3) * np.exp(-(x.array**2))
    print("largest difference from the formula:", round(np.abs(curves[3].array - formula).max(), 12))
