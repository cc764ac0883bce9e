"""``torch.torch_version``: a version that is a string and compares by its numbers."""

from __future__ import annotations

from weft.compat.torch.names.version import __version__ as _version

__all__ = ["TorchVersion"]


def _numbers(version: object) -> tuple[int, ...]:
    """Return the release of a version: ``"2.13.0+weft"`` gives ``(2, 13, 0)``."""
    parts = version if isinstance(version, tuple) else str(version).partition("+")[0].split(".")
    found = []
    for part in parts:
        digits = "".join(letter for letter in str(part) if letter.isdigit())
        found.append(int(digits) if digits else 0)
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)


class TorchVersion(str):
    """A version that compares with strings and tuples: ``torch.__version__ >= (2, 0)``."""

    def __lt__(self, other: object) -> bool:
        return _numbers(self) < _numbers(other)

    def __le__(self, other: object) -> bool:
        return _numbers(self) <= _numbers(other)

    def __gt__(self, other: object) -> bool:
        return _numbers(self) > _numbers(other)

    def __ge__(self, other: object) -> bool:
        return _numbers(self) >= _numbers(other)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str) and str.__eq__(self, other):
            return True
        return isinstance(other, (str, tuple)) and _numbers(self) == _numbers(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


__version__ = TorchVersion(_version)
