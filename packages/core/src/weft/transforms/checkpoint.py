"""Checkpointing: what a function would save for its backward pass is computed again instead.

While the function runs, each tensor that a node saves is replaced by an empty :class:`_Slot`. The
first slot that the backward pass reads runs the function again, which fills them all, in order: the
same calls save the same tensors. What a slot held is dropped as soon as it has been read.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from weft._core import saving
from weft._core.callsite import Site, user_site
from weft._core.device import device_of
from weft._core.errors import GradError
from weft._core.generator import default_generator
from weft._core.modes import carried, differentiating, here
from weft._core.node import Leaf
from weft._core.tensor import Tensor, version_of
from weft._core.tree import flatten, tree_map
from weft._core.watching import unwatch, watch

Contexts = Callable[[], tuple[AbstractContextManager[Any], AbstractContextManager[Any]]]

_DETERMINISM = ("default", "none")


class CheckpointError(RuntimeError):
    """The second run of a checkpointed function did not save what the first one saved."""


class _Enough(BaseException):
    """Ends the second run once every slot is full. No ``except Exception`` may catch it."""


class _Switches:
    """What the context managers below set, for the whole process as in PyTorch."""

    early_stop: bool | None = None
    debug: bool | None = None


def noop_context_fn() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """Return two context managers that do nothing: the default of ``context_fn``."""
    return nullcontext(), nullcontext()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Say whether second runs end as soon as all is computed that backward needs.

    Args:
        enable: True is what they do at first. It counts for checkpoints that are made inside, over
            their own ``early_stop=``.
    """
    before, _Switches.early_stop = _Switches.early_stop, enable
    try:
        yield
    finally:
        _Switches.early_stop = before


@contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Say whether checkpoints that are made inside note their ops, over their own ``debug=``.

    Args:
        enabled: None leaves it to them.
    """
    before, _Switches.debug = _Switches.debug, enabled
    try:
        yield
    finally:
        _Switches.debug = before


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Contexts = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Run a function, and keep of it for the backward pass its arguments alone.

    What its ops would save is computed again when the backward pass needs it: memory for time. The
    function may take and return anything, close over parameters, hold further checkpoints, and be
    differentiated in every way that it could be without; only the second run costs.

    Args:
        function: what to run. Its second run must do what the first did: it must not depend on what
            changes in between, nor write into its arguments.
        args: its arguments.
        use_reentrant: False or None, which are the same here; PyTorch's older form, which cuts the
            function from the graph, is not offered.
        context_fn: returns two context managers, one for the first run and one for the second;
            :func:`create_selective_checkpoint_contexts` makes a pair.
        determinism_check: ``"default"`` compares shape, dtype and device of what both runs saved,
            ``"none"`` only how many tensors.
        debug: whether to note the ops of both runs, so that an error shows where they parted.
        early_stop: whether the second run ends as soon as the last saved tensor is there.
        preserve_rng_state: whether the second run draws the numbers that the first one drew.
        kwargs: its keyword arguments.

    Returns:
        what the function returns. Under ``no_grad`` nothing else happens.

    Raises:
        ValueError: ``use_reentrant=True``, or there is no such check.
        CheckpointError: in the backward pass: the second run saved other tensors.

    Source: Griewank and Walther, ACM TOMS 26 (2000); Chen et al., arXiv:1604.06174.

    Example:
        >>> x = weft.ones(2, requires_grad=True)
        >>> weft.utils.checkpoint.checkpoint(weft.exp, x).sum().backward()
        >>> x.grad
        tensor([2.7183, 2.7183])
    """
    if use_reentrant:
        raise ValueError(
            "checkpoint: use_reentrant=True is not offered, because it cuts the function from the "
            "graph; leave it out, or pass use_reentrant=False"
        )
    if determinism_check not in _DETERMINISM:
        raise ValueError(
            f"checkpoint: determinism_check must be one of {', '.join(map(repr, _DETERMINISM))}, "
            f"got {determinism_check!r}"
        )
    if not here.grad:
        return function(*args, **kwargs)
    first, second = context_fn()
    frame = _Frame(
        function,
        args,
        kwargs,
        second=second,
        checks=determinism_check == "default",
        debug=debug if _Switches.debug is None else _Switches.debug,
        early_stop=early_stop if _Switches.early_stop is None else _Switches.early_stop,
        preserve_rng_state=preserve_rng_state,
    )
    saving.push_hooks(frame.pack, frame.unpack)
    try:
        with frame.noting(frame.first_ops), first:
            result = function(*args, **kwargs)
    finally:
        saving.pop_hooks()
    frame.finished = True
    return result


