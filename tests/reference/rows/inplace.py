"""Recorded change in place: of a result, through a view into its source, and of the source below a view."""

from __future__ import annotations

from typing import Any

from ..calls import Room, index, mask, positive, unit, x

ROOM = Room("inplace")
add = ROOM.add


def of_result(library: Any, a: Any, name: str, *args: Any, **options: Any) -> Any:
    """A result changes; what used it before and what uses it after."""
    y = a * 2
    before = y + 1
    same = getattr(y, name)(*args, **options)
    return before, same, (y * a)


def through_view(library: Any, a: Any, name: str, *args: Any, **options: Any) -> Any:
    """A row of a result changes; the source, the row and another view of the same memory."""
    y = a * 2
    row, flat = y[0], y.view(-1)
    getattr(row, name)(*args, **options)
    return y * a, row * row, flat.cumsum(0)


def below_view(library: Any, a: Any, name: str, *args: Any, **options: Any) -> Any:
    """A result changes; a view that was made before follows."""
    y = a * 2
    column = y.transpose(0, 1)[1:]
    getattr(y, name)(*args, **options)
    return column * column, y


def filled(library: Any, a: Any, b: Any) -> Any:
    """A buffer that no gradient led to is filled part by part."""
    out = library.zeros(3, 2, dtype=a.dtype)
    out[0] = a
    view = out[1]
    out[2] = out[0] + a * b
    view += b
    out[:, 1] *= 3
    return out, view


def looped(library: Any, a: Any, b: Any) -> Any:
    """`x += y`, `x *= y` and their kin in a loop, as a script writes them."""
    total = a * 1
    for step in range(1, 4):
        total += b * step
        total *= 0.5
        total -= a / step
        total /= 1.5
        total **= 2
    return total


def written(library: Any, a: Any, b: Any, key: Any) -> Any:
    """`x[key] = v` and `x[key] += v`."""
    y, z = a * 1, a * 1
    y[key] = b
    z[key] += b
    return y, z, y * z


def of_itself(library: Any, a: Any) -> Any:
    """A change whose operand lies in the same memory."""
    y = a * 1
    y[1:] += y[:-1].clone()
    y[0].add_(y[1])
    y.mul_(y.clone())
    return y


def unrecorded(library: Any, a: Any, name: str, *args: Any) -> Any:
    """A change where nothing asks for a gradient."""
    y = a.detach().clone()
    return getattr(y[1:], name)(*args), y


def reshaped(library: Any, a: Any) -> Any:
    """Changes of the shape alone, before and after changes of the elements."""
    y = a * 2
    y.mul_(a).unsqueeze_(0)
    y.squeeze_(0).transpose_(0, 1)
    y.add_(1).t_()
    return y, y * a


NUMBERS = "sqrt_ rsqrt_ log_ reciprocal_"
PLAIN = "abs_ ceil_ cos_ erf_ exp_ floor_ neg_ relu_ round_ sigmoid_ sign_ sin_ square_ tan_ tanh_ tril_ triu_ trunc_"
BINARY = "add_ sub_ subtract_ mul_ multiply_ div_ divide_ true_divide_"
for program in (of_result, through_view, below_view):
    for name in PLAIN.split():
        if program is not through_view or name not in ("tril_", "triu_"):
            add(program, x(2, 3), name)
    for name in NUMBERS.split():
        add(program, positive(2, 3), name)
    for name in BINARY.split():
        add(program, x(2, 3), name, positive(3))
    add(program, x(2, 3), "add_", x(3), alpha=2)
    add(program, positive(2, 3), "pow_", 2.5)
    add(program, x(2, 3), "remainder_", 0.75)
    add(program, x(2, 3), "clamp_", -0.5, 0.5)
    add(program, x(2, 3), "clip_", min=-0.5)
    add(program, x(2, 3), "masked_fill_", mask(3), 2.0)
    add(program, x(2, 3), "fill_", 1.5)
    add(program, x(2, 3), "zero_")
    add(program, x(2, 3), "copy_", x(3))
for name in ("floor_divide_", "mul_", "fill_"):
    add(unrecorded, x(2, 3), name, 0.75)
add(filled, x(2), x(2))
add(looped, unit(3), unit(3))
for key in (0, slice(1, None), (slice(None), 1), (..., -1), [0, 2], ([0, 2], [1, 0]), None):
    add(written, x(3, 2), x(), key)
add(written, x(3, 2), x(2), slice(None))
add(written, x(3, 2), x(2, 2), [2, 0])
add(written, x(3, 2), x(), index(3, 2))
add(written, x(3, 2), x(), mask(3))
add(reshaped, x(2, 3))
add(of_result, x(2, 3), "lerp_", x(2, 3), 0.25)
add(of_result, x(2, 3), "addcmul_", x(3), x(2, 3), value=0.5)
add(of_result, x(2, 3), "addcdiv_", x(3), positive(2, 3), value=0.5)
add(of_itself, x(3, 2))
add(of_result, x(2, 3), "div_", positive(3), rounding_mode="floor")


def below_reshaped(library: Any, a: Any, name: str, *args: Any) -> Any:
    """A view from before its source changed its shape, read after a change of the source and written into it."""
    y, z = a * 2, a * 2
    row, other = y[0], z[0]
    getattr(y, name)(*args)
    y.mul_(3)
    getattr(z, name)(*args)
    z.add_(1)
    other.mul_(5)
    z.mul_(z.clone())
    return row * row, y * 1, z * 1, other * other


for name, args in (("unsqueeze_", (0,)), ("squeeze_", ()), ("t_", ()), ("transpose_", (0, 1))):
    add(below_reshaped, x(2, 3), name, *args)
add(below_reshaped, x(1, 3), "squeeze_")


def resized(library: Any, a: Any) -> Any:
    """Memory of another shape, of which a part is kept, then filled."""
    y = a.detach().clone()
    return y.resize_(2, 2).clone(), y.resize_as_(library.zeros(3)).clone(), library.empty(0).resize_as_(a).copy_(a)


add(resized, x(2, 3))
