"""The catalogue page as a reader uses it: its own script, run by an engine over the real index."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from docs import catalogue
from tests.project.browser import Page
from tests.project.test_catalogue import GUIDE, cards
from weft_hub.card import Card

SCRIPT = (GUIDE / "assets" / "catalogue.js").read_text("utf-8")
NOTHING = {"text": "", "task": "", "licence": "", "size": ""}


def opened(shown: Sequence[Card] | None = None) -> Page:
    return Page(catalogue.catalogue(cards() if shown is None else shown), SCRIPT)


@pytest.fixture(scope="module")
def page() -> Page:
    return opened()


def fitting(text: str = "", task: str = "", licence: str = "", size: str = "") -> list[str]:
    """The names that the fields ask for, told from the cards alone."""
    found = []
    for card in cards():
        told = " ".join([card.name, card.summary, card.task, card.license, *card.authors]).lower()
        if (
            all(word in told for word in text.lower().split())
            and task in ("", card.task)
            and licence in ("", card.license)
            and (not size or card.size <= int(size))
        ):
            found.append(card.name)
    return sorted(found)


def said(count: int) -> str:
    return "no model fits" if not count else f"{count} model{'s' if count > 1 else ''}"


def test_the_script_shows_the_form_the_buttons_and_every_model(page: Page) -> None:
    page.fill(**NOTHING)
    assert page.get("document.getElementById('catalogue-form').hidden") is False
    assert page.get("shown()") == sorted(card.name for card in cards())
    assert page.get("field('count').textContent") == said(len(cards()))
    hidden = "document.body.querySelectorAll('button[data-copy]').filter((one) => one.hidden)"
    assert page.get(f"{hidden}.length") == 0


def test_words_are_searched_in_any_order_and_in_any_letters(page: Page) -> None:
    one = cards()[0]
    words = one.summary.split()
    for text in (one.name, one.name.upper(), f"  {words[-1]}   {words[0]} ", one.authors[0]):
        page.fill(**{**NOTHING, "text": text})
        assert one.name in page.get("shown()")
        assert page.get("shown()") == fitting(text)
        assert page.get("field('count').textContent") == said(len(fitting(text)))


def test_every_choice_of_text_task_licence_and_size_together(page: Page) -> None:
    tasks = ["", *sorted({card.task for card in cards()})]
    licences = ["", *sorted({card.license for card in cards()})]
    sizes = page.get("field('size').children.map((one) => one.attributes.value)")
    counts = set()
    for text, task, licence, size in itertools.product(
        ["", "vision", "Net 20", "pitch"], tasks, licences, sizes
    ):
        page.fill(text=text, task=task, licence=licence, size=size)
        expected = fitting(text, task, licence, size)
        assert page.get("shown()") == expected, (text, task, licence, size)
        assert page.get("field('count').textContent") == said(len(expected))
        counts.add(len(expected))
    assert {0, 1, 2, len(cards())} <= counts  # or the choices compared little


def test_where_nothing_fits_it_is_said_and_clearing_shows_all(page: Page) -> None:
    page.fill(**{**NOTHING, "text": "no-such-model"})
    assert page.get("shown()") == []
    assert page.get("field('count').textContent") == "no model fits"
    page.do("document.getElementById('catalogue-form').reset(); tick();")
    assert page.get("field('text').value") == ""
    assert page.get("shown()") == fitting()
    assert page.get("field('count').textContent") == said(len(cards()))


def test_models_are_ordered_by_size_and_by_name_again(page: Page) -> None:
    page.fill(**NOTHING, order="size")
    assert page.get("shown()") == [
        card.name for card in sorted(cards(), key=lambda card: (card.size, card.name))
    ]
    moves = page.get("moves")
    page.fill(text="e")
    assert page.get("moves") == moves  # nothing that may have the focus is moved in vain
    page.fill(**NOTHING, order="")
    assert page.get("shown()") == fitting()


@pytest.mark.parametrize("works", [True, False], ids=["clipboard", "no clipboard"])
def test_a_command_is_copied_as_it_stands(works: bool) -> None:
    page = opened()
    name = cards()[-1].name
    for text in (f"weft-hub download {name}", f'model = weft_hub.load("{name}")'):
        page.do(f"copied = []; clipboardWorks = {json.dumps(works)};")
        button = f"copyButton({json.dumps(text)})"
        page.do(f"{button}.dispatch('click');")
        assert page.get("copied") == [text]
        assert page.get(f"{button}.textContent") == "Copied"
        if not works:
            assert page.get(f"focused === {button}") is True
            assert page.get("document.body.querySelectorAll('textarea').length") == 0
        page.do("tick();")
        assert page.get(f"{button}.textContent") == "Copy"


def test_enter_in_the_search_does_not_leave_the_page(page: Page) -> None:
    assert page.get("document.getElementById('catalogue-form').dispatch('submit')") is False


@pytest.mark.parametrize("author", ["Weiß", "İpek", "ΟΔΟΣ", 'A "quoted" & <b>', "山田"])
def test_an_author_is_found_as_the_name_is_written(author: str) -> None:
    first: Any = replace(cards()[0], authors=(author,))
    page = opened([first, *cards()[1:]])
    for text in (author, author.lower()):
        page.fill(**{**NOTHING, "text": text})
        assert page.get("shown()") == [first.name]


def test_an_index_of_one_model_counts_one() -> None:
    page = opened(cards()[:1])
    assert page.get("field('count').textContent") == "1 model"


def test_the_script_leaves_a_page_without_the_form_alone() -> None:
    assert Page("<p>another page</p>", SCRIPT).get("document.body.textContent") == "another page"
