"""What watches for NaN: it sees each op, each backward rule and each sum, and names the origin."""

from __future__ import annotations

import contextlib
import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

from weft._backend.libraries import is_array
from weft._core import catalogue, dtypes
from weft._core.boxed import Boxed
from weft._core.callsite import Site
from weft._core.modes import here
from weft._core.node import Node
from weft._core.op import Op
from weft._core.public import PUBLIC_NAMES
from weft._core.tensor import Tensor, wrap
from weft._core.watching import node_of
from weft.debug import _facts as read
from weft.debug._frames import Place, caller, path_of, place_of_op
from weft.debug._report import NanOrigin, NanOriginError, NanReport

#: Of each node that was recorded under a watch, the user's line, the modules that were being called
#: and whether NaN is allowed there. It goes with the node.
origins: weakref.WeakKeyDictionary[Node, tuple[Site | None, tuple[Any, ...], bool]]
origins = weakref.WeakKeyDictionary()

#: How many functions are remembered that had NaN inside and none at their end.
_REMEMBERED = 16


class _Pending:
    """NaN inside a function of weft, of which is not known yet whether it gets out."""

    def __init__(self, event: NanOrigin, scope: Any) -> None:
        self.event = event
        self.scope: Any = scope  # the frame; None once the function has ended
        self.ends_bad = True  # whether its latest result is bad
        self.bad: list[weakref.ref[Tensor]] = []
        self.nodes: list[weakref.ref[Node]] = []  # recorded in the function

    def got_out(self) -> bool:
        """Whether the function, which has just ended, gives a bad tensor to its caller.

        That is its latest result, or one that is held by more than the nodes that saved it.
        """
        if self.scope is not None:
            with contextlib.suppress(RuntimeError):  # it is being unwound by an error
                self.scope.clear()  # a frame that is looked at keeps its variables
            self.scope = None
        if self.ends_bad:
            return True
        nodes = [one for ref in self.nodes if (one := ref()) is not None]
        return any(_is_held(ref, nodes) for ref in self.bad)

    def holds_one_of(self, args: Sequence[Any]) -> bool:
        """Whether a bad tensor made in the function goes into another op."""
        made = [one for ref in self.bad if (one := ref()) is not None]
        return any(a is one for a in args for one in made)


def _is_held(ref: weakref.ref[Tensor], nodes: Sequence[Node]) -> bool:
    """Whether somebody holds a tensor besides the nodes that saved it."""
    tensor = ref()
    if tensor is None:
        return False
    saved = sum(a is tensor for node in nodes for a in node.args or ())
    saved += sum(one is tensor for node in nodes for one, _ in node.versions)
    alone = object()  # what a local variable and the call itself count for
    return sys.getrefcount(tensor) - saved > sys.getrefcount(alone)


