"""Products: matrices, batches of them, vectors; and einsum, against NumPy's."""

import numpy as np
import pytest
from helpers import check, draw
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg

MATMUL = {
    "matrices": ((2, 3), (3, 4)),
    "vectors": ((3,), (3,)),
    "row and matrix": ((3,), (3, 4)),
    "matrix and column": ((2, 3), (3,)),
    "batches": ((5, 2, 3), (5, 3, 4)),
    "batches that broadcast": ((5, 1, 2, 3), (4, 3, 2)),
    "a batch and a matrix": ((5, 2, 3), (3, 4)),
    "a matrix and a batch": ((2, 3), (5, 3, 4)),
    "a batch and a column": ((5, 2, 3), (3,)),
    "a row and a batch": ((3,), (5, 3, 4)),
    "a batch of one": ((1, 2, 3), (5, 3, 1)),
    "no rows": ((0, 3), (3, 4)),
    "nothing to sum": ((2, 0), (0, 4)),
    "an empty batch": ((0, 2, 3), (3, 4)),
    "1 by 1": ((1, 1), (1, 1)),
}


@pytest.mark.parametrize("name", MATMUL)
def test_matmul(name):
    check(lambda x, y: x @ y, np.matmul, *MATMUL[name])


@pytest.mark.parametrize("shapes", [((40, 60), (60, 50)), ((3, 40, 60), (60, 50))], ids=str)
def test_matmul_of_larger_matrices_in_any_layout(shapes):
    x, y = (draw(shape, key=k) for k, shape in enumerate(shapes))
    expected = np.matmul(x, y)
    for a in (x, np.asfortranarray(x), np.repeat(x, 2, -1)[..., ::2], x[..., ::-1].copy()[..., ::-1]):
        for b in (y, np.asfortranarray(y), np.repeat(y, 2, 0)[::2]):
            np.testing.assert_allclose(mg.matmul(a, b).array, expected, rtol=1e-12, atol=1e-12)
            single = mg.matmul(a.astype(np.float32, order="K"), b.astype(np.float32, order="K"))
            assert single.dtype == np.float32
            np.testing.assert_allclose(single.array, expected, rtol=1e-4, atol=1e-4)


def test_matmul_by_its_other_names_and_from_either_side():
    x = mg.tensor(draw((2, 3)), requires_grad=True)
    y = draw((3, 2))
    for out in (x.matmul(y), x.mm(y), mg.matmul(x, y), np.matmul(x, y)):
        np.testing.assert_allclose(out.array, x.array @ y)
    np.testing.assert_allclose((y @ x).array, y @ x.array)
    np.testing.assert_allclose((y.tolist() @ x).array, y @ x.array)
    np.testing.assert_allclose(x.mv(y[:, 0]).array, x.array @ y[:, 0])
    assert (mg.arange(3) @ mg.arange(3)).item() == (mg.arange(3) @ [0, 1, 2]).item() == 5


def test_outer():
    check(mg.outer, np.outer, (3,), (4,))
    check(lambda x, y: x.outer(y), np.outer, (3,), (0,))


