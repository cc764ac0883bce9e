"""The web catalogue: a hook of MkDocs that writes the models of the index into the catalogue page.

`page(cards)` is HTML for all of them; `assets/catalogue.js` filters what stands there already, so
that the page works from a folder, without a server and, unfiltered, without scripts.

What comes out of the index is somebody's text: names and summaries are escaped, and the Markdown of
a model card is rendered without raw HTML, without pictures and with links to the web alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from markdown_it import MarkdownIt

from weft_hub._texts.quantities import show_size

if TYPE_CHECKING:
    from weft_hub.card import Card

PAGE = "catalogue.md"
MARK = "<!-- the models of the index -->"

_MIB = 1 << 20
_SIZES = ((2 * _MIB, "2 MiB"), (20 * _MIB, "20 MiB"), (200 * _MIB, "200 MiB"), (1 << 30, "1 GiB"))
_DEEPER = 2  # a card's own title stands below the name of the model, which is a second heading


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Fill the catalogue page; MkDocs calls this with each page that it has rendered."""
    if page.file.src_uri != PAGE:
        return html
    if html.count(MARK) != 1:
        raise ValueError(f"{PAGE} must have the line {MARK} once, but has it {html.count(MARK)}x")
    from weft_hub.index import Index, builtin_index

    index = Index([builtin_index()])
    return html.replace(MARK, catalogue([index.card(name) for name in index.names()]))


def catalogue(cards: Sequence[Card]) -> str:
    """Return the search form and the list of models as HTML."""
    tasks = sorted({card.task for card in cards})
    licences = sorted({card.license for card in cards})
    form = f"""
<form class="catalogue-form" id="catalogue-form" role="search" aria-label="Models" hidden>
<label>Search <input type="search" name="text" autocomplete="off" spellcheck="false"></label>
<label>Task {_select("task", "any", [(task, task) for task in tasks])}</label>
<label>Licence {_select("licence", "any", [(one, one) for one in licences])}</label>
<label>Size {_select("size", "any", [(str(n), f"up to {text}") for n, text in _SIZES])}</label>
<label>Order {_select("order", "by name", [("size", "smallest first")])}</label>
<button type="reset">Clear</button>
<output name="count" aria-live="polite">{_count(len(cards))}</output>
</form>
"""
    entries = "\n".join(_entry(card) for card in cards)
    script = '<script src="../assets/catalogue.js" defer></script>'
    return f'{form}<div class="catalogue" id="catalogue">\n{entries}\n</div>\n{script}'


def rendered(text: str) -> str:
    """Return the Markdown of a model card as HTML that holds nothing but text, tables and links."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image"])
    tokens = parser.parse(text)
    for token in tokens:
        if token.tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            token.tag = f"h{min(6, int(token.tag[1]) + _DEEPER)}"
        for inner in token.children or ():
            if inner.type == "link_open":
                _tame(inner)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _tame(link: Any) -> None:
    """Let a link lead to the web or nowhere: a card is shown here without the files beside it."""
    target = str(link.attrGet("href") or "")
    try:
        on_the_web = urlsplit(target).scheme in ("http", "https") and bool(urlsplit(target).netloc)
    except ValueError:
        on_the_web = False
    link.attrs = {"href": target, "rel": "nofollow noopener noreferrer"} if on_the_web else {}


def _entry(card: Card) -> str:
    # Not casefold: JavaScript has only lower-casing, and "ß" would never meet "ss".
    words = " ".join([card.name, card.summary, card.task, card.license, *card.authors])
    anchor = escape(card.name.replace("/", "-").replace(".", "-"))
    facts = [
        ("Task", escape(card.task)),
        ("Licence", escape(card.license)),
        ("Size", show_size(card.size)),
        ("Version", escape(card.version)),
        ("By", escape(", ".join(card.authors))),
    ]
    if card.paper:
        address = escape(card.paper)
        facts.append(("Paper", f'<a href="{address}" rel="noopener noreferrer">{address}</a>'))
    facts += [
        ("Measured", f"{escape(one.name)}: {one.value:g} on {escape(one.data)}")
        for one in card.metrics
    ]
    listed = "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in facts)
    return f"""\
<article class="catalogue-model" aria-labelledby="{anchor}" data-name="{escape(card.name)}"
 data-text="{escape(words.lower())}" data-task="{escape(card.task)}"
 data-licence="{escape(card.license)}" data-size="{card.size}">
<h2 id="{anchor}">{escape(card.name)}</h2>
<p>{escape(card.summary)}</p>
{_command(f"weft-hub download {card.name}")}
{_command(f'model = weft_hub.load("{card.name}")')}
<dl>{listed}</dl>
<details><summary>Model card</summary>
<div class="catalogue-card">{rendered(card.text)}</div>
</details>
</article>"""


def _command(text: str) -> str:
    shown = escape(text)
    return (
        f'<p class="catalogue-command"><code>{shown}</code> '
        f'<button type="button" data-copy="{shown}" aria-label="Copy {shown}" hidden>Copy</button>'
        "</p>"
    )


def _select(name: str, everything: str, options: Iterable[tuple[str, str]]) -> str:
    rows = [("", everything), *options]
    inner = "".join(f'<option value="{escape(v)}">{escape(text)}</option>' for v, text in rows)
    return f'<select name="{name}">{inner}</select>'


def _count(count: int) -> str:
    return f"{count} {'model' if count == 1 else 'models'}"
