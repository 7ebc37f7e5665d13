"""Products of matrices, and einsum."""

from __future__ import annotations

from ..calls import Room, x

ROOM = Room("linalg")
add = ROOM.add

for a, b in (
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((5, 2, 3), (3, 4)),
    ((5, 2, 3), (5, 3, 4)),
    ((2, 3), (5, 3, 4)),
    ((2, 1, 2, 3), (5, 3, 4)),
    ((3,), (5, 3, 4)),
    ((5, 2, 3), (3,)),
    ((2, 0), (0, 3)),
):
    add("matmul", x(*a), x(*b))
add("operator.matmul", x(2, 3), x(3, 2))
add("Tensor.matmul", x(2, 3), x(3, 2))
for name, a, b in (("mm", (2, 3), (3, 4)), ("bmm", (2, 2, 3), (2, 3, 4)), ("mv", (2, 3), (3,)), ("dot", (3,), (3,))):
    add(f"Tensor.{name}", x(*a), x(*b))
add("outer", x(3), x(4))
add("Tensor.outer", x(2), x(5))
for subscripts, shapes in (
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk", [(2, 3), (3, 4)]),
    ("ii->i", [(3, 3)]),
    ("ii", [(3, 3)]),
    ("ij->", [(2, 3)]),
    ("ij->ji", [(2, 3)]),
    ("i,j->ij", [(2,), (3,)]),
    ("i,i->", [(3,), (3,)]),
    ("bij,bjk->bik", [(2, 3, 4), (2, 4, 2)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 2), (4, 2, 3)]),
    ("...i->...", [(2, 3, 4)]),
    ("i...,i...->...", [(3, 2), (3, 4, 2)]),
    ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
    ("abc,c,ab->b", [(2, 3, 4), (4,), (2, 3)]),
    ("ijj->i", [(2, 3, 3)]),
    ("iij,jk->k", [(3, 3, 2), (2, 4)]),
    ("ij,kl->", [(2, 3), (2, 2)]),
    ("ba", [(2, 3)]),
    ("a,ab,abc->abc", [(2,), (2, 3), (2, 3, 2)]),
    ("nchw,ockl->nohw", [(1, 2, 2, 3), (2, 2, 1, 1)]),
    ("ij,ij->ij", [(2, 1), (2, 3)]),
):
    add("einsum", subscripts, *(x(*s) for s in shapes))
add("cdist", x(2, 3), x(4, 3), compute_mode="donot_use_mm_for_euclid_dist", second=False)
