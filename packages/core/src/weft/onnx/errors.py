"""The errors of weft.onnx."""

from __future__ import annotations

from collections.abc import Mapping

from weft.io import FormatError
from weft.io.errors import shown

__all__ = ["OnnxError", "UnsupportedFunctionsError", "UnsupportedOperatorsError", "plain"]


def plain(name: str) -> str:
    """Return a name out of a file as messages show it: as it is, or escaped where it is odd."""
    return name if name.isidentifier() or name.replace(".", "").isidentifier() else shown(name)


class OnnxError(FormatError):
    """A file is no ONNX model, breaks a rule of the format, or asks for what weft has not."""


class UnsupportedOperatorsError(OnnxError):
    """A model has operators that weft does not know; the message lists all of them.

    Attributes:
        counts: how many nodes of the model have each, by name.
    """

    def __init__(self, origin: str, counts: Mapping[str, int]) -> None:
        self.counts = dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
        listed = ", ".join(f"{plain(name)} ({count})" for name, count in self.counts.items())
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
