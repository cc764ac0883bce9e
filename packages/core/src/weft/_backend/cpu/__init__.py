"""The CPU engine: libraries and generated machine code behind the fast kernels of NumPy arrays."""
