"""The web catalogue shows every model of the index; a browser obeys nothing of a card."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docs import catalogue
from weft_hub._texts.quantities import show_size
from weft_hub.card import Card
from weft_hub.index import Index, builtin_index

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "guide"

TEXT_TAGS = {
    *("p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong"),
    *("a", "br", "hr", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {("a", "href"), ("a", "title"), ("a", "rel"), ("code", "class"), ("ol", "start")} | {
    (tag, "style")
    for tag in ("th", "td")  # the alignment of a column, one of three words
}


class Seen(HTMLParser):
    """What a browser would make of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        self.tags.append(("!--", {}))

    def handle_decl(self, decl: str) -> None:
        self.tags.append(("!", {}))

    def handle_pi(self, data: str) -> None:
        self.tags.append(("?", {}))


def cards() -> list[Card]:
    index = Index([builtin_index()])
    return [index.card(name) for name in index.names()]


def is_safe(html: str) -> None:
    for tag, attributes in Seen(html).tags:
        assert tag in TEXT_TAGS, tag
        for name, value in attributes.items():
            assert (tag, name) in ATTRIBUTES, (tag, name)
            if name == "href":
                assert urlsplit(value or "").scheme in ("http", "https"), value
            if name == "style":
                assert value in ("text-align:left", "text-align:right", "text-align:center")


def test_every_model_of_the_index_is_there_with_its_card() -> None:
    shown = Seen(catalogue.catalogue(cards()))
    entries = [attributes for tag, attributes in shown.tags if tag == "article"]
    assert [one["data-name"] for one in entries] == [card.name for card in cards()]
    assert cards(), "the index is empty: this test looks at nothing"
    for card, one in zip(cards(), entries, strict=True):
        assert (one["data-task"], one["data-licence"]) == (card.task, card.license)
        assert one["data-size"] == str(card.size)
        assert card.summary.lower() in (one["data-text"] or "")
        first = next(line for line in card.text.splitlines() if line.startswith("# "))
        for text in (card.name, card.summary, first.removeprefix("# ")):
            assert text in shown.words
    commands = {attributes.get("data-copy") for tag, attributes in shown.tags if tag == "button"}
    assert {f"weft-hub download {card.name}" for card in cards()} <= commands


def test_each_task_and_licence_can_be_chosen() -> None:
    shown = Seen(catalogue.catalogue(cards()))
    options = {attributes.get("value") for tag, attributes in shown.tags if tag == "option"}
    for card in cards():
        assert {card.task, card.license} <= options


def test_every_field_has_a_label_and_everything_is_a_native_control() -> None:
    html = catalogue.catalogue(cards())
    fields = re.findall(r"<(?:input|select)\b", html)
    assert len(fields) == len(re.findall(r"<label>[^<]+<(?:input|select)\b", html)) == 5
    assert "tabindex" not in html
    assert "onclick" not in html


def test_without_scripts_the_models_are_shown_and_the_form_is_not() -> None:
    shown = Seen(catalogue.catalogue(cards()))
    by_tag = dict(reversed(shown.tags))
    assert "hidden" in by_tag["form"]
    assert all("hidden" not in attributes for tag, attributes in shown.tags if tag == "article")


