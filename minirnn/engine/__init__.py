"""The tiny autograd engine: NumPy only; it knows no layer and no reading."""
