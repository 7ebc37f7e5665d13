"""The study: why does a convolution sum over its input channels? `python -m minigrad.study` runs it."""
