"""What load_state_dict reports: the names that do not fit, and the error that lists them."""

from __future__ import annotations

import bisect
import difflib
from typing import Any, NamedTuple

_SHOWN = 40  # names of each kind in the message; the attributes hold them all
_SUGGESTED = 20  # names that get a suggestion
_NEIGHBOURS = 8  # candidates on each side, in either order: comparing with all is quadratic


class IncompatibleKeys(NamedTuple):
    """The names that a state_dict lacks and those that the module does not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return (
            f"IncompatibleKeys(missing_keys={self.missing_keys!r}, "
            f"unexpected_keys={self.unexpected_keys!r})"
        )


class Mismatch(NamedTuple):
    """A name whose value cannot be loaded, and why."""

    key: str
    reason: str

    def __str__(self) -> str:
        return f"{self.key} {self.reason}"


class StateDictError(RuntimeError):
    """A state_dict does not fit the module. The module was not changed.

    Attributes:
        missing_keys: names that the module has and the state_dict has not.
        unexpected_keys: names that the state_dict has and the module has not.
        mismatched: what is wrong with the other names, most often the shape.
    """

    def __init__(
        self, module_name: str, keys: IncompatibleKeys, problems: list[Any], *, strict: bool
    ) -> None:
        self.missing_keys = list(keys.missing_keys) if strict else []
        self.unexpected_keys = list(keys.unexpected_keys) if strict else []
        self.mismatched = [str(problem) for problem in problems]
        super().__init__(self._message(module_name))

    def _message(self, module_name: str) -> str:
        parts = [f"the state_dict does not fit {module_name}; nothing was loaded."]
        stripped = self._common_prefix()
        if self.missing_keys:
            parts.append(f"Missing, {len(self.missing_keys)}:")
            parts += self._lines(self.missing_keys, [] if stripped else self.unexpected_keys)
        if self.unexpected_keys:
            parts.append(f"Unexpected, {len(self.unexpected_keys)}:")
            parts += self._lines(self.unexpected_keys, [] if stripped else self.missing_keys)
        if self.mismatched:
            parts.append(f"Wrong, {len(self.mismatched)}:")
            parts += self._lines(self.mismatched, [])
        if stripped:
            parts.append(
                f"The names fit once {stripped!r} is taken off: call "
                f"weft.nn.consume_prefix_in_state_dict_if_present(state_dict, {stripped!r}) first."
            )
        elif self.missing_keys or self.unexpected_keys:
            parts.append("Pass strict=False to load what fits by name.")
        return "\n".join(parts)

    def _common_prefix(self) -> str:
        """What all unexpected names begin with, if without it each is a missing one."""
        if not self.unexpected_keys:
            return ""
        missing = set(self.missing_keys)
        first = self.unexpected_keys[0]
        for name in self.missing_keys:
            prefix = first.removesuffix(name)
            if prefix != first and prefix.endswith("."):
                cut = len(prefix)
                if all(k.startswith(prefix) and k[cut:] in missing for k in self.unexpected_keys):
                    return prefix
        return ""

    @staticmethod
    def _lines(names: list[str], others: list[str]) -> list[str]:
        forward, backward = sorted(others), sorted(name[::-1] for name in others)
        lines = []
        for position, name in enumerate(names[:_SHOWN]):
            close: list[str] = []
            if position < _SUGGESTED:
                near = _around(name, forward)
                near += [other[::-1] for other in _around(name[::-1], backward)]
                close = difflib.get_close_matches(name, near, n=1)
            lines.append(f"  {name} (near: {close[0]})" if close else f"  {name}")
        if len(names) > _SHOWN:
            lines.append(f"  and {len(names) - _SHOWN} more")
        return lines


def _around(name: str, ordered: list[str]) -> list[str]:
    """The names that share the longest beginning with `name`, from a sorted list."""
    place = bisect.bisect(ordered, name)
    return ordered[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]
