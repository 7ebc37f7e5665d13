"""Images in another size or order, sequences, windows as columns, and normalisation of examples."""

from __future__ import annotations

from typing import Any

from ..calls import Room, constant, distinct, positive, x

F = "nn.functional."
ROOM = Room("resampling")
add = ROOM.add

for mode in ("nearest", "nearest-exact", "bilinear", "bicubic", "area"):
    for size in (2, (7, 9), (3, 5), (6, 8), (1, 1)):
        add(F + "interpolate", x(2, 3, 3, 4), size, mode=mode)
    for factor in (2, 1.7, (0.7, 2.0), (2.0, 3.0)):
        add(F + "interpolate", x(2, 2, 3, 4), scale_factor=factor, mode=mode)
    add(F + "interpolate", x(1, 1, 3, 5), scale_factor=1.3, mode=mode, recompute_scale_factor=True)
for mode in ("bilinear", "bicubic"):
    for size in (2, (7, 9), (3, 5), (1, 8)):
        add(F + "interpolate", x(2, 3, 3, 4), size, mode=mode, align_corners=True)
    add(F + "interpolate", x(2, 2, 3, 4), scale_factor=2.0, mode=mode, align_corners=True)
for mode in ("nearest", "linear", "area"):
    add(F + "interpolate", x(2, 3, 5), 7, mode=mode)
    add(F + "interpolate", x(2, 3, 5), scale_factor=0.5, mode=mode)
for mode in ("nearest", "trilinear"):
    add(F + "interpolate", x(1, 2, 2, 3, 2), (3, 5, 4), mode=mode)
add(F + "upsample", x(1, 2, 2, 3), scale_factor=2)
add(F + "pixel_shuffle", x(2, 8, 2, 3), 2)
add(F + "pixel_shuffle", x(9, 2, 3), 3)
add(F + "pixel_unshuffle", x(2, 2, 4, 6), 2)
add(F + "channel_shuffle", x(2, 6, 2, 3), 3)
for options in ({}, {"stride": 2}, {"padding": 1}, {"dilation": 2}, {"stride": (1, 2), "padding": (1, 0)}):
    add(F + "unfold", x(2, 3, 5, 6), (2, 3), **options)
    add(F + "unfold", x(3, 5, 6), 2, **options)
add(F + "fold", x(2, 12, 12), (4, 5), 2)
add(F + "fold", x(12, 12), (4, 5), 2)
add(F + "fold", x(1, 8, 6), (5, 8), 2, padding=1, stride=3)
add(F + "conv_transpose1d", x(2, 3, 5), x(3, 2, 4), x(2), stride=2, padding=1, output_padding=1)
add(F + "conv_transpose1d", x(2, 4, 5), x(4, 3, 3), groups=2, dilation=2)
add(F + "conv_transpose1d", x(3, 5), x(3, 2, 4))
for options in ({}, {"stride": 1}, {"padding": 1, "ceil_mode": True}):
    add(F + "max_pool1d", distinct(2, 3, 7), 3, **options)
    add(F + "avg_pool1d", x(2, 3, 7), 3, **options)
add(F + "max_pool1d", distinct(3, 8), 2, dilation=2, return_indices=True)
add(F + "avg_pool1d", x(3, 8), (3,), padding=1, count_include_pad=False)
add(F + "adaptive_avg_pool1d", x(2, 3, 7), 3)
add(F + "adaptive_max_pool1d", distinct(2, 3, 7), 3)
add(F + "adaptive_max_pool1d", distinct(2, 3, 6), 2, return_indices=True)


def unpool(library: Any, a: Any, pool: str, back: str, size: Any) -> Any:
    """Pooling and back: the largest elements at their places."""
    functional = library.nn.functional
    values, places = getattr(functional, pool)(a, 2, return_indices=True)
    return getattr(functional, back)(values * values, places, 2, output_size=size)


add(unpool, distinct(2, 3, 4, 6), "max_pool2d", "max_unpool2d", None)
add(unpool, distinct(2, 3, 5, 7), "max_pool2d", "max_unpool2d", (2, 3, 5, 7))
add(unpool, distinct(2, 3, 5, 7), "max_pool2d", "max_unpool2d", (5, 7))
add(unpool, distinct(2, 3, 8), "max_pool1d", "max_unpool1d", None)
add(F + "instance_norm", x(2, 3, 4))
add(F + "instance_norm", x(2, 3, 2, 3), None, None, positive(3), x(3), eps=1e-3)
add(F + "instance_norm", x(2, 3, 4), constant(x(3)), constant(positive(3)), use_input_stats=False)
add(F + "rms_norm", x(2, 3, 4), (4,))
add(F + "rms_norm", x(2, 3, 4), (3, 4), positive(3, 4), 1e-3)
add(F + "local_response_norm", x(2, 5, 3), 3)
add(F + "local_response_norm", x(2, 5, 2, 3), 4, alpha=0.1, beta=0.5, k=2.0)
