"""The array libraries under weft: the only package that imports NumPy and CuPy."""

from weft._backend.numpy_ import asarray, ndarray, np, quiet, xp

__all__ = ["asarray", "ndarray", "np", "quiet", "xp"]
