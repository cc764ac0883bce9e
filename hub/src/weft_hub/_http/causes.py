"""What lies at the bottom of an error of requests or urllib3, in a few words."""

from __future__ import annotations


def cause(error: BaseException) -> str:
    """Return the innermost reason that `error` gives, on one line of up to 200 characters."""
    seen: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in seen and len(seen) < 20:
        seen.append(at)
        inner = getattr(at, "reason", None)
        inside = [one for one in at.args if isinstance(one, BaseException)]
        if isinstance(inner, BaseException):
            at = inner
        else:
            at = inside[0] if inside else at.__cause__
    last = seen[-1]
    text = (last.strerror if isinstance(last, OSError) and last.strerror else None) or str(last)
    text = " ".join(text.rpartition(">: ")[2].split()) or type(last).__name__
    return text if len(text) <= 200 else text[:199] + "…"
