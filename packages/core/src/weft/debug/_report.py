"""What :func:`weft.debug.nan_origin` found: events, their text, the error that carries one."""

from __future__ import annotations

import dataclasses
from typing import Any

from weft._core.callsite import Site
from weft.debug._facts import TensorFacts


@dataclasses.dataclass(frozen=True)
class NanOrigin:
    """One op that made NaN or Inf of what had none.

    Attributes:
        kind: ``"nan"`` or ``"inf"``.
        op: the op's name; in backward, of the forward op whose rule it is.
        called: the function of weft that runs the op, if the user called another than the op's own.
        phase: ``"forward"`` or ``"backward"``.
        site: the user's line that called it; in backward, the line that started the pass.
        forward_site: in backward the user's line of the forward call, where it was watched.
        module: the path of the module in whose call it happened, ``"Net.encoder.0 (Linear)"``.
        step: in backward the op within the rule that made it, if one did.
        inputs: the statistics of what went in.
        settings: the op's settings.
        result: the statistics of the result.
        index: where in the result the first such element is.
        value: that element.
        values: the input values that made it, by the argument's name, where the op tells.
        from_inf: whether an input held Inf, so that this is NaN made of Inf.
    """

    kind: str
    op: str
    called: str
    phase: str
    site: Site | None
    forward_site: Site | None
    module: str
    step: str
    inputs: tuple[TensorFacts, ...]
    settings: dict[str, Any]
    result: TensorFacts | None
    index: tuple[int, ...]
    value: Any
    values: dict[str, Any]
    from_inf: bool

    def __str__(self) -> str:
        what = {"nan": "NaN", "inf": "Inf"}[self.kind]
        source = "Inf" if self.from_inf else "finite input"
        name = self.op
        if self.called and self.called != self.op:
            name = f"{self.called} (its op {self.op})"
        if self.phase == "backward" and not self.op.startswith("the "):  # it is no rule but a sum
            head = f"the backward rule of {name} made {what} of {source}"
            if self.step:
                head += f", in its step {self.step}"
        else:
            head = f"{name} made {what} of {source}"
        lines = [head]
        if self.phase == "backward" and self.forward_site is not None:
            lines.append(f"  the forward call: {self.forward_site}")
        if self.site is not None:
            called_at = "backward from" if self.phase == "backward" else "called at"
            lines.append(f"  {called_at}: {self.site}")
        if self.module:
            lines.append(f"  module: {self.module}")
        at = f"[{', '.join(map(str, self.index))}]" if self.index else "the only element"
        lines.append(f"  first at {at}: {_shown(self.value)}{_made_of(self.values)}")
        lines += [f"  {one}" for one in self.inputs]
        if self.result is not None:
            lines.append(f"  {self.result}")
        if self.settings:
            given = ", ".join(f"{k}={_short(v)}" for k, v in self.settings.items())
            lines.append(f"  settings: {given}")
        return "\n".join(lines)


@dataclasses.dataclass
class NanReport:
    """What was found so far.

    Attributes:
        events: the origins, in the order in which they happened.
        arrived: where NaN first went into an op though none that was watched made it: it came with
            the data or the parameters, or was made outside weft. None if it did not.
    """

    events: list[NanOrigin] = dataclasses.field(default_factory=list)
    arrived: str | None = None

    @property
    def first(self) -> NanOrigin | None:
        """The first origin, or None."""
        return self.events[0] if self.events else None

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.events)

    def __str__(self) -> str:
        if self.events:
            return "\n".join(map(str, self.events))
        text = "no op made NaN or Inf of finite input"
        return f"{text}; {self.arrived}" if self.arrived else text


class NanOriginError(FloatingPointError, RuntimeError):
    """An op made NaN or Inf of finite input.

    Attributes:
        event: what happened, a :class:`NanOrigin`.
    """

    def __init__(self, event: NanOrigin) -> None:
        super().__init__(str(event))
        self.event = event

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.event,)


def _made_of(values: dict[str, Any]) -> str:
    if not values:
        return ""
    return " from " + ", ".join(f"{name} = {_shown(value)}" for name, value in values.items())


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}, ...]" if len(value) > 5 else _bracket(value)
    if isinstance(value, (float, complex)):
        return f"{value:.6g}"
    return str(value)


def _bracket(values: list[Any]) -> str:
    return f"[{', '.join(map(_shown, values))}]"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
