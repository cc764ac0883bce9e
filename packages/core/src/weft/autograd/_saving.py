"""Context managers for what the tape saves: hooks, memory of the CPU, mutation, refusal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from weft._core.errors import GradError
from weft._core.modes import here
from weft._core.saving import pop_hooks, push_hooks, refuse_hooks
from weft._core.tensor import Tensor


class saved_tensors_hooks:
    """Within it, ops save what ``pack_hook`` makes of a tensor, and read it by ``unpack_hook``.

    Of nested ones the innermost counts. A result may be packed too, but not in a form that holds
    the tensor that was given: pack ``x.detach()``, a copy or the name of a file.

    Args:
        pack_hook: takes a tensor that a node saves, returns anything.
        unpack_hook: takes that, returns a tensor of the same shape, dtype and values.

    Example:
        >>> def pack(x):
        ...     return x.half()
        >>> def unpack(x):
        ...     return x.float()
        >>> x = weft.tensor([1.0, 2.0], requires_grad=True)
        >>> with weft.autograd.graph.saved_tensors_hooks(pack, unpack):
        ...     y = (x * x).sum()
        >>> y.backward()
        >>> x.grad
        tensor([2., 4.])
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> Any:
        push_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *_: Any) -> None:
        pop_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Within it, saved tensors wait for the backward pass in the CPU's memory.

    A tensor that is on the CPU already is kept as it is.

    Args:
        pin_memory: PyTorch's; weft's memory is not pinned, so that copies are not asynchronous.
        device_type: PyTorch's; whatever device the tensor came from, it goes back to.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(x: Any) -> tuple[Any, Any]:
            return x.device, x.cpu()

        def unpack(held: tuple[Any, Any]) -> Tensor:
            device, x = held
            moved: Tensor = x.to(device)
            return moved

        super().__init__(pack, unpack)


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within it, entering :class:`saved_tensors_hooks` raises.

    Args:
        error_message: what the error says.

    Raises:
        GradError: such hooks are in force already.
    """
    before = refuse_hooks(error_message)
    try:
        yield
    finally:
        refuse_hooks(before)


class _Copies:
    """The copies that one :func:`allow_mutation_on_saved_tensors` keeps."""

    def __init__(self) -> None:
        self._alive = True
        self._generation = 0

    def clear(self) -> None:
        """Forget the copies: no graph recorded so far can run backward."""
        self._generation += 1

    def pack(self, x: Any) -> tuple[int, Any]:
        """Return a copy, and when it was made."""
        return self._generation, x.clone()

    def unpack(self, held: tuple[int, Any]) -> Tensor:
        """Return the copy.

        Raises:
            GradError: the context has ended, or was cleared since.
        """
        generation, x = held
        if not self._alive or generation != self._generation:
            raise GradError(
                "allow_mutation_on_saved_tensors: a graph recorded within it can run backward only "
                "within it, before it is cleared"
            )
        copy: Tensor = x
        return copy


@contextlib.contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[_Copies]:
    """Within it, tensors that ops saved may be written to in place before backward.

    Each saved tensor is copied when it is saved (PyTorch copies when it is overwritten), so that
    it takes the memory of what is saved once more.

    Yields:
        an object whose ``clear()`` drops the copies.

    Raises:
        GradError: it is entered within itself; or backward is run after it.
    """
    if here.copying:
        raise GradError("allow_mutation_on_saved_tensors: it cannot be entered within itself")
    copies = _Copies()
    here.copying = True
    try:
        with saved_tensors_hooks(copies.pack, copies.unpack):
            yield copies
    finally:
        here.copying = False
        copies._alive = False
