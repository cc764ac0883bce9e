"""Selective checkpointing: which ops' results a checkpoint keeps rather than computes again.

In the first run a watcher asks the policy about each op and keeps the results that it wants. In the
second run those ops' kernels are exchanged for ones that hand out what was kept; another thread
that runs the same op meanwhile gets the kernel itself.
"""

from __future__ import annotations

import enum
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from weft._backend.libraries import is_array, on_host
from weft._core import catalogue
from weft._core.device import place_of, placed
from weft._core.modes import here
from weft._core.op import Op
from weft._core.tensor import Tensor, version_of
from weft._core.watching import unwatch, watch
from weft.transforms.checkpoint import CheckpointError


class CheckpointPolicy(enum.Enum):
    """What to do about one call of an op. MUST and PREFER are the same here.

    SAVE keeps the result, CPU_OFFLOAD keeps it in the CPU's memory, RECOMPUTE keeps nothing.
    """

    MUST_SAVE = 0
    PREFER_SAVE = 1
    MUST_RECOMPUTE = 2
    PREFER_RECOMPUTE = 3
    MUST_CPU_OFFLOAD = 4
    PREFER_CPU_OFFLOAD = 5


_SAVES = frozenset({CheckpointPolicy.MUST_SAVE, CheckpointPolicy.PREFER_SAVE})
_OFFLOADS = frozenset({CheckpointPolicy.MUST_CPU_OFFLOAD, CheckpointPolicy.PREFER_CPU_OFFLOAD})

Policy = Callable[..., CheckpointPolicy | bool]


class SelectiveCheckpointContext:
    """What a policy function is told besides the call.

    Attributes:
        is_recompute: False: the policy is asked in the first run alone, which the second follows.
        op_output: the op's result.
    """

    __slots__ = ("is_recompute", "op_output")

    def __init__(self, *, is_recompute: bool, op_output: Any = None) -> None:
        self.is_recompute, self.op_output = is_recompute, op_output


def create_selective_checkpoint_contexts(
    policy_fn_or_list: Policy | Sequence[str | Callable[..., Any]],
    allow_cache_entry_mutation: bool = False,
) -> tuple[_Keeping, _Replaying]:
    """Return the two context managers of a checkpoint that keeps some ops' results.

    Args:
        policy_fn_or_list: ``policy(ctx, op, *args, **settings)``, asked about each op that computes
            something in the first run, with the op's name; returns a :class:`CheckpointPolicy`, or
            a bool for "save". Or a list of the ops to save, by name or as functions.
        allow_cache_entry_mutation: whether a kept result may be overwritten in place before the
            second run, which then sees the new values.

    Returns:
        tuple: for the first run and for the second, as ``context_fn`` of :func:`checkpoint` is to
        return them.

    Raises:
        ValueError: a function in the list is no single op.
        TypeError: neither a function nor a list.

    Example:
        >>> from functools import partial
        >>> from weft.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts
        >>> keep = partial(create_selective_checkpoint_contexts, [weft.matmul])
        >>> x = weft.ones(2, 2, requires_grad=True)
        >>> checkpoint(lambda x: (x @ x).exp(), x, context_fn=keep).shape
        weft.Size([2, 2])
    """
    kept = _Kept(allow_cache_entry_mutation)
    if isinstance(policy_fn_or_list, (list, tuple, set, frozenset)):
        names = {_name(op) for op in policy_fn_or_list}
        return _Keeping(kept, lambda ctx, op, *args, **settings: op in names), _Replaying(kept)
    if not callable(policy_fn_or_list):
        raise TypeError(
            f"create_selective_checkpoint_contexts: expected a policy function or a list of ops, "
            f"got {type(policy_fn_or_list).__name__}"
        )
    return _Keeping(kept, policy_fn_or_list), _Replaying(kept)


def _name(op: Any) -> str:
    """Return the name of an op that is given by name or as the function that users call."""
    if isinstance(op, str):
        return op
    for entry in catalogue.public.values():
        if entry.function is op and entry.op is not None:
            return entry.op.name
    called = getattr(op, "__name__", repr(op))
    raise ValueError(
        f"create_selective_checkpoint_contexts: {called} is no single op of weft; name the "
        f"ops that it is made of (weft.debug.graph shows them)"
    )


