"""Step 2: arrays, and derivatives of any order.

Step 1 handles one number at a time. A network has millions, in arrays. This step does three things to step 1: the
values become arrays, the slopes become *rules*, and rules are made of the same operations that they are rules for.

Run it: `python examples/learn/step2_arrays.py`
"""

import inspect
import itertools
from functools import partial

import numpy as np


# A Tensor is an array that remembers how it was made. `edges` lists the tensors that it was made from, each with the
# rule that passes a gradient to it. What is a Tensor gets a gradient; a plain array or number is a constant.
#
# There is no list of everything any more. A serial number says which tensor came first, and that is all that the tape
# was for. Tensors that nobody needs can be forgotten.
class Tensor:
    """An array and how it was made."""

    serial_numbers = itertools.count()
    __array_ufunc__ = None  # asks NumPy to leave `array * tensor` to us

    def __init__(self, array):
        self.array = np.asarray(array, dtype=float)
        self.shape = self.array.shape
        self.edges = []
        self.serial = next(Tensor.serial_numbers)


# An operation on arrays becomes an operation on Tensors by `@primitive`. Its *forward* is an ordinary NumPy function.
# For each argument that can have a gradient there is a rule, a function of `g`. `g` is the gradient that has arrived at
# the operation's result, and the rule returns what goes on to the argument.
#
# The other parameters of a rule say what it needs: an argument of the forward by its name, the shape of one
# (`x_shape`), or the result (`out`). This is kept on the edge, and nothing else is. It is bound to the rule here, so
# that later `rule(g)` is enough.
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


# Here is the table of derivatives. A slope times `g` is what the chain rule asks for, element by element: compare `mul`
# with `__mul__` in step 1. The slope of `exp` is its own result. `relu` lets the gradient through where x is positive.
#
# Rules multiply Tensors, so a gradient is itself a Tensor that remembers how it was made. Its gradient can be asked for
# in turn: that gives second derivatives, and third, and so on, without another line.
@primitive(x=lambda g: g, y=lambda g: g)
def add(x, y):
    return x + y


@primitive(x=lambda g, y: g * y, y=lambda g, x: g * x)
def mul(x, y):
    return x * y


@primitive(x=lambda g, x, n: g * (n * x ** (n - 1) if n else 0))
def power(x, n):
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


# NumPy *broadcasts*: in `x + y`, an array of shape (3,) is repeated to fit one of shape (2, 3). One of shape (2, 1) is
# repeated along its second axis. An element that was repeated was used several times, so its contributions add up, as
# for `c` in step 1.
#
# So these two belong together: `expand` repeats an array to a larger shape, and `sum_to` sums it to a smaller one over
# the axes that `expand` would repeat. Each is the rule of the other.
@primitive(x=lambda g, x_shape: sum_to(g, x_shape))
def expand(x, shape):
    return np.broadcast_to(x, shape)


@primitive(x=lambda g, x_shape: expand(g, x_shape))
def sum_to(x, shape):
    new = x.ndim - len(shape)  # axes that the smaller shape does not have
    repeated = [new + i for i, n in enumerate(shape) if n == 1]
    return x.sum((*range(new), *repeated)).reshape(shape)


Tensor.__add__ = Tensor.__radd__ = add
Tensor.__mul__ = Tensor.__rmul__ = mul
Tensor.__pow__ = power
Tensor.__neg__ = lambda x: x * -1
Tensor.__sub__ = lambda x, y: x + -y


# Now the tape of step 1, read backwards. `history` collects what the output was made from, and sorts it by serial
# number: the latest first. `grad` walks along it, exactly as `backward` did.
#
# The rules above never think of broadcasting. If a rule's answer is larger than the argument that it is for, `grad`
# sums it to the argument's shape. This happens in one place, for all operations.
def history(output):
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
    for tensor in history(output):
        for parent, rule in tensor.edges:
            part = rule(gradients[tensor])
            if part.shape != parent.shape:
                part = sum_to(part, parent.shape)
            gradients[parent] = gradients[parent] + part if parent in gradients else part
    return [gradients[x] for x in inputs]


# To see an array, print a character for each element: `O` and `o` are clearly and slightly positive, `X` and `x`
# clearly and slightly negative, `·` is about zero.
def draw(matrix):
    """A matrix as lines of characters, by the size of its elements beside the largest."""
    levels = np.round(2 * matrix / (np.abs(matrix).max() or 1)).astype(int)  # -2, -1, 0, 1 or 2
    return "\n".join("".join("·oOXx"[level] for level in row) for row in levels)


# First, broadcasting. A column of two numbers and a row of three make a table of six products. Each number takes part
# in several of them, and its gradient adds up what comes back: 1 + 10 + 100 for both numbers of the column, and 2 + 3
# for all three of the row.
if __name__ == "__main__":
    column, row = Tensor([[2.0], [3.0]]), Tensor([1.0, 10.0, 100.0])
    table = column * row
    print("products: ", *table.array.tolist())
    print("gradients:", *[g.array.tolist() for g in grad(table, [column, row])])

    # Then any order of derivative. We take exp(-x²) at 61 places from -3 to 3, and its derivative, and the derivative
    # of that, and one more. Each line below is a curve seen from above: where it is positive, negative or about zero.
    # The formula for the third derivative is in any table: (12x - 8x³) · exp(-x²).
    x = Tensor(np.linspace(-3, 3, 61))
    curves = [exp(-(x**2))]
    for _ in range(3):
        curves += grad(curves[-1], [x])
    for order, curve in enumerate(curves):
        print(f"derivative {order}: {draw(curve.array[None])}")
    formula = (12 * x.array - 8 * x.array**3) * np.exp(-(x.array**2))
    print("largest difference from the formula:", round(np.abs(curves[3].array - formula).max(), 12))
