"""A run as a program in arrays of NumPy."""
