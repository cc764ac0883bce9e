"""The parts of the CPU engine: whether each is there, and switches for them, as PyTorch names them.

``weft.backends.mkldnn.enabled = False`` switches oneDNN off, ``with
weft.backends.codegen.flags(enabled=False):`` the code generator within a block. Without them the
same calls run on NumPy.
"""

from weft.backends import codegen, cpu, mkldnn, openmp

__all__ = ["codegen", "cpu", "mkldnn", "openmp"]