class _Rule:
    """A backward rule that is running, and the first step of it that made NaN or Inf."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.step: NanOrigin | None = None


class Watch:
    """One entered :class:`weft.debug.nan_origin`."""

    def __init__(
        self, *, nan: bool, inf: bool, raise_error: bool, ignore: frozenset[str], limit: int
    ) -> None:
        self.report = NanReport()
        self._nan, self._inf, self._raise = nan, inf, raise_error
        self._ignore, self._limit = ignore, limit
        self._pending: list[_Pending] = []
        self._rules: list[_Rule] = []
        self._last: Callable[[], Tensor | None] = lambda: None  # the latest bad result

    # --- ops --------------------------------------------------------------------------------

    def saw(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], result: Any) -> None:
        """Look at an op that has run."""
        node = node_of(result)
        if node is not None and node not in origins:
            origins[node] = (*caller(), here.nan_allowed > 0)
        if op.is_view:
            return
        outs = (result,) if isinstance(result, Tensor) else result
        if op.family == "function" and any(out is self._last() for out in outs):
            return  # an op that the function ran was named
        bad = [out for out in outs if not self._is_clean(read.array_in(out))]
        place = place_of_op() if self._pending or bad else None
        if self._pending:
            assert place is not None
            self._judge(place, args, outs, bad, node)
        if not bad or here.nan_allowed:
            return
        assert place is not None
        if self._ignore & {op.name, op.called, place.called}:
            return
        event = self._event(op, args, params, bad[0], place)
        if event is None:
            self._note_arrival(op, args, params)
        elif place.in_rule:
            rule = self._rules[-1] if self._rules else None
            if rule is not None and rule.step is None:
                rule.step = event
        elif place.scope is None:
            self._last = weakref.ref(bad[0])
            self._found(event)
        elif not any(p.scope is place.scope for p in self._pending):
            pending = _Pending(event, place.scope)
            pending.ends_bad = bad[0] is outs[0]  # of several results it may give the first alone
            pending.bad += [weakref.ref(out) for out in bad]
            pending.nodes += [weakref.ref(node)] if node is not None else []
            self._pending.append(pending)

    def _is_clean(self, data: Any) -> bool:
        return read.is_clean(data, nan=self._nan, inf=self._inf)

    def _judge(
        self,
        place: Place,
        args: Sequence[Any],
        outs: Sequence[Tensor],
        bad: Sequence[Tensor],
        node: Node | None,
    ) -> None:
        """See whether NaN inside a function has got out of it, by what happens now."""
        for pending in list(self._pending):
            if pending.scope is not None and place.scope is pending.scope:
                if any(read.array_in(out) is not None for out in outs):
                    pending.ends_bad = bool(bad) and bad[0] is outs[0]
                pending.bad += [weakref.ref(out) for out in bad]
                pending.nodes += [weakref.ref(node)] if node is not None else []
                continue
            ended = pending.scope is not None
            if (ended and pending.got_out()) or pending.holds_one_of(args):
                self._pending.remove(pending)
                self._found(pending.event)
        if len(self._pending) > _REMEMBERED:
            self._pending = [p for p in self._pending if p.scope or any(r() for r in p.bad)]
            del self._pending[:-_REMEMBERED]

    def settle(self, *, final: bool = False) -> None:
        """Judge what is pending: no function of weft is running any more.

        Args:
            final: whether an error is on its way already, so that nothing more is raised.
        """
        waiting, self._pending = self._pending, []
        for pending in waiting:
            if pending.scope is not None and pending.got_out():
                self._found(pending.event, quietly=final)

    def summed(self, before: Any, value: Any, after: Any) -> None:
        """Look at a gradient that was added to a ``.grad``."""
        if here.nan_allowed or self._is_clean(after):
            return
        place = Place()
        place.in_sum = True
        event = self._event(
            catalogue.ops["plus"], (wrap(before), wrap(value)), {}, wrap(after), place
        )
        if event is not None:
            self._found(event)

    # --- rules ------------------------------------------------------------------------------

    def around(self, run: Any, node: Node, g: Any, wanted: Sequence[bool]) -> Any:
        """Run a backward rule and look at what it gives."""
        if not self._rules:
            self.settle()
        rule = _Rule(node)
        self._rules.append(rule)
        try:
            result = run(node, g, wanted)
        finally:
            self._rules.pop()
        allowed = node in origins and origins[node][2]
        if here.nan_allowed or allowed or self._ignore & {node.op.name, node.op.called}:
            return result
        for ct in result:
            data = read.array_in(ct)
            if not self._is_clean(data):
                event = self._rule_event(rule, g, data, ct)
                if event is not None:
                    self._found(event)
                    break
        return result

    def _rule_event(self, rule: _Rule, g: Any, data: Any, ct: Tensor) -> NanOrigin | None:
        node = rule.node
        given = list(g.values()) if isinstance(g, dict) else [g]
        op = node.op
        kept = _kept_results(node)
        saved = [*(a for a in node.args or () if isinstance(a, Tensor)), *kept]
        names = _names(op)
        for inf in (False, True):
            if not (self._inf if inf else self._nan):
                continue
            if read.is_clean(data, nan=not inf, inf=inf):
                continue
            if any(read.holds(x, inf=inf) for x in (*given, *saved)):
                continue
            step = rule.step
            here_site, _ = caller()
            site, modules, _ = origins.get(node, (None, (), False))
            inputs = [read.facts("grad_output", x) for x in given]
            inputs += [
                read.facts(name, a)
                for name, a in zip(names, node.args or (), strict=False)
                if isinstance(a, Tensor)
            ]
            inputs += [read.facts("saved result", out) for out in kept]
            places = read.np.isinf(data) if inf else read.np.isnan(data)
            index = read.first(places)
            return NanOrigin(
                kind="inf" if inf else "nan",
                op=op.called,
                called="",
                phase="backward",
                site=here_site,
                forward_site=site,
                module=path_of(modules),
                step=step.op if step else "",
                inputs=tuple(one for one in inputs if one is not None),
                settings=_readable(node.params),
                result=read.facts("gradient", ct),
                index=step.index if step else index,
                value=step.value if step else read.element(data, index),
                values=step.values if step else {},
                from_inf=any(read.holds(x, inf=True) for x in (*given, *saved)),
            )
        return None

    # --- events -----------------------------------------------------------------------------

    def _event(
        self, op: Op, args: tuple[Any, ...], params: dict[str, Any], out: Tensor, place: Place
    ) -> NanOrigin | None:
        """Return what there is to say of an op's bad result; None if it is no origin."""
        data = read.array_in(out)
        for inf in (False, True):
            if not (self._inf if inf else self._nan):
                continue
            places = read.born(op, args, params, data, inf=inf)
            if places is None:
                continue
            index = read.first(places)
            names = _names(op)
            values = read.went_in(op, args, params, index, names)
            inputs = (read.facts(n, a) for n, a in zip(names, args, strict=False))
            site, modules = caller()
            in_backward = bool(self._rules) or place.in_sum
            rule = self._rules[-1].node if self._rules else None
            forward_site = origins.get(rule, (None, (), False))[0] if rule is not None else None
            return NanOrigin(
                kind="inf" if inf else "nan",
                op="the sum of gradients" if place.in_sum else op.called,
                called=place.called,
                phase="backward" if in_backward else "forward",
                site=site,
                forward_site=forward_site,
                module=path_of(modules),
                step="",
                inputs=tuple(one for one in inputs if one is not None),
                settings=_readable(params),
                result=read.facts("result", out),
                index=index,
                value=read.element(data, index),
                values={name: value for name, value in values.items() if value is not None},
                from_inf=any(read.holds(a, inf=True) for a in args),
            )
        return None

    def _note_arrival(self, op: Op, args: Sequence[Any], params: dict[str, Any]) -> None:
        if self.report.arrived or self.report.events or self._pending or self._rules:
            return
        for name, a in zip(_names(op), args, strict=False):
            if isinstance(a, Tensor) and read.holds(a, inf=False):
                made = a._node
                origin = "" if made is None else f" computed by {made.name()},"
                site, _ = caller()
                self.report.arrived = (
                    f"NaN came from elsewhere: {read.facts(name, a)},{origin} went into "
                    f"{op.called} at {site}"
                )
                return

    def _found(self, event: NanOrigin, *, quietly: bool = False) -> None:
        if len(self.report.events) < self._limit:
            self.report.events.append(event)
        if self._raise and not quietly:
            raise NanOriginError(event)


def _kept_results(node: Node) -> list[Tensor]:
    """Return the results that a node saved, those that are there as arrays."""
    if node.out is None:
        return []
    outs = (node.out,) if node.op.outputs == 1 else node.out
    return [wrap(out) for out in outs if is_array(out) or isinstance(out, Boxed)]


def _readable(params: dict[str, Any]) -> dict[str, Any]:
    """Return an op's settings with dtypes as users write them."""
    return {key: dtypes.of(v) if hasattr(v, "itemsize") else v for key, v in params.items()}


def _names(op: Op) -> list[str]:
    """Return the names of an op's arguments as users know them."""
    code = getattr(op.kernel, "__code__", None)
    if code is None or op.family == "function":
        return [f"input {i}" for i in range(64)]
    own = [PUBLIC_NAMES.get(n, n) for n in code.co_varnames[1 : code.co_argcount]]
    if code.co_flags & 0x04:  # variadic
        starred = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        own += [f"{PUBLIC_NAMES.get(starred, starred)}[{i}]" for i in range(64)]
    return own
