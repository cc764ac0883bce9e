"""The errors of weft.onnx."""

from __future__ import annotations

from collections.abc import Mapping

from weft.io import FormatError
from weft.io.errors import shown

__all__ = ["OnnxError", "UnsupportedFunctionsError", "UnsupportedOperatorsError", "plain"]


def plain(name: str) -> str:
    """Return a name out of a file as messages show it: as it is, or escaped where it is odd."""
    known = name.isidentifier() or name.replace(".", "").isidentifier()
    return name if known and len(name) <= _LONGEST else shown(name)


#: Names of operators and domains that are longer are shown in part, and more of them are counted.
_LONGEST, _MOST = 100, 20


def _listed(counts: Mapping[str, int]) -> str:
    """Return what a message lists of counted names."""
    shown_ones = [f"{plain(name)} ({count})" for name, count in list(counts.items())[:_MOST]]
    left = len(counts) - len(shown_ones)
    return ", ".join(shown_ones) + (f" and {left} more, which .counts has" if left else "")


class OnnxError(FormatError):
    """A file is no ONNX model, breaks a rule of the format, or asks for what weft has not."""


class UnsupportedOperatorsError(OnnxError):
    """A model has operators that weft does not know; the message lists all of them.

    Attributes:
        counts: how many nodes of the model have each, by name.
    """

    def __init__(self, origin: str, counts: Mapping[str, int]) -> None:
        self.counts = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        listed = _listed(self.counts)
        one = len(self.counts) == 1
        super().__init__(
            f"{origin}: {len(self.counts)} {'operator is' if one else 'operators are'} not among "
            f"those that weft.onnx reads: {listed}; weft.onnx.operators() lists what is"
        )


class UnsupportedFunctionsError(OnnxError):
    """A graph calls functions that weft cannot write as ONNX operators; the message lists all.

    Attributes:
        counts: how many nodes of the graph call each, by name, with what of them has no form.
    """

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        listed = ", ".join(f"{name} ({count})" for name, count in self.counts.items())
        super().__init__(
            f"weft.onnx.export: {len(self.counts)} "
            f"{'function has' if len(self.counts) == 1 else 'functions have'} no ONNX form here: "
            f"{listed}; weft.graph.save keeps the graph as it is"
        )
