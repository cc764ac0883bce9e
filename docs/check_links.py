"""Check every link inside the built site: `python docs/check_links.py site`.

MkDocs and Sphinx each check their own half; this checks the whole, across the two.
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Collects a page's link targets and the anchors that it offers."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value is None:
                continue
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name == "src" or (name == "href" and tag in {"a", "link"}):
                self.links.append(value)


def broken_links(site: Path) -> list[str]:
    """Return one sentence for each link from a page of the site to nowhere in the site."""
    pages: dict[Path, _Page] = {}
    for path in sorted(site.rglob("*.html")):
        pages[path.resolve()] = page = _Page()
        page.feed(path.read_text(encoding="utf-8"))
    found = []
    for path, page in pages.items():
        # 404.html is served for any address, so its links are from the site's root by design.
        if path.name == "404.html":
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link.startswith("#__"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target = target / "index.html"
            shown = f"{path.relative_to(site.resolve())}: {link}"
            if not target.exists():
                found.append(f"{shown} leads to no file")
            elif (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].anchors
            ):
                found.append(f"{shown} leads to no such place on its page")
    return sorted(set(found))


def main() -> int:
    """Check the site named on the command line and return the exit status."""
    site = Path(sys.argv[1] if len(sys.argv) > 1 else "site")
    if not (site / "index.html").is_file():
        print(f"check_links: {site} is no built site; run `nox -s docs`", file=sys.stderr)
        return 2
    found = broken_links(site)
    print("\n".join([*found, f"check_links: {len(found)} broken links in {site}/"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
