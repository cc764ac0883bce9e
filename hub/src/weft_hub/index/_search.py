"""Search: which entries fit, the best first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from weft_hub._texts.quantities import parse_size
from weft_hub.card import Card
from weft_hub.errors import SettingError

_WORD = re.compile(r"[^\W_]+")
# By where a word stands: what it is worth there whole, as a beginning, and inside another word.
_WORTH = {"name": (100, 60, 30), "task": (40, 20, 8), "summary": (16, 8, 2),
          "authors": (12, 6, 0), "text": (4, 2, 0)}  # fmt: skip
_MISSPELT_WORTH = 5
_NEAR = 0.8


def search(
    cards: Iterable[Card],
    text: str | None = None,
    *,
    task: str | None = None,
    license: str | None = None,
    max_size: int | str | None = None,
) -> list[Card]:
    """Return the cards that fit, the best first, equally good ones by name.

    Every word of `text` must be found: in the name, the task, the summary, among the authors or in
    the model card, counting for less in this order; a word that no card has counts for the name or
    task that it nearly spells.

    Raises:
        SettingError: the licence is none, or the size is below zero.
    """
    if isinstance(max_size, str):
        try:
            max_size = parse_size(max_size)
        except ValueError as error:
            raise SettingError(f"the largest size {error}") from error
    if max_size is not None and max_size < 0:
        raise SettingError(f"the largest size must be at least 0 bytes, but is {max_size}")
    wanted = _licences_asked(license) if license is not None else None
    fit = [
        card
        for card in cards
        if (task is None or card.task == task)
        and (wanted is None or wanted <= licences(card.license))
        and (max_size is None or card.size <= max_size)
    ]
    words = [word.casefold() for word in _WORD.findall(text or "")]
    if not words:
        return sorted(fit, key=lambda card: card.name) if not (text or "").strip() else []
    worths = {card.name: _worth(card, words) for card in fit}
    if text is not None:
        for card in fit:  # the name itself, spelled out, is what was meant
            if text.strip().casefold() in (card.name, card.name.partition("/")[2]):
                worths[card.name] += 1000
    found = [card for card in fit if worths[card.name] > 0]
    return sorted(found, key=lambda card: (-worths[card.name], card.name))


def licences(expression: str) -> frozenset[str]:
    """Return the licences that an SPDX expression names, in small letters."""
    words = re.findall(r"[A-Za-z0-9.+-]+", expression)
    return frozenset(word.lower() for word in words if word not in ("AND", "OR", "WITH"))


def _licences_asked(text: str) -> frozenset[str]:
    from packaging.licenses import (  # its table of licences takes time to load
        InvalidLicenseExpression,
        canonicalize_license_expression,
    )

    try:
        return licences(canonicalize_license_expression(text))
    except InvalidLicenseExpression as error:
        raise SettingError(
            f"a licence must be an SPDX expression, such as MIT or Apache-2.0, but is {text!r}"
        ) from error


def _worth(card: Card, words: Sequence[str]) -> int:
    fields = {
        "name": _words(card.name),
        "task": _words(card.task),
        "summary": _words(card.summary),
        "authors": _words(" ".join(card.authors)),
        "text": _words(card.text),
    }
    worths = [_worth_of_word(word, fields) for word in words]
    return sum(worths) if all(worths) else 0


def _worth_of_word(word: str, fields: dict[str, frozenset[str]]) -> int:
    best = 0
    for field, known in fields.items():
        whole, beginning, inside = _WORTH[field]
        if word in known:
            best = max(best, whole)
        elif any(one.startswith(word) for one in known):
            best = max(best, beginning)
        elif inside and len(word) >= 3 and any(word in one for one in known):
            best = max(best, inside)
    if not best and len(word) >= 4:
        near = difflib.get_close_matches(word, fields["name"] | fields["task"], 1, _NEAR)
        best = _MISSPELT_WORTH if near else 0
    return best


def _words(text: str) -> frozenset[str]:
    """Return the words of a text, and each run of letters and digits of a hyphenated one."""
    folded = text.casefold()
    joined = {re.sub(r"[^\w]|_", "", part) for part in re.findall(r"[\w.-]+", folded)}
    return frozenset(_WORD.findall(folded)) | frozenset(filter(None, joined))
