"""Tensors made in ``inference_mode``: their writes are not counted for the tape, and they say so.

What tells them is the count of writes that such a tensor shares with all that view its memory. The
plain path asks nothing: who saves a tensor reads its count, who writes to one raises it, and this
kind of count refuses both outside of the mode.
"""

from __future__ import annotations

from typing import Any

from weft._core.errors import GradError
from weft._core.modes import here
from weft._core.node import Version, Writes

_new_version = Version.__new__
_new_writes = Writes.__new__


class InferenceWrites(Writes):
    """The count of writes of a tensor made in ``inference_mode``."""

    __slots__ = ("lifted", "own")

    lifted: bool  # whether a transform of functions met it, which may save it
    own: int

    def __init__(self) -> None:
        self.own = 0
        self.writer = ""
        self.lifted = False

    @property
    def count(self) -> int:
        """The count for who saves the tensor, which is allowed within the mode alone."""
        if not self.lifted and not here.inference:
            if not here.differentiating:
                raise GradError(
                    "a tensor that was made in inference_mode cannot be saved for the backward "
                    "pass, since nothing tells whether it has been written to; clone() it first, "
                    "or make it under no_grad"
                )
            self.lifted = True
        return self.own

    @count.setter
    def count(self, value: int) -> None:
        self.own = value

    def so_far(self) -> int:
        """Return the number of writes, whoever asks."""
        return self.own

    def bump(self, writer: str) -> None:
        """Count one write by the op called ``writer``."""
        if not here.inference:
            raise _refused(writer, "")
        self.own += 1
        self.writer = writer


def born(tensor: Any) -> None:
    """Mark a new tensor, if this thread is in the mode."""
    if here.inference:
        writes: Any = _new_writes(InferenceWrites)
        writes.own = 0
        writes.writer = ""
        writes.lifted = False
        version = tensor._version = _new_version(Version)
        version.base = None
        version.writes = writes


def is_inference(tensor: Any) -> bool:
    """Whether a tensor's memory was made in ``inference_mode``."""
    version = tensor._version
    return version is not None and type(version.writes) is InferenceWrites


def check_writable(tensor: Any, writer: str) -> None:
    """Raise a GradError if a tensor of the mode is to be written to outside of it."""
    if is_inference(tensor) and not here.inference:
        raise _refused(writer, f" of shape {tuple(tensor.shape)}")


def _refused(writer: str, which: str) -> GradError:
    return GradError(
        f"{writer}: this tensor{which} was made in inference_mode and cannot be written to in "
        f"place outside of it; clone() it first"
    )
