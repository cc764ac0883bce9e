"""What runs kernels on arrays: which cases each takes, the memory of its results, the call."""
