"""The array libraries under weft: the only package that imports NumPy and CuPy."""

from weft._backend.cpu import allocator
from weft._backend.numpy_ import add_into, asarray, ndarray, np, ones, xp

__all__ = ["add_into", "asarray", "ndarray", "np", "ones", "xp"]

allocator.settle()  # before the first array is made
