"""minigrad: a tiny reverse-mode autodiff engine in NumPy. The public names and nothing else."""