class _Slot:
    """Stands in a node for one saved tensor."""

    __slots__ = ("__weakref__", "tensor", "writes")

    def __init__(self) -> None:
        self.tensor: Tensor | None = None  # there between the second run and its use
        self.writes = 0  # how many there had been to its memory


class _Frame:
    """One call of a checkpointed function, kept alive by the slots in its nodes."""

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        second: AbstractContextManager[Any],
        checks: bool,
        debug: bool,
        early_stop: bool,
        preserve_rng_state: bool,
    ) -> None:
        self._function = function
        self._arguments = _Arguments(args, kwargs)
        self._second = second
        self._early_stop = early_stop
        self._rng = default_generator.get_state() if preserve_rng_state else None
        self._devices = here.devices
        self._modes = [make() for make in carried]
        self._slots: list[weakref.ref[_Slot]] = []  # weak: a node that is gone needs no tensor
        self._kinds: list[str] | None = [] if checks else None
        self.first_ops: list[_Call] | None = [] if debug else None
        self.finished = False

    # --- the first run ----------------------------------------------------------------------

    def pack(self, x: Tensor) -> _Slot:
        """Keep nothing of a tensor but a place for it."""
        slot = _Slot()
        self._slots.append(weakref.ref(slot))
        if self._kinds is not None:
            self._kinds.append(_kind(x))
        return slot

    @contextmanager
    def noting(self, calls: list[_Call] | None) -> Iterator[None]:
        """Note each op in a list while the function runs; nothing if there is none."""
        if calls is None:
            yield
            return

        def note(op: Any, args: Any, params: Any, result: Any) -> None:
            outs = (result,) if isinstance(result, Tensor) else result
            calls.append(_Call(op.called, ", ".join(map(_kind, outs)), user_site()))

        watch(note)
        try:
            yield
        finally:
            unwatch(note)

    # --- the second run ---------------------------------------------------------------------

    def unpack(self, slot: _Slot) -> Tensor:
        """Return the tensor of a slot, after running the function again if it is not there."""
        if slot.tensor is None:
            self._run_again()
        held = slot.tensor
        assert held is not None
        slot.tensor = None
        writes = version_of(held).writes
        if writes.count != slot.writes:
            raise GradError(
                f"backward: a tensor that was saved, {_kind(held)}, was overwritten in place by "
                f"{writes.writer} in the checkpointed function; clone it first, or use the op "
                f"that does not write in place"
            )
        return held

    def _run_again(self) -> None:
        calls: list[_Call] | None = None if self.first_ops is None else []
        filled = 0

        def fill(x: Tensor) -> Tensor:
            nonlocal filled
            at = filled
            filled += 1
            if at < len(self._slots):
                slot = self._slots[at]()
                if slot is not None:
                    slot.tensor = x
                    slot.writes = version_of(x).writes.count
                    self._check(at, x, calls)
            elif self.finished:
                raise self._error(
                    f"the second run saves more tensors than the {len(self._slots)} of the first",
                    calls,
                )
            if self._early_stop and filled == len(self._slots):
                raise _Enough
            return x

        args, kwargs = self._arguments.restored()
        devices = here.devices
        state = None if self._rng is None else default_generator.get_state()
        saving.push_hooks(fill, lambda x: x)
        try:
            here.devices = self._devices
            if self._rng is not None:
                default_generator.set_state(self._rng)
            with ExitStack() as blocks:
                for block in (differentiating(), self.noting(calls), _afresh(self._second)):
                    blocks.enter_context(block)
                for mode in self._modes:
                    blocks.enter_context(mode)
                self._function(*args, **kwargs)
        except _Enough:
            pass
        finally:
            saving.pop_hooks()
            here.devices = devices
            if state is not None:
                default_generator.set_state(state)
        if filled < len(self._slots):
            raise self._error(
                f"the second run saved {filled} tensors, the first {len(self._slots)}", calls
            )

    def _check(self, at: int, x: Tensor, calls: list[_Call] | None) -> None:
        if self._kinds is not None and self._kinds[at] != _kind(x):
            raise self._error(
                f"saved tensor {at} was {self._kinds[at]} in the first run and is {_kind(x)} in "
                f"the second",
                calls,
            )

    def _error(self, what: str, calls: list[_Call] | None) -> CheckpointError:
        name = getattr(self._function, "__qualname__", type(self._function).__name__)
        text = (
            f"checkpoint: running {name} again for the backward pass did something else than the "
            f"first time: {what}; it must not depend on what changes between forward and backward"
        )
        if calls is None or self.first_ops is None:
            return CheckpointError(f"{text} (pass debug=True to see where they parted)")
        return CheckpointError(f"{text}\n{_parting(self.first_ops, calls)}")


