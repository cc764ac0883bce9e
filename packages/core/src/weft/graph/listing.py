"""What nodes may call, for people: one line for each function."""

from __future__ import annotations

__all__ = ["functions"]


def functions() -> dict[str, str]:
    """Return the functions that a graph may call: the signature of each by its name.

    In a signature, tensors stand before the semicolon and settings with their kinds after it.
    `name?` may be absent, `name~` may be a number, `name*` is any number of tensors, and `-> 2`
    counts the results where they are not one.

    Example:
        >>> import weft
        >>> weft.graph.functions()["conv2d"][:50]
        'conv2d(input, weight, bias?; stride?: ints, paddin'
    """
    from weft.graph._allowed import FUNCTIONS

    return {name: function.line for name, function in FUNCTIONS.items()}