def test_scripts_and_styles_are_the_sites_own() -> None:
    shown = Seen(catalogue.catalogue(cards()))
    sources = [attributes["src"] for _, attributes in shown.tags if "src" in attributes]
    assert sources == ["../assets/catalogue.js"]
    assert (GUIDE / "assets" / "catalogue.js").is_file()
    own = (GUIDE / "assets" / "catalogue.js").read_text("utf-8")
    styles = (GUIDE / "assets" / "catalogue.css").read_text("utf-8")
    assert "://" not in own + styles
    assert "innerHTML" not in own
    assert not any(tag in ("link", "iframe", "img", "style") for tag, _ in shown.tags)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<!-- a comment --> <?php x ?> <!DOCTYPE x>",
        "<a href='javascript:alert(1)'>x</a>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](javascript&#58;alert(1))",
        "[x](&#x6A;avascript:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](vbscript:x) [x](data:text/html;base64,PHNjcmlwdD4=) [x](file:///etc/passwd)",
        "[x](data:image/svg+xml;base64,PHN2Zz4=)",
        "<javascript:alert(1)> <data:text/html,x>",
        "[x]\n\n[x]: javascript:alert(1)",
        '[x](https://a.example "\\" onmouseover=\\"alert(1)")',
        '[x](https://a.example/"onmouseover="alert(1))',
        "[x](//evil.example) [x](/api/) [x](card.md) [x](#top) [x](https:) [x](http://[)",
        "![x](https://tracker.example/pixel.png)",
        "![x][p]\n\n[p]: https://tracker.example/pixel.png",
        "```<script>\nalert(1)\n```",
        '```" onclick="alert(1)\nx\n```',
        "`<script>`\n\n    <script>alert(1)</script>",
        "| a |\n|:-:|\n| <b onclick=x>c</b> |",
        "# <svg onload=alert(1)>\n\n###### deep",
        "</div></details></article><h1>out</h1>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "\x00<script\x00>",
        "[" * 3000 + "](" * 3000,
        "> " * 3000 + "deep",
        "*a **b " * 3000,
    ],
)
def test_nothing_in_a_card_is_obeyed(text: str) -> None:
    is_safe(catalogue.rendered(text))


# Drawing takes long on a machine that is busy with other tests, which says nothing of the page.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(
        st.sampled_from([*"<>\"'&/=[]()!`#|:-* \n", "script", "javascript:", "a"]), max_size=30
    )
)
def test_no_card_at_all_gets_a_tag_through(parts: list[str]) -> None:
    is_safe(catalogue.rendered("".join(parts)))


def test_what_is_allowed_in_a_card_is_rendered() -> None:
    html = catalogue.rendered(
        "# Title\n\nText with *stress*, `code` and [a link](https://a.example/x?a=1&b=2).\n\n"
        "```python\nx < y\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n"
    )
    assert "<h3>Title</h3>" in html
    assert "<em>stress</em>" in html
    assert 'href="https://a.example/x?a=1&amp;b=2" rel="nofollow noopener noreferrer"' in html
    assert '<code class="language-python">x &lt; y' in html
    assert "<table>" in html


def test_every_text_of_an_entry_is_escaped() -> None:
    evil = '"><script>alert(1)</script>'
    one = cards()[0]
    made = replace(
        one,
        summary=evil,
        authors=(evil,),
        license=evil,
        task=evil,
        version=evil,
        metrics=tuple(replace(metric, name=evil, data=evil) for metric in one.metrics),
    )
    tags = [tag for tag, _ in Seen(catalogue.catalogue([made])).tags]
    assert tags.count("script") == 1  # the page's own


def test_the_hook_fills_the_catalogue_page_and_no_other() -> None:
    def page(path: str) -> SimpleNamespace:
        return SimpleNamespace(file=SimpleNamespace(src_uri=path))

    source = (GUIDE / catalogue.PAGE).read_text("utf-8")
    filled = catalogue.on_page_content(source, page(catalogue.PAGE), None, None)
    assert catalogue.MARK not in filled
    assert all(f'data-name="{card.name}"' in filled for card in cards())
    assert catalogue.on_page_content(source, page("hub.md"), None, None) == source
    with pytest.raises(ValueError, match="must have the line"):
        catalogue.on_page_content("nothing", page(catalogue.PAGE), None, None)


def test_the_site_has_the_page_and_runs_the_hook() -> None:
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "- docs/catalogue.py" in settings
    assert f"- {catalogue.PAGE}" in settings
    assert "- assets/catalogue.css" in settings


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "1 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (14_263_338, "13.6 MiB"),
        (3 << 30, "3.0 GiB"),
    ],
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert show_size(count) == text
