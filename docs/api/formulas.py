"""A Sphinx extension: formulas become MathML, which browsers draw by themselves.

Sphinx's usual way loads a script from another host for each reader; this site loads nothing from
anywhere, and works from a folder.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

# Names of several letters, such as input: set upright as one word, not as a product of letters.
_WORD = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{2,}")


def as_mathml(formula: str, *, block: bool) -> str:
    """Return a TeX formula as a MathML element."""
    words = _WORD.sub(lambda match: rf"\mathrm{{{match[0]}}}", formula)
    mathml: str = tex2mathml(words, as_block=block)
    return mathml


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(as_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="math">{as_mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Any) -> dict[str, bool]:
    """Offer the renderer under the name that conf.py chooses."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
