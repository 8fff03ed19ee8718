"""Exact solvers, one optimisation problem a file. NumPy and SciPy only."""
