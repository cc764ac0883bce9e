"""What stands in the brackets of `x[...]`, as nodes: slices, places, new dims, index tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import weft
from weft import Tensor

if TYPE_CHECKING:
    from weft.graph._trace.recording import Recorder

__all__ = ["getitem"]

_FAR = 2**62  # beyond every length: how a node says "to the end"


def getitem(recorder: Recorder, given: dict[str, Any]) -> Any:
    """Emit the nodes of `x[key]`; None for keys that none says."""
    x, key = given["x"], given["key"]
    parts = _whole(x, list(key) if isinstance(key, tuple) else [key])
    if parts is None:
        return None
    dims = [part for part in parts if part is not None]
    out = _sliced(recorder, x, dims)
    for dim in reversed(range(len(dims))):
        if isinstance(dims[dim], int):
            out = recorder.emit("select", out, dim=dim, index=dims[dim])
    left = [part for part in parts if not isinstance(part, int)]  # as `out` has them
    if any(part is None for part in left) and any(isinstance(part, Tensor) for part in left):
        return None
    found = _gathered(recorder, out, [part for part in left if part is not None])
    for dim, part in enumerate(left if found is not None else ()):
        if part is None:
            found = recorder.emit("unsqueeze", found, dim=dim)
    return found


def _whole(x: Tensor, parts: list[Any]) -> list[Any] | None:
    """Return a part for each dim, and None for each new one; None for parts that no node says."""
    used = sum(part is not None and part is not Ellipsis for part in parts)
    if used > x.ndim:
        return None  # which the function itself refuses
    found: list[Any] = []
    for part in parts:
        if part is Ellipsis:
            found += [slice(None)] * (x.ndim - used)
        elif part is None or (isinstance(part, slice | int) and not isinstance(part, bool)):
            found.append(part)
        elif isinstance(part, Tensor | list):
            index = part if isinstance(part, Tensor) else weft.tensor(part)
            if index.dtype not in (weft.int64, weft.int32) or (index.ndim == 0):
                return None
            found.append(index)
        else:
            return None
    if not any(part is Ellipsis for part in parts):  # tensors do not compare as others do
        found += [slice(None)] * (x.ndim - used)
    return found


def _sliced(recorder: Recorder, x: Tensor, dims: list[Any]) -> Tensor:
    starts, ends, chosen, steps = [], [], [], []
    for dim, part in enumerate(dims):
        if not isinstance(part, slice) or part == slice(None):
            continue
        step = 1 if part.step is None else part.step
        far = _FAR if step > 0 else -_FAR
        starts.append((0 if step > 0 else _FAR) if part.start is None else part.start)
        ends.append(far if part.stop is None else part.stop)
        chosen.append(dim)
        steps.append(step)
    if not chosen:
        return x
    out: Tensor = recorder.emit(
        "slice", x, starts=tuple(starts), ends=tuple(ends), dims=tuple(chosen), steps=tuple(steps)
    )
    return out


def _gathered(recorder: Recorder, x: Tensor, dims: list[Any]) -> Tensor | None:
    """Emit what index tensors choose; None where they do not all stand at the front."""
    at = [dim for dim, part in enumerate(dims) if isinstance(part, Tensor)]
    if not at:
        return x
    if len(at) == 1:
        out: Tensor = recorder.emit("lookup", x, dims[at[0]], dim=at[0])
        return out
    if at != list(range(len(at))):
        return None
    places = weft.stack(weft.broadcast_tensors(*(dims[dim] for dim in at)), -1)
    out = recorder.emit("gather_nd", x, places)
    return out
