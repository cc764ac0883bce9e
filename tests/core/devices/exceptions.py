"""Samples that do not run on a GPU as on the CPU, each with its reason; by the test's id or key."""

#: Results that are made on the CPU, whatever is moved.
ON_CPU = {
    "block_diag-2": "of no tensor it makes one, where tensors are made that name no device",
    "transfer-0": "it is told to copy to the CPU",
}
#: Functions whose values are compared with nothing.
UNDEFINED = {
    "empty": "what its memory held",
    "empty_like": "what its memory held",
    "empty_permuted": "what its memory held",
    "empty_strided": "what its memory held",
}
