"""Step 1: numbers, a tape and the chain rule.

A calculation starts from some inputs and ends in one result. How much does the result change if one input changes a
little? That is the derivative of the result by this input. For all the inputs together one says *gradient*. The chain
rule gives it for one operation after the other. So a program can give it for a calculation of any length, if it
remembers what was calculated.

Run it: `python examples/learn/step1_scalar.py`
"""

# What the program remembers is a tape. Every number is written on it as soon as it exists. So what a number was made
# from always stands above it.
TAPE = []


# A number knows its value and its *parents*, the numbers that it was made from. For each parent it knows a *slope*: how
# much this number changes for each unit by which the parent changes.
#
# It also has a gradient. At the end this will say how much the *result* changes for each unit by which this number
# changes. Until then it is 0. (`how` and `row` are only there to print the tape.)
class Number:
    """A value on the tape, and how it was made."""

    def __init__(self, value, how="given", parents=(), slopes=()):
        self.value, self.how, self.parents, self.slopes = value, how, parents, slopes
        self.row, self.gradient = len(TAPE), 0.0
        TAPE.append(self)

    # Python calls these two methods for `x + y` and `x * y`. (`x` is what is usually called `self`. Both are Numbers:
    # in place of `x + 1` write `x + Number(1.0)`.) They are all the calculus of this step. A sum changes as much as one
    # of its terms does, so both slopes are 1. A product changes y times as much as x does, and x times as much as y
    # does, so each slope is the *other* factor.
    def __add__(x, y):
        return Number(x.value + y.value, f"row {x.row} + row {y.row}", (x, y), (1.0, 1.0))

    def __mul__(x, y):
        return Number(x.value * y.value, f"row {x.row} * row {y.row}", (x, y), (y.value, x.value))


# Now read the tape backwards. The result changes by 1 for each unit of itself, so its gradient is 1. Every number hands
# its gradient on to its parents, multiplied by the slope. This is the chain rule: what the result does for a unit of
# the number, times what the number does for a unit of the parent. A parent that was used twice receives two
# contributions, and they add up.
#
# Going backwards, we meet a number only after everything that was made from it. So its gradient is complete when it is
# handed on, and once through the tape is enough.
def backward(result):
    """Set the gradient of every number on the tape: how much `result` changes with it."""
    for number in TAPE:
        number.gradient = 0.0
    result.gradient = 1.0
    for number in reversed(TAPE):
        for parent, slope in zip(number.parents, number.slopes, strict=True):
            parent.gradient += number.gradient * slope


# Our example uses `a` twice and `c` twice. It works on Numbers, and on Python's own numbers as well.
def calculate(a, b):
    """(a·b + a) · a·b"""
    c = a * b
    return (c + a) * c


# Follow the gradients in the table below from the last row up. Row 4 is the result, so it has 1. It is the product of
# rows 3 and 2. So row 3 receives the value of row 2, which is -6. Row 2 receives -4 from row 4, and -6 from row 3:
# together -10.
if __name__ == "__main__":
    a, b = Number(2.0), Number(-3.0)
    backward(calculate(a, b))
    print("row  how               value  gradient")
    for number in TAPE:
        print(f"{number.row:3}  {number.how:15} {number.value:7.1f} {number.gradient:9.1f}")

    # Is it true? Move each input a little to either side, and see how much the result moves for each unit.
    h = 1e-5
    print("measured: a", round((calculate(2 + h, -3) - calculate(2 - h, -3)) / (2 * h), 4), end=", ")
    print("b", round((calculate(2, -3 + h) - calculate(2, -3 - h)) / (2 * h), 4))
