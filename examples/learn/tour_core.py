"""What the tour says about the core: chapters, each with definitions that are looked up by name in minigrad/."""

from dataclasses import dataclass

HEAD = """
This is a tour of a small program that learns. It starts with two numbers and ends in the source of a library, and every
step on the way is a complete program that you can run and change. You need to know Python and the chain rule, and to
have an hour.

The library is called *minigrad*. It calculates with arrays, remembers how, and gives the gradient of the result with
respect to everything that went in. With that it trains networks for images. It was written to answer one question: a
filter of such a network adds up what it finds in red, in green and in blue. Why *add*? If an edge rises in red where it
falls in blue, the two cancel. Is that not a loss?

On the left is what there is to say, on the right is the code. Below the code is what it prints when it is run, and what
the library draws. Nothing here is copied by hand: this page is made from the programs, and a test fails if it is not up
to date.
"""


@dataclass
class Chapter:
    """A part of the core; `definitions` are (name, part of its path, what to say)."""

    key: str
    title: str
    intro: str
    definitions: list[tuple[str, str, str]]


CORE = [
    Chapter(
        "tape",
        "The library's tape: step 2, plus what a library needs",
        """
The rest of the tour is the library itself. You will know the shape of everything that you see. What is new has been
added because people use it: it must refuse what is wrong in words that help, not keep more than it needs, and be as
fast as NumPy.
""",
        [
            (
                "mul",
                "ops/elementwise",
                """
An operation is written as in step 2. This is the library's own multiplication. The types are for editors and checkers.
""",
            ),
            (
                "exp",
                "ops/elementwise",
                "And this is its exponential. Its rule asks for the result by the name `out`, so that is what is kept.",
            ),
            (
                "primitive",
                "autograd",
                """
Compare `apply` with `operation` in step 2, line by line:

- `arrays = …` and `forward(*arrays)`: the forward runs on plain arrays.
- `for rule in …`: an edge for each argument that has a rule and asks for a gradient. In step 2 every Tensor asked. Here
only those do that say `requires_grad=True`, and what was made from them.
- `Node(…)`: the edges have an object of their own, beside the tensor. A Node never refers to its own result. So if you
forget the tensor, Python can free its array at once.
- `….save(…)`: keeps what the rules name, as `kept` did. It also notes the *version* of each array: how often it was
changed in place. If backward finds another version, it says so, instead of giving a wrong gradient.

What else is there: a Python number must not turn a float32 array into float64. An error must name the operation. A
result may share the memory of an argument. Recording can be switched off. And observers can watch, which is how the
pictures are drawn.
""",
            ),
            (
                "backpropagate",
                "autograd",
                """
Compare this with `grad` in step 2. The `for` loop over `order` goes from children to parents. `rule.function(g, …)`
makes a contribution. If it does not fit the parent, broadcasting is undone, here and nowhere else. The line with
`grads[parent] + part` adds it to what has arrived before.

What else is there: only the part of the graph is visited that leads to something wanted. Hooks may look at a gradient.
What was saved is freed as soon as it has been used. And the gradients are recorded only if you ask for that, by
`create_graph=True`: then they can be differentiated again, as they always could in step 2.
""",
            ),
        ],
    ),
    Chapter(
        "conv",
        "The library's convolution: step 3, plus options",
        "",
        [
            (
                "convolution",
                "ops/conv",
                """
The same three operations with the same rules. `einsum` is gone: the forwards call the fast versions, which are step 6
in general. What was `how` in step 3, the two tables of ones and zeros, is here a description of the windows.
""",
            ),
            ("convolution_input", "ops/conv", "Its rules are the convolution and the third one."),
            ("convolution_weight", "ops/conv", "And the third one, whose rules are the other two."),
        ],
    ),
    Chapter(
        "explain",
        "The library's answer to the question: step 5, plus any convolution",
        "",
        [
            (
                "explain",
                "channels",
                """
It does what `explain` in step 5 does, for any convolution of any network. You say what follows the convolution, as a
function that takes its output to a loss. You get every channel's answers and its part of both gradients.

It also checks itself: the channels' parts must add up to the output and to the gradients that the network really has.
If they did not, it would raise an error.
""",
            ),
        ],
    ),
]
