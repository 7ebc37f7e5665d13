"""`nn.summary`: shapes, parameters and multiply-adds of every layer, and a model that is left as it was."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def rows(table):
    return {row.name: row for row in table.rows}


def test_a_convolutional_network():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 14 * 14, 10)
    )
    table = nn.summary(model, (4, 3, 32, 32))
    found = rows(table)
    assert [row.shape for row in table.rows] == ["4×10", *["4×8×14×14"] * 3, "4×1568", "4×10"]
    assert [row.parameters for row in table.rows] == [0, 8 * 3 * 25 + 8, 16, 0, 0, 15680 + 10]
    assert found["0"].multiply_adds == 4 * 8 * 14 * 14 * 3 * 25 and found["4"].multiply_adds == 4 * 1568 * 10
    assert table.parameters == table.trainable == sum(p.array.size for p in model.parameters())
    assert table.multiply_adds == sum(row.multiply_adds for row in table.rows)
    assert table.bytes == 4 * table.parameters


@pytest.mark.parametrize(
    "layer, size, expected",
    [
        (nn.Conv2d(4, 6, 3, groups=2, bias=False), (1, 4, 5, 5), 6 * 3 * 3 * 2 * 9),
        (nn.ConvTranspose2d(4, 6, 3, stride=2), (1, 4, 5, 5), 4 * 5 * 5 * 6 * 9),
        (nn.Conv1d(2, 3, 4), (5, 2, 10), 5 * 3 * 7 * 2 * 4),
        (nn.Linear(7, 2), (3, 5, 7), 3 * 5 * 7 * 2),
        (nn.ReLU(), (3, 5), 0),
    ],
)
def test_multiply_adds_of_a_layer(layer, size, expected):
    assert nn.summary(layer, size).multiply_adds == expected


def test_multiply_adds_of_matrix_products():
    class Attention(nn.Module):
        def forward(self, q, k):
            return mg.einsum("nqd,nkd->nqk", q, k) @ k

    assert nn.summary(Attention(), [(2, 3, 4), (2, 5, 4)]).multiply_adds == 2 * (2 * 3 * 5 * 4)


def test_a_module_that_is_called_twice_counts_its_parameters_once():
    class Twice(nn.Module):
        def __init__(self):
            self.cell = nn.Linear(3, 3)

        def forward(self, x):
            return self.cell(self.cell(x))

    table = nn.summary(Twice(), (2, 3))
    assert table.parameters == 12 and table.multiply_adds == 2 * 2 * 9
    assert [cells[3] for cells in table.cells()] == ["—", "12", "(above)"]


def test_frozen_parameters_are_not_counted_as_trained():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(False)
    table = nn.summary(model, (1, 2))
    assert (table.trainable, table.parameters) == (6, 12) and "6 of 12 parameters are trained" in str(table)


def test_integer_input_is_given_as_data():
    table = nn.summary(nn.Embedding(10, 4), input_data=mg.tensor(np.array([[1, 2, 3]])))
    assert table.rows[0].shape == "1×3×4"


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.5))
    model[1].eval()
    before = {name: t.numpy().copy() for name, t in model.state_dict().items()}
    state = mg.get_rng_state()
    nn.summary(model, (4, 3))
    assert model.training and model[0].training and not model[1].training
    assert all(np.array_equal(t.numpy(), before[name]) for name, t in model.state_dict().items())
    assert np.array_equal(mg.get_rng_state(), state)
    assert not any(model._hooks.values()) and not mg.autograd.state.observers


def test_html_escapes_names():
    page = nn.summary(nn.ModuleDict({"a": nn.ReLU()})["a"], (2,))._repr_html_()
    assert page.startswith("<table>") and "ReLU" in page

    class Named(nn.Module):
        def __init__(self):
            self.add_module("<script>", nn.ReLU())

        def forward(self, x):
            return getattr(self, "<script>")(x)

    assert "&lt;script&gt;" in nn.summary(Named(), (2,))._repr_html_()


@pytest.mark.parametrize(
    "arguments, error, words",
    [
        ((3, (1,)), TypeError, "expected a Module, got int"),
        ((nn.ReLU(),), TypeError, "either input_size"),
        ((nn.ReLU(), (1,), mg.ones(1)), TypeError, "either input_size"),
        ((nn.Linear(3, 2), (1, 4)), ValueError, "linear"),
    ],
)
def test_bad_arguments(arguments, error, words):
    with pytest.raises(error, match=words):
        nn.summary(*arguments)
    assert not mg.autograd.state.observers


def nested():
    return nn.Sequential(nn.Sequential(nn.Linear(4, 3), nn.ReLU()), nn.Linear(3, 2))


def test_input_shapes_are_those_of_each_call():
    table = nn.summary(nested(), (8, 4))
    assert [row.input_shape for row in table.rows] == ["8×4", "8×4", "8×4", "8×3", "8×3"]
    head = ["layer", "input", "shape", "output", "shape", "parameters", "multiply-adds"]
    assert str(table).splitlines()[0].split() == head


def test_depth_hides_rows_and_keeps_their_numbers():
    whole = nn.summary(nested(), (8, 4))
    for depth, count in [(0, 1), (1, 3), (2, 5), (None, 5)]:
        table = nn.summary(nested(), (8, 4), depth=depth)
        shown = table.shown()
        assert len(shown) == count == len(table.cells())
        assert sum(row.parameters for row in shown) == whole.parameters == table.parameters
        assert sum(row.multiply_adds for row in shown) == whole.multiply_adds


def test_columns_are_chosen_by_our_names_and_by_torchinfos():
    table = nn.summary(nested(), (8, 4), columns=["num_params", "output shape"])
    assert table.head == ("layer", "parameters", "output shape") and table.cells()[1] == ("  0 Sequential", "—", "8×3")
    assert "<th" in table._repr_html_()
    with pytest.raises(ValueError, match=r"columns are among input shape, .*; got 'kernel'"):
        nn.summary(nested(), (8, 4), columns=["kernel"])