EINSUM = {
    "matmul": ("ij,jk->ik", (2, 3), (3, 4)),
    "implicit": ("ij,jk", (2, 3), (3, 4)),
    "implicit, in alphabetical order": ("ba", (2, 3)),
    "implicit trace": ("ii", (3, 3)),
    "trace": ("ii->", (3, 3)),
    "diagonal": ("ii->i", (3, 3)),
    "diagonal of a batch": ("bii->bi", (2, 3, 3)),
    "cube's diagonal": ("iii->i", (3, 3, 3)),
    "two diagonals": ("iijj->ij", (2, 2, 3, 3)),
    "transpose": ("ij->ji", (2, 3)),
    "sum": ("ij->", (2, 3)),
    "sum of rows": ("ij->i", (2, 3)),
    "outer": ("i,j->ij", (2,), (3,)),
    "inner": ("i,i", (3,), (3,)),
    "batched": ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    "bilinear": ("bn,anm,bm->ba", (2, 3), (4, 3, 5), (2, 5)),
    "summed alone in one operand": ("ij,k->i", (2, 3), (4,)),
    "summed alone in both": ("ij,kl->", (2, 3), (4, 5)),
    "three operands": ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    "four operands": ("a,b,c,d->dcba", (2,), (3,), (2,), (1,)),
    "ellipsis": ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    "ellipsis that broadcasts": ("...ij,...jk->...ik", (5, 1, 3, 4), (2, 4, 5)),
    "ellipsis on one side": ("...i,i->...", (2, 3, 4), (4,)),
    "ellipsis summed": ("...i->i", (2, 3, 4)),
    "ellipsis, implicit": ("...i,i", (2, 3), (3,)),
    "ellipsis of nothing": ("...i->...i", (3,)),
    "repeated and shared": ("ii,ij->j", (3, 3), (3, 4)),
    "upper case and spaces": (" I j , jK -> K I ", (2, 3), (3, 4)),
    "a letter of length 1 broadcasts": ("ij,jk->ik", (2, 1), (3, 4)),
    "nothing to sum": ("ij,jk->ik", (2, 0), (0, 4)),
    "an empty batch": ("bi,bi->b", (0, 3), (0, 3)),
    "a scalar": (",i->i", (), (3,)),
    "attention": ("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
}


def numpys(equation, *operands):
    """NumPy's einsum, without its optimizer; a letter of length 1 beside a longer one is broadcast first."""
    if equation == "ij,jk->ik" and operands[0].shape == (2, 1):
        operands = (np.broadcast_to(operands[0], (2, 3)), operands[1])
    if equation == "...i->i":
        return operands[0].sum((0, 1))
    return np.einsum(equation, *operands)


@pytest.mark.parametrize("name", EINSUM)
def test_einsum(name):
    equation, *shapes = EINSUM[name]
    check(lambda *x: mg.einsum(equation, *x), lambda *x: numpys(equation, *x), *shapes)


@given(st.data())
def test_any_einsum_is_numpys(data):
    sizes = dict(zip("abcd", (2, 3, 1, 2), strict=True))
    terms = data.draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    used = sorted(set("".join(terms)))
    output = "".join(data.draw(st.permutations(used))[: data.draw(st.integers(0, len(used)))])
    equation = f"{','.join(terms)}->{output}"
    assume(any(terms))
    shapes = [tuple(sizes[c] for c in term) for term in terms]
    check(lambda *x: mg.einsum(equation, *x), lambda *x: np.einsum(equation, *x), *shapes, second=len(terms) < 3)


def test_einsum_takes_a_list_of_operands():
    x = mg.ones(2, 3)
    assert mg.einsum("ij,kj->ik", [x, x]).tolist() == [[3, 3], [3, 3]]


BAD = {
    "matmul": (lambda: mg.ones(2, 3) @ mg.ones(2, 3), ValueError, r"matmul\(float32\[2, 3\], float32\[2, 3\]\)"),
    "matmul of a scalar": (lambda: mg.ones(2) @ mg.tensor(1.0), ValueError, r"matmul\(float32\[2\], float32\[\]\)"),
    "batches": (lambda: mg.ones(2, 2, 3) @ mg.ones(3, 3, 2), ValueError, "matmul"),
    "outer": (lambda: mg.outer(mg.ones(2, 3), mg.ones(2)), ValueError, r"outer: expected two vectors, .*\(2, 3\)"),
    "operands": (lambda: mg.einsum("ij,jk->ik", mg.ones(2, 3)), ValueError, "2 operands are named, 1 given"),
    "dimensions": (lambda: mg.einsum("ijk->i", mg.ones(2, 3)), ValueError, "'ijk' does not fit an operand of 2"),
    "too few letters": (lambda: mg.einsum("i->i", mg.ones(2, 3)), ValueError, "'i' does not fit an operand of 2"),
    "lengths": (lambda: mg.einsum("ij,jk->ik", mg.ones(2, 3), mg.ones(4, 2)), ValueError, "'j' has lengths 3 and 4"),
    "no diagonal": (lambda: mg.einsum("ii->i", mg.ones(2, 1)), ValueError, "2 and 1 of 'i' have no diagonal"),
    "diagonal": (lambda: mg.einsum("ii->i", mg.ones(2, 3)), ValueError, "lengths 2 and 3|no diagonal"),
    "unknown output": (
        lambda: mg.einsum("i->j", mg.ones(2)),
        ValueError,
        "the output names letters that no operand has",
    ),
    "output twice": (lambda: mg.einsum("i->ii", mg.ones(2)), ValueError, "the output names a letter twice"),
    "signs": (lambda: mg.einsum("i!->i", mg.ones(2)), ValueError, "expected letters, got 'i!'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, kind, message = BAD[name]
    with pytest.raises(kind, match=message):
        call()
