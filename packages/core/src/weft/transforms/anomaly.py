"""Anomaly mode: a backward pass that fails or makes NaN tells which forward call is to blame.

While no thread is in it, nothing of it is on any op's way: entering it makes this thread's ops
note where they were called (:mod:`weft._core.watching`), and runs each backward rule within
:func:`_checked` (:mod:`weft.transforms.rules`).
"""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Sequence
from typing import Any

from weft._core import watching
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.callsite import user_frame
from weft._core.errors import GradError
from weft._core.modes import here
from weft._core.tensor import Tensor, wrap
from weft.transforms.rules import unwatch_rules, watch_rules


def enter(check_nan: bool | None) -> bool | None:
    """Switch this thread's anomaly mode, and return what it was.

    Args:
        check_nan: whether backward passes look for NaN; None leaves the mode.
    """
    before = here.anomaly
    here.anomaly = check_nan
    if (before is None) is not (check_nan is None):
        if check_nan is None:
            unwatch_rules(_checked)
            watching.unwatch(_note_call)
        else:
            watching.watch(_note_call)
            watch_rules(_checked)
    return before


def note(node: Any) -> None:
    """Keep with a node the lines of the user's code that called it, and what induced the call."""
    metadata = node.metadata
    if "traceback_" in metadata:
        return
    metadata["traceback_"] = traceback.format_list(traceback.extract_stack(user_frame()))
    if here.differentiated is not None:
        metadata["parent_"] = here.differentiated


def _note_call(op: Any, args: tuple[Any, ...], params: dict[str, Any], result: Any) -> None:
    node = watching.node_of(result)
    if node is not None:
        note(node)


def _checked(run: Any, node: Any, g: Any, wanted: Sequence[bool]) -> Sequence[Any]:
    """Apply a node's rule; if it raises or makes NaN, tell the call that the node is of."""
    before, here.differentiated = here.differentiated, node
    try:
        found: Sequence[Any] = run(node, g, wanted)
    except Exception:
        _tell(node)
        raise
    finally:
        here.differentiated = before
    if here.anomaly:
        for position, ct in enumerate(found):
            if ct is not None and wanted[position] and _has_nan(ct):
                _tell(node)
                raise GradError(
                    f"backward: {node.name()} returned NaN in its gradient {position}, of shape "
                    f"{tuple(ct.shape)}; the warning before this error shows the call that it "
                    f"differentiates"
                )
    return found


def _has_nan(ct: Tensor) -> bool:
    from weft.ops.comparison import isnan

    data = ct._data
    while isinstance(data, Boxed):
        data = data.inner._data
    if isinstance(data, Aval) or data.dtype.kind not in "fcV":
        return False
    return bool(isnan(wrap(data)).any())


def _tell(node: Any) -> None:
    """Warn of the forward call behind a node, and of what induced that one, as far as is known."""
    lines = node.metadata.get("traceback_")
    if lines is None:
        warnings.warn(
            f"backward: error in {node.name()}. No forward call is known: anomaly mode was not on "
            f"when it ran; enter detect_anomaly before it",
            stacklevel=2,
        )
        return
    text = f"backward: error in {node.name()}. The forward call that it differentiates:\n"
    told = {node}
    text += "".join(lines)
    while (parent := node.metadata.get("parent_")) is not None and parent not in told:
        node = parent
        told.add(node)
        text += f"\nThat call was made in the backward of {node.name()}"
        lines = node.metadata.get("traceback_")
        text += f". The call that it differentiates:\n{''.join(lines)}" if lines else "."
    warnings.warn(text, stacklevel=2)
