"""Marks for tests of one part of the CPU engine, which are skipped where it is off or missing."""

from __future__ import annotations

import pytest

from weft._backend.cpu import engine, language
from weft._backend.cpu import onednn as library

#: Tests whose claim is about generated machine code; what runs without it is tested elsewhere.
codegen = pytest.mark.skipif(
    not language.usable(),
    reason=f"needs generated code: {engine.why_no_codegen() or 'WEFT_CODEGEN switches it off'}",
)
#: Tests whose claim is about oneDNN.
onednn = pytest.mark.skipif(
    not library.usable(),
    reason=f"needs oneDNN: {engine.why_no_onednn() or 'WEFT_ONEDNN switches it off'}",
)
