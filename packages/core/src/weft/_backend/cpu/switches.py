"""The engine's switches: which of its parts may be used, read each time one is about to be.

Read them as ``switches.onednn``, never by ``from``: ``weft.backends`` turns them while a program
runs. The environment gives the first value; 0, false, off and no mean off.
"""

from __future__ import annotations

import os


def _said(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() not in {"0", "false", "off", "no"}


#: Whether oneDNN may run convolutions and matrix products.
onednn: bool = _said("WEFT_ONEDNN")
#: Whether generated machine code may run.
codegen: bool = _said("WEFT_CODEGEN")
#: Whether weights that are not being trained may be kept in oneDNN's order beside themselves.
packing: bool = _said("WEFT_PACKING")
#: Whether the allocator's settings may be changed; they are when weft is imported, or never.
malloc: bool = _said("WEFT_MALLOC")
