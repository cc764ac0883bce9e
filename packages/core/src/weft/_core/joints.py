"""Joints: functions of weft's own that others can run around, at no cost while nobody does.

What looks on (anomaly mode, :mod:`weft.debug`, :mod:`weft.profiler`) or changes what is computed
(:mod:`weft.amp`) enters a joint and leaves it. In between every call goes through what it gave;
before and after, the function is the plain one, with nothing asked on its way.
"""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any

#: ``around(run, *args)``, which returns ``run(*args)`` or what stands for it.
Around = Callable[..., Any]

_lock = threading.RLock()


class Joint:
    """A function that is looked up in a dict at each call, as a module's own functions do it.

    Args:
        scope: the dict, a module's globals.
        name: the function's name in it.
    """

    def __init__(self, scope: dict[str, Any], name: str) -> None:
        self.name = name
        self._scope = scope
        self._plain: Any = None  # what is there while nobody is around
        self._arounds: dict[Around, int] = {}

    def enter(self, around: Around) -> None:
        """Run each call, in any thread, within ``around``, until it was left as often as entered.

        What entered later is further outside.
        """
        with _lock:
            if not self._arounds:
                self._plain = self._taken()
            self._arounds[around] = self._arounds.get(around, 0) + 1
            self._put(self._composed())

    def leave(self, around: Around) -> None:
        """Undo one :meth:`enter`."""
        with _lock:
            self._arounds[around] -= 1
            if not self._arounds[around]:
                del self._arounds[around]
            self._put(self._composed())

    def _composed(self) -> Any:
        run = self._plain
        for around in self._arounds:
            run = functools.partial(around, run)
        return run

    def _taken(self) -> Any:
        return self._scope[self.name]

    def _put(self, chosen: Any) -> None:
        self._scope[self.name] = chosen


class CodeJoint(Joint):
    """A function that other modules hold too, so that what is exchanged is its code.

    Args:
        function: a Python function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        assert isinstance(function, types.FunctionType)
        super().__init__(function.__globals__, f"_within_{function.__name__}_{id(function):x}")
        self._function = function
        self._code = function.__code__

    def _taken(self) -> Any:
        of = self._function
        plain = types.FunctionType(
            self._code, of.__globals__, of.__name__, of.__defaults__, of.__closure__
        )
        plain.__kwdefaults__ = of.__kwdefaults__
        return plain

    def _put(self, chosen: Any) -> None:
        if chosen is self._plain:
            self._function.__code__ = self._code
        else:
            super()._put(chosen)
            free = self._code.co_freevars
            self._function.__code__ = _forwarding(len(free)).replace(
                co_names=(self.name,), co_name=self._code.co_name, co_freevars=free
            )


#: The joints of public functions, and of their authors' bodies; made when first needed.
_functions: dict[tuple[Callable[..., Any], bool], Sequence[Joint]] = {}


def joints_of(function: Any, *, whole: bool = False) -> Sequence[Joint]:
    """Return the joints of a public function, and of the operator that is its like.

    Args:
        function: the function.
        whole: whether to be around what a composite has around its author's body, too: its
            ``out=``, NumPy's spellings.
    """
    scope = function.__globals__
    body = getattr(function, "__wrapped__", None)
    inner = not whole and body is not None and scope.get("_body") is body
    known = _functions.get((function, inner))
    if known is None:
        if inner:
            known = [Joint(scope, "_body")]
        else:
            operator = getattr(function, "operator", None)
            known = [CodeJoint(one) for one in (function, operator) if one is not None]
        _functions[function, inner] = known
    return known


@functools.cache
def _forwarding(count: int) -> types.CodeType:
    """Return the code that calls what is around a function whose closure has ``count`` variables.

    It has as many itself, as the interpreter counts on when somebody reads its frame's locals.
    """
    variables = "".join(f"v{i}, " for i in range(count))
    source = (
        f"def make({variables}):\n"
        f"    def forward(*args, **kwargs):\n"
        f"        return within(*args, **kwargs)\n"
        f"        {variables or None}\n"  # not reached: this makes them its own
        f"    return forward\n"
    )
    scope: dict[str, Any] = {}
    exec(compile(source, "<weft joint>", "exec"), scope)  # of names that are made here alone
    code: types.CodeType = scope["make"](*range(count)).__code__
    assert len(code.co_freevars) == count
    return code
