"""Numerical kernels on NumPy and SciPy alone: arrays in, frozen records out."""