class _Result:
    """One op's result, as arrays, with the count of writes to each."""

    __slots__ = ("_arrays", "_counts", "_places", "_several")

    def __init__(self, result: Any, *, offload: bool) -> None:
        self._several = not isinstance(result, Tensor)
        outs: Sequence[Tensor] = result if self._several else (result,)
        counters = [version_of(out).writes for out in outs]
        self._counts = [(writes, writes.count) for writes in counters]
        self._places = [place_of(out._data) if offload else None for out in outs]
        self._arrays = [on_host(out._data) if offload else out._data for out in outs]

    def arrays(self, name: str, *, allow_writes: bool) -> Any:
        """Return what the op's kernel returned."""
        for writes, count in self._counts:
            if writes.count != count and not allow_writes:
                raise CheckpointError(
                    f"checkpoint: the result of {name} that the policy kept was overwritten in "
                    f"place by {writes.writer}; do not keep it, use the op that does not write in "
                    f"place, or pass allow_cache_entry_mutation=True"
                )
        back = [
            array if place is None else placed(array, place)
            for array, place in zip(self._arrays, self._places, strict=True)
        ]
        return tuple(back) if self._several else back[0]


class _Kept:
    """The results that one checkpoint keeps: for each op one entry a call, None for computed."""

    def __init__(self, allow_writes: bool) -> None:
        self.allow_writes = allow_writes
        self.calls: dict[tuple[Op, type], list[_Result | None]] = {}

    def replayed(self) -> list[tuple[Op, type]]:
        """Return the ops, and kinds of arrays, of which something was kept."""
        return [key for key, calls in self.calls.items() if any(calls)]


class _Keeping:
    """The context of the first run: asks the policy, keeps results."""

    def __init__(self, kept: _Kept, policy: Policy) -> None:
        self._kept, self._policy = kept, policy

    def __enter__(self) -> _Keeping:
        self._kept.calls = defaultdict(list)
        watch(self._note)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        unwatch(self._note)

    def _note(self, op: Op, args: tuple[Any, ...], params: dict[str, Any], result: Any) -> None:
        if op.is_view or op.family == "function":  # of a custom function the ops come themselves
            return
        first = result if isinstance(result, Tensor) else result[0]
        if not is_array(first._data):  # a transform's box: so do its
            return
        told = SelectiveCheckpointContext(is_recompute=False, op_output=result)
        choice = self._policy(told, op.name, *args, **params)
        if isinstance(choice, bool):
            choice = CheckpointPolicy.MUST_SAVE if choice else CheckpointPolicy.PREFER_RECOMPUTE
        if not isinstance(choice, CheckpointPolicy):
            raise TypeError(
                f"checkpoint: a policy function must return a CheckpointPolicy or a bool, it "
                f"returned {choice!r} for {op.name}"
            )
        keeps = choice in _SAVES or choice in _OFFLOADS
        self._kept.calls[op, type(first._data)].append(
            _Result(result, offload=choice in _OFFLOADS) if keeps else None
        )


class _Replaying:
    """The context of the second run: what was kept is handed out in place of being computed."""

    def __init__(self, kept: _Kept) -> None:
        self._kept = kept
        self._at: dict[tuple[Op, type], int] = {}

    def __enter__(self) -> _Replaying:
        self._at = defaultdict(int)
        here.replaying = (*here.replaying, self)
        watch(_pass)  # the short paths, which call no kernel of the table, stay closed
        for op, kind in self._kept.replayed():
            _exchange(op, kind)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for op, array in self._kept.replayed():
            _put_back(op, array)
        unwatch(_pass)
        here.replaying = tuple(one for one in here.replaying if one is not self)

    def run(self, op: Op, kind: type, kernel: Callable[..., Any], arrays: Any, params: Any) -> Any:
        """Return what the policy kept of this call, or compute it."""
        calls = self._kept.calls.get((op, kind), [])
        at = self._at[op, kind]
        self._at[op, kind] += 1
        entry = calls[at] if at < len(calls) else None
        if entry is None:
            return kernel(*arrays, **params)
        return entry.arrays(op.name, allow_writes=self._kept.allow_writes)


def _pass(op: Op, args: tuple[Any, ...], params: dict[str, Any], result: Any) -> None:
    """See an op, and do nothing."""


_lock = threading.Lock()
#: The kernels that are exchanged: how many contexts want each so, and the kernel itself.
_exchanged: dict[tuple[Op, type], list[Any]] = {}


def _exchange(op: Op, kind: type) -> None:
    with _lock:
        held = _exchanged.setdefault((op, kind), [0, op.kernels[kind]])
        held[0] += 1
        if held[0] > 1:
            return
        kernel = held[1]

        def replay(*arrays: Any, **params: Any) -> Any:
            if not here.replaying:  # another thread
                return kernel(*arrays, **params)
            return here.replaying[-1].run(op, kind, kernel, arrays, params)

        op.kernels[kind] = replay


def _put_back(op: Op, kind: type) -> None:
    with _lock:
        held = _exchanged[op, kind]
        held[0] -= 1
        if held[0] == 0:
            op.kernels[kind] = held[1]
            del _exchanged[op, kind]
