"""What is particular to CUDA: the text of kernels that run there."""
