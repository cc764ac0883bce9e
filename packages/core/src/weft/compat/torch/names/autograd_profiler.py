"""``torch.autograd.profiler``: what marks ranges for tools of GPUs' makers, which weft does not."""

from weft.compat.torch._refusing import Refused

__all__ = ["emit_itt", "emit_nvtx"]


class emit_nvtx(Refused):
    """For annotations: `weft.profiler` measures by itself."""

    module = "torch.autograd.profiler"
    sentence = "weft marks no ranges for other tools; weft.profiler measures and draws by itself"


class emit_itt(emit_nvtx):
    """For annotations."""
