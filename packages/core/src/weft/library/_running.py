"""How a user's op runs: the kernel for the device, what it must return, writes to arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._backend import ndarray
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.device import device_of
from weft._core.errors import DeviceError, GradError
from weft._core.modes import here, no_grad
from weft._core.node import Leaf
from weft._core.tensor import Tensor, version_of, wrap
from weft.library._arguments import Arguments


class Running:
    """What an op needs to run. :class:`weft.library._definition.CustomOpDef` fills it.

    Attributes:
        name: the qualified name.
    """

    name: str
    _arguments: Arguments
    _kernels: dict[str | None, Callable[..., Any]]
    _mutates: tuple[str, ...]  # the names of the arguments that it writes to
    _count: int  # how many results it promises
    _fake: Callable[..., Any] | None

    def _kernel_for(self, device: str | None) -> Callable[..., Any]:
        kernel = self._kernels.get(device) or self._kernels.get(None)
        if kernel is None:
            known = ", ".join(str(k) for k in self._kernels)
            raise DeviceError(
                f"{self.name}: no kernel for {device or 'no device'}, there are kernels for "
                f"{known}; register one with register_kernel({device!r})"
            )
        return kernel

    def _run(self, kernel: Callable[..., Any], given: dict[str, Any]) -> Any:
        args, named = self._arguments.join(*self._arguments.split(given))
        return kernel(*args, **named)

    def _kernel(self, xp: Any, *flat: Any, **settings: Any) -> Any:
        """Run the kernel of the arrays' device: on arrays, or on tensors without recording."""
        first = next(a for a in flat if hasattr(a, "dtype"))
        kernel = self._kernel_for("cpu" if type(first) is ndarray else "cuda")
        args, named = self._arguments.join(flat, settings)
        if _takes_xp(kernel):
            return self._checked(kernel(xp, *args, **named))
        with no_grad():
            made = kernel(*(_wrapped(a) for a in args), **named)
        results = made if isinstance(made, (tuple, list)) else (made,)
        for one in results:
            if not isinstance(one, Tensor):
                raise TypeError(
                    f"{self.name}: the kernel must return tensors, got {type(one).__name__}"
                )
        data = tuple(one._data for one in results)
        return self._checked(data if isinstance(made, (tuple, list)) else data[0])

    def _checked(self, made: Any) -> Any:
        several = isinstance(made, (tuple, list))
        count = len(made) if several else 1
        if count != self._count or several is (self._count == 1):
            what = f"a tuple of {count}" if several else "one array"
            raise ValueError(
                f"{self.name}: its annotation promises {self._count} result(s), the kernel "
                f"returned {what}; annotate -> tuple[Tensor, ...] with as many, or pass outputs="
            )
        return tuple(made) if several else made

    def _shape(self, *flat: Any, **settings: Any) -> Any:
        """Return the avals of the results, by the function that register_fake was given."""
        if self._fake is None:
            raise NotImplementedError(
                f"{self.name}: without data (on the meta device, or to explain an error) its "
                f"results are not known; register a function that returns empty ones with "
                f"register_fake"
            )
        args, named = self._arguments.join(flat, settings)
        made = self._fake(*(_on_meta(a) for a in args), **named)
        results = made if isinstance(made, (tuple, list)) else (made,)
        out = []
        for one in results:
            if not isinstance(one, Tensor) or not isinstance(one._data, Aval):
                what = f"one on {one.device}" if isinstance(one, Tensor) else type(one).__name__
                raise TypeError(
                    f"{self.name}: the function of register_fake must return tensors on the meta "
                    f"device, such as x.new_empty(shape) of an argument x, got {what}"
                )
            out.append(one._data)
        return tuple(out) if isinstance(made, (tuple, list)) else out[0]

    def _run_mutating(self, given: dict[str, Any]) -> Any:
        """Run an op that writes to its arguments: on the tensors themselves, with no gradient."""
        flat, _ = self._arguments.split(given)
        tensors = [t for t in flat if isinstance(t, Tensor)]
        if any(isinstance(t._data, Boxed) for t in tensors):
            raise RuntimeError(
                f"{self.name}: it writes to its arguments, which no transform of functions can "
                f"follow; define an op that returns its result"
            )
        written: list[Tensor] = []
        for name in self._mutates:
            value = given[name]
            written += value if isinstance(value, (list, tuple)) else [value]
        if here.grad and any(t._node is not None for t in tensors):
            leaf = any(isinstance(t._node, Leaf) for t in written)
            raise GradError(
                f"{self.name}: it writes to its arguments and has no derivative, so it cannot run "
                f"on tensors that require grad while a graph is recorded"
                f"{' (one that it writes to is a leaf)' if leaf else ''}; call it under "
                f"weft.no_grad(), or define an op that returns its result"
            )
        with no_grad():
            if self._arguments.takes_xp:
                raise TypeError(
                    f"{self.name}: an op that writes to its arguments takes tensors, not xp"
                )
            out = self._run(self._kernel_for(device_type_of(tensors)), given)
        for tensor in written:
            version_of(tensor).writes.bump(self.name)
        return out


def _takes_xp(kernel: Callable[..., Any]) -> bool:
    code = getattr(kernel, "__code__", None)
    return code is not None and code.co_varnames[:1] == ("xp",)


def _wrapped(value: Any) -> Any:
    """Return arrays as tensors, in lists too."""
    if isinstance(value, list):
        return [_wrapped(v) for v in value]
    return wrap(value) if hasattr(value, "dtype") and hasattr(value, "shape") else value


def _on_meta(value: Any) -> Any:
    """Return shapes and dtypes as meta tensors, in lists too."""
    if isinstance(value, list):
        return [_on_meta(v) for v in value]
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        return wrap(Aval(tuple(value.shape), value.dtype))
    return value


def device_type_of(tensors: Sequence[Any]) -> Any:
    """Return the kind of device that the first tensor is on; None if there is none."""
    found = [device_of(t) for t in tensors if isinstance(t, Tensor)]
    return found[0].type if found else None
