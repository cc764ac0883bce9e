"""A drawing as text: from the output down, one op a line, in columns where ops are chained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from weft.debug._reading import Item

#: The column in which the shapes begin, at most.
_WIDEST = 46


def drawn(items: Sequence[Item]) -> str:
    """Return the items as an indented list, the outputs first, and then the leaves.

    Leaves stand in the calls that read them. What an op was computed from stands below it: in the
    same column if it is one op, on branches if there are more. What several ops read is shown once,
    with a number, and by that number elsewhere.
    """
    readers = Counter(id(one) for item in items for one in _ops(item))
    lines: list[tuple[str, str]] = []
    numbers: dict[int, int] = {}
    # (item, what stands before it on its line, what stands before what is below it)
    stack = [(item, "", "") for item in reversed(items) if item.roots and item.kind != "leaf"]
    shown: set[int] = set()
    while stack:
        item, lead, below = stack.pop()
        if id(item) in shown:
            lines.append((f"{lead}{item.label}  ^{numbers[id(item)]}", "as above"))
            continue
        shown.add(id(item))
        name = _name(item)
        if readers[id(item)] > 1 or (item.roots and readers[id(item)]):
            numbers[id(item)] = len(numbers) + 1
            name = f"{name}  [{numbers[id(item)]}]"
        lines.append((f"{lead}{name}", _facts(item)))
        inputs = _ops(item)
        if len(inputs) == 1:
            stack.append((inputs[0], below, below))
            continue
        for place, one in reversed(list(enumerate(inputs))):
            last = place == len(inputs) - 1
            stack.append(
                (one, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))
            )
    leaves = [item for item in items if item.kind == "leaf"]
    lines += [(item.label, f"{item.kind_of}  leaf".strip()) for item in leaves]
    column = min(max((len(left) for left, _ in lines), default=0), _WIDEST)
    return "\n".join(f"{left:<{column}}  {right}".rstrip() for left, right in lines)


def bytes_of(count: int) -> str:
    """Return a number of bytes with its unit."""
    for unit, power in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if count >= 1 << power:
            return f"{count / (1 << power):.3g} {unit}"
    return f"{count} B"


def _ops(item: Item) -> list[Item]:
    """Return what an item was computed from, each once, leaves left out."""
    return list({id(one): one for one in item.inputs if one.kind != "leaf"}.values())


def _name(item: Item) -> str:
    detail = item.detail(named=True)
    name = f"{item.label}({detail})" if detail else item.label
    return f"{' = '.join(item.roots)} = {name}" if item.roots else name


def _facts(item: Item) -> str:
    facts = [item.kind_of] if item.kind_of else []
    if item.saved:
        facts.append(f"saves {bytes_of(item.saved)}")
    if item.kind == "folded" and item.hint:
        facts.append(item.hint[0])
    return "  ".join(facts)