class _Arguments:
    """What the function is called with, kept until the second run.

    Inside another checkpoint, tensors that were computed are kept as that one keeps tensors: not at
    all, until its own second run.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._held: Any = (args, kwargs)
        self._packed = saving.top_hooks() is not None
        if self._packed:
            self._held = tree_map(_kept, self._held)
        self._counts = [
            (leaf, 0 if leaf._version is None else leaf._version.writes.count)
            for leaf in flatten(self._held)[0]
            if isinstance(leaf, Tensor)
        ]

    def restored(self) -> Any:
        """Return the pair of them, unless one was written to since.

        Raises:
            CheckpointError: it was.
        """
        for x, count in self._counts:
            writes = version_of(x).writes
            if writes.count != count:
                raise CheckpointError(
                    f"checkpoint: an argument, {_kind(x)}, was overwritten in place by "
                    f"{writes.writer} since the first run began, so the function cannot run again "
                    f"on the same values; pass a clone, or use the op that does not write in place"
                )
        return tree_map(_unpacked, self._held) if self._packed else self._held


def _kept(leaf: Any) -> Any:
    computed = isinstance(leaf, Tensor) and not isinstance(leaf._node, Leaf)
    return saving.packed(leaf) if computed else leaf


def _unpacked(leaf: Any) -> Any:
    return leaf.unpack() if isinstance(leaf, saving.Packed) else leaf


class _Call:
    """One op that a run of the function made."""

    __slots__ = ("name", "result", "site")

    def __init__(self, name: str, result: str, site: Site | None) -> None:
        self.name, self.result, self.site = name, result, site

    def __str__(self) -> str:
        return f"{self.name} -> {self.result}" + (f"  [{self.site}]" if self.site else "")


def _afresh(context: AbstractContextManager[Any]) -> AbstractContextManager[Any]:
    """Return a context manager that can be entered again: of a generator's, a new one."""
    again = getattr(context, "_recreate_cm", None)
    return context if again is None else again()


def _parting(first: list[_Call], second: list[_Call]) -> str:
    """Return the calls around the first one in which two runs differ, side by side in time."""
    same = 0
    for a, b in zip(first, second, strict=False):
        if (a.name, a.result) != (b.name, b.result):
            break
        same += 1
    lines = [f"both runs: {same} ops alike" + (", the last of them:" if same else "")]
    lines += [f"    {call}" for call in first[max(0, same - 2) : same]]
    for title, calls in (("first run, then:", first), ("second run, then:", second)):
        lines.append(title)
        lines += [f"    {call}" for call in calls[same : same + 3]] or ["    nothing"]
    return "\n".join(lines)


def _kind(x: Tensor) -> str:
    """Return what the two runs must agree on of a tensor: ``float32(2, 3) on cpu``."""
    name = str(x.dtype).rpartition(".")[2]
    return f"{name}{tuple(x.shape)} on {device_of(x)}"
