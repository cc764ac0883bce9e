"""``torch.nn.attention``: the choice between kernels of attention, of which weft has one."""

from weft.nn.attention_backends import SDPBackend, sdpa_kernel

__all__ = ["SDPBackend", "sdpa_kernel"]
