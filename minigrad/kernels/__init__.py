"""Convolution, pooling and what else must be fast, on plain arrays: no Tensor and no gradient is known in this room.

`definition` says what convolutions and poolings are, in the plainest words, and is what the tests compare with.
`windows` says where windows lie, `memory` how arrays lie in memory, and `threads` who does the work. On these stand
`columns` and `pixel_rows`, the two ways to make a convolution a matrix product, and `convolution` with
`input_gradient`, `pooling`, `normalise`, `products`, `elementwise` and `special` (functions by series).

Arrays are logical (N, C, H, W) views of any memory layout. `minigrad.ops` says the calculus and calls what is here.
"""
