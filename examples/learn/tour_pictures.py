"""The pictures of the tour, drawn by the library: for a step or a chapter, captions and functions that draw SVG."""

import numpy as np
from step2_arrays import Tensor
from step4_train import FILTERS, make_edges, train

import minigrad as mg
from minigrad import nn, viz

COLOURS = ("red", "green", "blue")


def draw_scalars():
    """Step 1's example with its gradients."""
    with viz.record() as seen:
        a, b = mg.tensor(2.0, requires_grad=True), mg.tensor(-3.0, requires_grad=True)
        c = a * b
        result = (c + a) * c
    return mg.graph(result, names={"a": a, "b": b}, record=seen, gradients=True, title="step 1 in the library").svg()


def draw_derivative():
    """The graph of a derivative, which is a calculation like any other."""
    with viz.record() as seen:
        x = mg.tensor(0.5, requires_grad=True)
        g = mg.tensor(1.0)
        (slope,) = mg.grad(mg.exp(-(x**2)), x, g, create_graph=True)
    return mg.graph(slope, names={"x": x, "g": g}, record=seen, title="the derivative of exp(−x²)").svg()


def draw_filter(weights):
    """A filter's answer to an edge that rises in red and falls in blue, channel by channel; weights (1, 3, 3, 3)."""
    edge = np.tile(np.clip(np.arange(12) - 5.5, -1, 1), (12, 1))
    x = mg.tensor(np.stack([edge, 0 * edge, -edge])[None])
    conv = nn.Conv2d(3, 1, 3, bias=False, dtype=mg.float64)
    conv.load_state_dict({"weight": weights})
    return viz.open_convolution(conv, x, lambda out: out.sum(), channels=COLOURS).svg()


def learn_filter():
    """The filter with the largest weight in the answer, learned from three equal slices as in step 4."""
    rng = np.random.default_rng(0)
    images, label = make_edges(64, rng)
    w, v = rng.normal(size=(FILTERS, 1, 3, 3)) / 5, rng.normal(size=(FILTERS, 1, 1)) / 2
    learned, weights, _ = train(Tensor(w * np.ones((1, 3, 1, 1))), Tensor(v), images, label)
    return learned.array[[weights.array.argmax()]]


def draw_network():
    """Step 4's network in the library's layers."""
    mg.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, FILTERS, 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(FILTERS, 1, bias=False),
    )  # fmt: skip
    return mg.graph(model, mg.randn(64, 3, 8, 8), title="step 4's network").svg()


def draw_reduction(name):
    """What a unit of gradient becomes, under the sum or under the maximum."""
    reductions = {
        "sum": lambda red, green, blue: red + green + blue,
        "maximum": lambda red, green, blue: mg.maximum(mg.maximum(red, green), blue),
    }
    answers = tuple(mg.tensor(value, requires_grad=True) for value in (2.0, 0.0, -2.0))
    return mg.graph(reductions[name], answers, gradients=True, title=f"the {name}").svg()


PICTURES = {
    "step1_scalar": [
        (
            """The same example, calculated and drawn by the library. Values flow down. The gradients flow back up along
            the arrows: a thick arrow carries a large one. `a` receives two contributions, 30 through the product and -6
            through the sum, and they make 24. An arrow is blue where its contribution has the sign of the total, and
            orange where it has the other. (ρ says how much is left when contributions are added: 1 is all of it.)""",
            draw_scalars,
        )
    ],
    "step2_arrays": [
        (
            """This graph is a *derivative*. The library calculated exp(−x²), and then asked for its gradient. The
            gradient was made by operations, too: those of the rules. So it has a graph of its own, and the question can
            be asked again.""",
            draw_derivative,
        )
    ],
    "step3_convolution": [
        (
            """The library draws a convolution channel by channel. Here is the first filter on a larger image: `x` is a
            channel of the image, `w` the slice of weights for it, `r` the slice's answer. Teal is positive and magenta
            negative. The sum Σ is empty: all has cancelled.

            Look at the gradient that comes *back*, too. It is not zero, and it arrives at every `r` alike. The weights
            of a slice receive it times the pixels of their channel: ‖dW‖ says how much that is. So red and blue get
            much, and green gets nothing, for it has no edge. The next two steps are about this.""",
            lambda: draw_filter(np.tile([-1.0, 0.0, 1.0], (1, 3, 3, 1))),
        )
    ],
    "step4_train": [
        ("""The network as the library draws it, made of the library's own layers.""", draw_network),
        (
            """And one filter that was learned from three equal slices. It looks at the image of step 3's picture. The
            slice for blue has turned round. So the answers of red and blue have the same sign, and the sum keeps
            both.""",
            lambda: draw_filter(learn_filter()),
        ),
    ],
    "step5_why_sum": [
        (
            """The first patch again, drawn by the library: the answers are 2, 0 and -2. Under the sum, each receives
            the whole unit.""",
            lambda: draw_reduction("sum"),
        ),
        (
            """Under the maximum, only the winner does.""",
            lambda: draw_reduction("maximum"),
        ),
    ],
}
