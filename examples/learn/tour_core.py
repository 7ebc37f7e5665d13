"""What the tour says about the core: chapters, each with definitions that are looked up by name in minigrad/."""
from dataclasses import dataclass

HEAD = """ This is a tour of a small library for programs that learn. It starts with two numbers and ends in the
library's own source. Every step on the way is a complete program that you can run and change. You need to know Python,
to have met NumPy's arrays and the chain rule, and to have an hour.

The library is called *minigrad*. It calculates with arrays, and it can say how the result would change if something
that went into it were changed. That is what a program needs to learn from its mistakes.

It was written to answer a question about images. A network looks at an image through small filters, and a filter adds
up what it finds in red, in green and in blue. Why does it *add*? If an edge rises in red where it falls in blue, the
two cancel. Is that information not lost? Steps 3 to 5 are about this.

On the left is what there is to say, on the right is the code (on a narrow screen, one below the other). Below the code
stands what it prints when it is run. The pictures are drawn by the library. Nothing here is copied by hand: this page
is made from the programs, and a check fails when it is not up to date.
"""


@dataclass
class Entry:
    """A definition of the core, or with `head` the first lines of its file, and what to say about it."""

    name: str
    under: str  # part of the file's path
    prose: str
    head: bool = False


@dataclass
class Chapter:
    """A part of the core."""

    key: str
    title: str
    intro: str
    entries: list[Entry]


TAPE = Chapter(
    "tape",
    "The library's tape: step 2, plus what a library needs",
    """
The rest of the tour is the library itself. You will recognise what you see. What has been added is there because people
use it: it has to say in helpful words what is wrong, to keep no more than it needs, and to be fast.
""",
    [
        Entry(
            "mul",
            "ops/elementwise",
            """
An operation is written as in step 2. This is the library's multiplication. What follows the colons and the arrow are
types, for editors and for a checker.
""",
        ),
        Entry(
            "exp",
            "ops/elementwise",
            """
And this is its exponential. Its rule asks for the result by the name `out`, so the result is kept. `kernels` is where
NumPy is made fast.
""",
        ),
        Entry(
            "primitive",
            "autograd",
            """
This is how the file begins in which `primitive` stands. It names the other files of the engine and what is in them.
""",
            head=True,
        ),
        Entry(
            "primitive",
            "autograd",
            """
Compare `apply` with `operation` in step 2:

- `arrays.append(…)` and `forward(*arrays)`: the forward runs on plain arrays.
- `for rule in …`: there is an edge for each argument that has a rule and asks for a gradient. In step 2 every Tensor
asked. Here those ask that were made with `requires_grad=True`, and whatever was made from them.
- `Node(…)`: the edges belong to an object of their own, beside the tensor. It keeps what the rules name. A Node never
refers to its own result. So when you forget the tensor, Python can free its array at once. It also notes the *version*
of each array that it keeps: how often it was changed in place. If the version is another one when the gradient comes,
there is an error, and not a wrong gradient.

The rest is care. `keeps=` is for a forward that has more to keep than its arguments and its result. A call may name its
arguments. An error names the operation. A Python number does not turn a float32 array into float64. A result may lie in
the memory of an argument. Recording can be switched off. And *observers* may watch; the pictures on this page were
drawn by one.
""",
        ),
        Entry(
            "reachable",
            "autograd",
            """
This is `trace_back` of step 2. Like there, it is a loop and not a recursion, so a calculation may be of any length.
""",
        ),
        Entry(
            "backpropagate",
            "autograd",
            """
Compare this with `grad` in step 2. `for node in order` goes from children to parents. `rule.function(g, …)` makes a
contribution. If it does not fit the parent, broadcasting is undone, here and nowhere else. The line with
`grads[parent]` adds it to what had arrived before.

The rest is care again. Only nodes are visited that lead to something wanted. *Hooks*, functions of the user, may look
at a gradient. What was saved is freed as soon as it has been used. And the gradients are themselves recorded only if
you ask for it with `create_graph=True`. Then you can differentiate them again, as you always can in step 2.
""",
        ),
    ],
)

CONVOLUTION = Chapter(
    "conv",
    "The library's convolution: step 3, plus options",
    "",
    [
        Entry(
            "convolution",
            "ops/conv",
            """
The file begins with the formula of step 3. The letters are a little different: here p and k are pairs, of a row and a
column. The tables of ones and zeros have become an index: s·p + d·k - pad is the pixel at which window and pixel meet.
(s is the stride. With a dilation d above 1, the window has gaps.)

Below the table it says what step 5 has shown: the same gradient goes to every channel.
""",
            head=True,
        ),
        Entry(
            "convolution",
            "ops/conv",
            """
The same three operations with the same rules. `einsum` is gone: the forwards call the fast versions, which are step 6
for all options. A *bias* is a number for each filter that is added to its answers.
""",
        ),
        Entry("convolution_input", "ops/conv", "Its rules are the first one and the third one."),
        Entry("convolution_weight", "ops/conv", "And the third one, whose rules are the other two."),
    ],
)

EXPLAIN = Chapter(
    "explain",
    "The library's answer: step 5, plus any network",
    """
The last file does what `explain` in step 5 does, for any convolution in any network.
""",
    [
        Entry(
            "explain",
            "channels",
            "The answer of one channel to its own slice is called its *response* here.",
            head=True,
        ),
        Entry(
            "explain",
            "channels",
            """
You give it a convolution, what enters it, and a function from the output to the loss. Or you give it a network, the
name of one of its convolutions, what enters the network, and a function from its output to the loss.
""",
        ),
        Entry(
            "_take_apart",
            "channels",
            """
The network runs once, as it is. `g` is the gradient that arrives at the convolution's output. Then `responses`
convolves each channel with its own slice, as in step 5. The same `g` is sent back through each response alone: what
arrives is this channel's part of the gradients of weights and pixels.

The last lines check the result. The parts must add up to the output and to the gradients that the convolution really
has. If they do not, there is an error.

This is the end of the tour. What the project has measured with all this, and what is still open, is told on another
page, `examples/why_sum.html`.
""",
        ),
    ],
)

CORE = [TAPE, CONVOLUTION, EXPLAIN]
