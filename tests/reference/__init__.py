"""The independent oracle: calls stated once, run through PyTorch and through minigrad."""
