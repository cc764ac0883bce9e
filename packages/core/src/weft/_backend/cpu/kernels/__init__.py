"""Kernels in the kernel language, one topic a file: never run by Python, see ``language``."""
