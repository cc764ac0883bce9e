"""The table of operators: what reads a node, by domain, name and opset."""

from __future__ import annotations

from collections.abc import Callable

from weft.onnx._call import Lower

__all__ = ["OPERATORS", "operator"]

#: (domain, name) -> the opset from which on a reader holds, and the reader, the newest first.
OPERATORS: dict[tuple[str, str], list[tuple[int, Lower]]] = {}


def operator(names: str, *, since: int = 1, domain: str = "") -> Callable[[Lower], Lower]:
    """Enter a function that reads the nodes of one or several operators (separated by spaces).

    Args:
        names: the operators.
        since: the opset from which on it reads them; older ones have a reader of their own.
        domain: the set that they belong to; ONNX's own by default.
    """

    def enter(lower: Lower) -> Lower:
        for name in names.split():
            readers = OPERATORS.setdefault((domain, name), [])
            assert all(version != since for version, _ in readers), f"{name} is there twice"
            readers.append((since, lower))
            readers.sort(key=lambda one: -one[0])
        return lower

    return enter
