"""Dims moved, split and merged as a pattern of names says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from weft._core.errors import ShapeError
from weft._core.tensor import Tensor

#: A dim of a pattern: a name, "1" or "...", alone or several of them in parentheses.
Group = tuple[str, ...]
_TOKEN = re.compile(r"\.\.\.|[()]|\w+|\S")
_REST = "..."
#: The rest as the dims that it is; "(...)", which is equal but another object, is one dim.
_APART: Group = (_REST,)


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """Move, split and merge dims by a pattern such as ``"b c (h s) -> b h (s c)"``.

    On the left stand the tensor's dims, on the right the result's, by name. Names in parentheses
    are one dim, the last name running fastest. ``...`` stands for any dims, ``1`` or ``()`` for one
    of length 1.

    Args:
        tensor: the tensor; a list of tensors of one shape counts as stacked along a first dim.
        pattern: ``left -> right``, with the same names on both sides, each once.
        axes_lengths: lengths of names in parentheses; one in each may be left out.

    Returns:
        Tensor: a view where that is possible, else a copy.

    Raises:
        ValueError: the pattern is malformed, or a name stands on one side only, twice or nowhere.
        ShapeError: the pattern does not fit the tensor's shape.

    Example:
        >>> weft.func.rearrange(weft.zeros(2, 6, 5), "b (h s) c -> b h (s c)", h=3).shape
        weft.Size([2, 3, 10])

    Source: Rogozhnikov, "Einops: clear and reliable tensor manipulations with Einstein-like
    notation", ICLR 2022.
    """
    x: Any = tensor
    if not isinstance(tensor, Tensor):
        from weft.ops.joining import stack

        x = stack(list(tensor), 0)
    left, right = _sides(pattern, axes_lengths)
    shape = tuple(x.shape)
    names, lengths = _lengths(pattern, left, shape, axes_lengths)
    split = x.reshape(tuple(n for name in names for n in lengths[name]))
    first: dict[str, list[int]] = {}
    at = 0
    for name in names:
        first[name] = list(range(at, at + len(lengths[name])))
        at += len(lengths[name])
    order = [d for group in right for name in group for d in first[name]]
    whole: list[int] = []
    for group in right:
        own = [n for name in group for n in lengths[name]]
        # alone the rest stays as many dims as it was
        whole += own if group is _APART else [math.prod(own)]
    out: Tensor = split.permute(tuple(order)).reshape(tuple(whole))
    return out


def _sides(pattern: str, given: dict[str, int]) -> tuple[list[Group], list[Group]]:
    """Return the groups on both sides of a pattern, with dims of length 1 as empty groups."""
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: expected one '->' in the pattern, got {pattern!r}")
    left, right = (_groups(pattern, side) for side in sides)
    names = [[name for group in side for name in group] for side in (left, right)]
    for own in names:
        twice = sorted({name for name in own if own.count(name) > 1})
        if twice:
            raise ValueError(f"rearrange: {', '.join(twice)} stands twice on a side of {pattern!r}")
    one_sided = sorted(set(names[0]) ^ set(names[1]))
    if one_sided:
        raise ValueError(
            f"rearrange: {', '.join(one_sided)} stands on one side only of {pattern!r}"
        )
    unknown = sorted(set(given) - set(names[0]))
    if unknown:
        raise ValueError(f"rearrange: {', '.join(unknown)} stands nowhere in {pattern!r}")
    return left, right


def _groups(pattern: str, side: str) -> list[Group]:
    out: list[Group] = []
    inside: list[str] | None = None
    for token in _TOKEN.findall(side):
        if token == "(" and inside is None:
            inside = []
        elif token == ")" and inside is not None:
            out.append(tuple(inside))
            inside = None
        elif token == "1":
            if inside is None:
                out.append(())
        elif token == _REST or token.isidentifier():
            if inside is None:
                out.append(_APART if token == _REST else (token,))
            else:
                inside.append(token)
        else:
            raise ValueError(
                f"rearrange: {token!r} cannot stand there in {pattern!r}; a dim is a name, 1, ... "
                f"or names in one pair of parentheses"
            )
    if inside is not None:
        raise ValueError(f"rearrange: a parenthesis is not closed in {pattern!r}")
    return out


def _lengths(
    pattern: str, groups: list[Group], shape: tuple[int, ...], given: dict[str, int]
) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    """Return the names on the left in order, and the lengths of the dims of each."""
    rest = len(shape) - len(groups) + 1 if _APART in groups else None
    if any(_REST in group and group is not _APART for group in groups):
        raise ValueError(
            f"rearrange: on the left ... stands alone, as how many dims it is must be known, "
            f"got {pattern!r}"
        )
    if (rest is None and len(groups) != len(shape)) or (rest is not None and rest < 0):
        raise ShapeError(
            f"rearrange: {pattern!r} has {len(groups)} dims on the left, the tensor has shape "
            f"{shape}"
        )
    names: list[str] = []
    lengths: dict[str, tuple[int, ...]] = {}
    at = 0
    for group in groups:
        if group is _APART:
            lengths[_REST] = shape[at : at + (rest or 0)]
            names.append(_REST)
            at += rest or 0
            continue
        length = shape[at]
        open_names = [name for name in group if name not in given]
        known = math.prod(given[name] for name in group if name in given)
        if len(open_names) > 1:
            raise ValueError(
                f"rearrange: the lengths of {', '.join(open_names)} in {pattern!r} cannot be told "
                f"from one length {length}; pass all but one, as {open_names[0]}=..."
            )
        fits = length % known == 0 if open_names and known else length == known
        if not fits:
            parts = " ".join(f"{name}={given.get(name, '?')}" for name in group)
            raise ShapeError(
                f"rearrange: dim {at} of length {length} does not divide into ({parts}) of "
                f"{pattern!r}"
            )
        for name in group:
            lengths[name] = (given.get(name, length // known if known else 0),)
            names.append(name)
        at += 1
    return names, lengths
