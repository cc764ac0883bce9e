"""``torch.profiler``: whether there is one."""

__all__ = ["kineto_available"]


def kineto_available() -> bool:
    """Return True: `weft.profiler` does by itself what Kineto does for PyTorch."""
    return True
