"""Reading and writing by index: the cases that went wrong once, by name; reference/rows/indexing.py has the breadth."""

import numpy as np
import pytest

import minigrad as mg

x = np.arange(60.0, dtype=np.float32).reshape(3, 4, 5)
ROWS = mg.tensor([0, 2])

# name: an index, and NumPy's expression of what PyTorch gives for it
READ = {
    "a range beside a tensor": ((range(2), ROWS), x[[0, 1], [0, 2]]),
    "a tuple beside a tensor": ((ROWS, (0, 2)), x[[0, 2], [0, 2]]),
    "a list beside a tensor": ((ROWS, [0, 2]), x[[0, 2], [0, 2]]),
    "nested lists in a tuple": (([[0], [2]], ROWS), x[[[0], [2]], [0, 2]]),
    "a list of lists": ([[0, 1], [1, 2]], x[[0, 1], [1, 2]]),
    "a list of numbers": ([0, 2], x[[0, 2]]),
    "an empty list": ([], x[[]]),
    "True": (True, x[None]),
    "False": (False, x[None][:0]),
    "True beside a tensor": ((True, ROWS), x[[0, 2]]),
    "a number before a tensor": ((0, slice(None), ROWS), x[0][:, [0, 2]]),
    "a tensor before a number": ((ROWS, slice(None), 1), x[[0, 2]][:, :, 1]),
    "a number of no dimensions": ((mg.tensor(1), ROWS), x[1][[0, 2]]),
    "a truth of no dimensions": (mg.tensor(True), x[None]),
    "a mask of two dimensions": ((mg.tensor(x[:, :, 0] > 20), slice(1, 3)), x[x[:, :, 0] > 20][:, 1:3]),
    "a mask in a list": (([True, False, True], 0), x[[0, 2], 0]),
    "uint8 as a mask": (np.array([0, 1, 1], np.uint8), x[1:]),
    "arrays apart": ((ROWS, slice(None), ROWS), x[[0, 2], :, [0, 2]]),
    "a slice backwards, which PyTorch has not": (slice(None, None, -1), x[::-1]),
}


@pytest.mark.parametrize("name", READ)
def test_an_index_reads_writes_and_passes_gradients_alike(name):
    key, expected = READ[name]
    a = mg.tensor(x, requires_grad=True)
    got = a[key]
    np.testing.assert_array_equal(got.detach().numpy(), expected)
    got.backward(got.detach())
    counts = np.zeros(x.size)
    np.add.at(counts, expected.astype(int).reshape(-1), 1)  # each element is its own position
    np.testing.assert_array_equal(a.grad.numpy(), counts.reshape(x.shape) * x)
    changed = mg.tensor(x)
    changed[key] = -got.detach()
    np.testing.assert_array_equal(changed.numpy(), np.where(counts.reshape(x.shape) > 0, -x, x))
    again = mg.index_put(a, key, -got.detach())
    np.testing.assert_array_equal(again.detach().numpy(), changed.numpy())


REFUSED = {
    "out of bounds": (5, r"index 5 is out of bounds for dimension 0 of length 3"),
    "out of bounds in a tensor": ((0, mg.tensor([1, -5])), r"index -5 is out of bounds for dimension 1 of length 4"),
    "too many": ((0, 0, 0, 0), "too many indices: 4 for 3 dimensions"),
    "two ellipses": ((..., 0, ...), "one ... only"),
    "a float": (1.5, "expected whole numbers, .*got float"),
    "fractions in a list": ([0.5], "expected whole numbers"),
    "a tensor of floats": (mg.tensor([0.0]), "must be int64, int32, uint8 or bool, got float32"),
    "a mask that does not fit": (mg.tensor([True]), r"a mask of shape \(1,\) at dimension 0 does not fit \(3, 4, 5\)"),
    "arrays that do not broadcast": ((ROWS, [0, 1, 2]), r"arrays of shapes \[\(2,\), \(3,\)\] do not broadcast"),
    "text": ("a", "expected whole numbers, .*got str"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_index_that_means_nothing_is_refused_and_changes_nothing(name):
    key, message = REFUSED[name]
    a = mg.tensor(x)
    with pytest.raises(IndexError, match=r"getitem\(float32\[3, 4, 5\], .*" + message):
        a[key]
    with pytest.raises(IndexError, match=r"setting elements\(float32\[3, 4, 5\], .*" + message):
        a[key] = 0
    np.testing.assert_array_equal(a.numpy(), x)


def test_an_index_that_changes_later_is_the_old_one_in_backward():
    key = np.array([0, 1])
    a = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = a[key]
    key[:] = 2
    y.sum().backward()
    assert a.grad.tolist() == [1, 1, 0]


def test_float16_rows_that_come_often_are_added_in_float32():
    table = mg.zeros(2, 3, dtype=mg.float16, requires_grad=True)
    table[mg.zeros(5000, dtype=mg.int64)].sum().backward()
    assert table.grad.tolist() == [[5000] * 3, [0] * 3]  # one by one they would stop at 2048


def test_a_single_element_is_a_view():
    a = mg.zeros(2, 2)
    a[0, 1].fill_(5)
    assert a.tolist() == [[0, 5], [0, 0]]
