"""A page of the docs with its script running: a real engine, and the part of the DOM it uses."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import quickjs

DOM = Path(__file__).with_name("browser.js")
VOID = {"input", "br", "hr", "img", "link", "meta"}
LIMIT_BYTES = 256 << 20


class _Tree(HTMLParser):
    """HTML as nested `[tag, attributes, children]`, where a text is a string."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[list[Any]] = [["body", {}, []]]
        self.feed(html)
        self.close()
        assert len(self.open) == 1, f"not closed: {[one[0] for one in self.open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        one: list[Any] = [tag, {name: value or "" for name, value in attrs}, []]
        self.open[-1][2].append(one)
        if tag not in VOID:
            self.open.append(one)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1][2].append([tag, {name: value or "" for name, value in attrs}, []])

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop()[0] == tag, f"{tag} is closed where another is open"

    def handle_data(self, data: str) -> None:
        self.open[-1][2].append(data)


class Page:
    """A page after its script ran."""

    def __init__(self, html: str, script: str) -> None:
        self._engine = quickjs.Context()
        self._engine.set_memory_limit(LIMIT_BYTES)
        self._engine.eval(DOM.read_text("utf-8"))
        tree = json.dumps(_Tree(html).open[0])
        self._engine.eval(f"document.body = make({tree});")
        self.do(script)

    def do(self, script: str) -> None:
        """Run statements, and whatever they promised."""
        self._engine.eval(script)
        while self._engine.execute_pending_job():
            pass

    def get(self, expression: str) -> Any:
        """Return the value of an expression, as JSON holds it."""
        return json.loads(self._engine.eval(f"JSON.stringify({expression})"))

    def fill(self, **fields: str) -> None:
        """Write into fields as a reader does, each with its event."""
        for name, value in fields.items():
            self.do(f"fill({json.dumps(name)}, {json.dumps(value)});")
