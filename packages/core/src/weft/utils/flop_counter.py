"""How many floating-point operations a model takes, by module, as ``torch.utils.flop_counter``."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from weft.profiler import profile

__all__ = ["FlopCounterMode"]

_WHOLE = "Global"


class FlopCounterMode:
    """Counts the operations of products and convolutions within a block, forward and backward.

    A multiplication and an addition are two. What is cheap beside products (sums, activations,
    norms) is not counted, as in PyTorch.

    Args:
        mods: taken for PyTorch's sake; modules are found as they are called.
        depth: how deep into modules the table goes.
        display: whether the table is printed at the end of the block.
        custom_mapping: formulas of further ops; none can be given here.

    Raises:
        NotImplementedError: custom_mapping has formulas.

    Source: PyTorch's ``torch.utils.flop_counter.FlopCounterMode``.

    Example:
        >>> layer = weft.nn.Linear(3, 4)
        >>> with weft.utils.flop_counter.FlopCounterMode(display=False) as counter:
        ...     y = layer(weft.ones(2, 3))
        >>> counter.get_total_flops()
        48
        >>> counter.get_flop_counts()["Linear"]
        {'affine': 48}
    """

    def __init__(
        self,
        mods: Any = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
    ) -> None:
        if custom_mapping:
            raise NotImplementedError(
                f"FlopCounterMode: custom_mapping= has formulas of {list(custom_mapping)}; weft "
                "counts by its own alone"
            )
        self.depth, self.display = depth, display
        self._counts: dict[str, Counter[str]] = {}
        self._profile: profile | None = None

    def __enter__(self) -> Self:
        from weft.profiler import profile

        self._counts = defaultdict(Counter)
        self._profile = profile(with_flops=True, with_modules=True)
        self._profile.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        assert self._profile is not None
        self._profile.__exit__(*raised)
        for event in self._profile.events():
            if event.flops:
                self._counts[_WHOLE][event.name] += event.flops
                for name in _modules_around(event):
                    self._counts[name][event.name] += event.flops
        self._profile = None
        if self.display and raised[0] is None:
            print(self.get_table(self.depth))

    def get_total_flops(self) -> int:
        """Return how many operations the block took."""
        return sum(self._counts.get(_WHOLE, Counter()).values())

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """Return the operations by op, of each module (by its path) and of everything."""
        return {name: dict(counts) for name, counts in self._counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """Return a table of the modules, down to a depth, and of each one's ops."""
        deepest = self.depth if depth is None else depth
        rows = [("Module", "FLOP", "% Total")]
        whole = self.get_total_flops()
        for name in [_WHOLE, *sorted(set(self._counts) - {_WHOLE})]:
            level = 0 if name == _WHOLE else name.count(".") + 1
            if level > deepest or name not in self._counts:
                continue
            counts = self._counts[name]
            rows.append((" " * level + name, *_said(sum(counts.values()), whole)))
            for op, count in sorted(counts.items()):
                rows.append((" " * level + f" - {op}", *_said(count, whole)))
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join(line.rstrip() for line in lines)


def _modules_around(event: Any) -> set[str]:
    """Return the paths of the modules in whose call, or its backward pass, something happened."""
    found: set[str] = set()
    one = event
    while one is not None:
        if one.kind == "module":
            found.add(one.name.partition(" ")[0])
        one = one.forward if one.kind == "backward" and one.forward else one.cpu_parent
    return found


def _said(count: int, whole: int) -> tuple[str, str]:
    """Return a count in thousands, millions and so on, and its part of the whole."""
    power = min((len(str(count)) - 1) // 3, 4)
    size = f"{count / 1000**power:.3f}{'KMBT'[power - 1]}" if power else str(count)
    return size, f"{100 * count / whole:.2f}%"
