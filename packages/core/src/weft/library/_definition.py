"""A user's op: the record that weft's own ops have, filled by registering rules."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft._backend import ndarray
from weft._core.aval import Aval
from weft._core.boxed import Boxed
from weft._core.dispatch import apply
from weft._core.errors import DeviceError, GradError
from weft._core.kernels import bind
from weft._core.modes import here, no_grad
from weft._core.node import Leaf
from weft._core.op import Op
from weft._core.tensor import Tensor, version_of, wrap
from weft.autograd._applying import VmapInfo
from weft.autograd._context import FunctionCtx
from weft.autograd._recording import fitted, zeros
from weft.library._arguments import LENGTHS, Arguments
from weft.library._derived import forward_by_reverse, loop

#: The ops that users have defined, by qualified name.
defined: dict[str, CustomOpDef] = {}


class CustomOpDef:
    """An op of a user's own: called like a function, and known to every transform.

    Made by :func:`weft.library.custom_op`. Its record, ``op``, is of the kind that weft's own ops
    have; each ``register_`` method fills in a rule, and decorates if it is given none.

    Attributes:
        name: the qualified name, ``"mylib::name"``.
        op: the record.
    """

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        *,
        devices: tuple[str, ...] | None,
        mutates: tuple[str, ...],
        outputs: int | None,
    ) -> None:
        self.name = name
        self._arguments = Arguments(name, function)
        self._kernels: dict[str | None, Callable[..., Any]] = {}
        for device in devices or (None,):
            self._kernels[device] = function
        self._mutates = mutates
        unknown = [one for one in mutates if one not in self._arguments.tensors]
        if unknown:
            raise ValueError(
                f"{name}: mutates_args names {unknown[0]!r}, which is no tensor argument; the "
                f"tensors are {self._arguments.tensors}"
            )
        count = self._arguments.outputs if outputs is None else outputs
        self._check_outputs(count)
        self._count = count
        self._backward: Callable[..., Any] | None = None
        self._setup: Callable[..., Any] | None = None
        self._fake: Callable[..., Any] | None = None

        def kernel(xp: Any, *tensors: Any, **settings: Any) -> Any:
            return self._kernel(xp, *tensors, **settings)

        if not self._arguments.lists:
            kernel.__dict__["tensors"] = tuple(self._arguments.tensors)
        self.op = Op(
            name,
            "custom",
            kernel=kernel,
            shape=self._shape,
            vjp=self._no_vjp,
            jvp=forward_by_reverse(self),
            batch=loop(self),
            saves=(),
            outputs=max(count, 1),
            kernels=bind(kernel, self._shape, widen=False),
        )
        self.__name__ = self.__qualname__ = name.rpartition("::")[2]
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        defined[name] = self

    def _check_outputs(self, count: int) -> None:
        if not self._mutates and count < 1:
            raise ValueError(
                f"{self.name}: an op that returns nothing must say which arguments it writes to; "
                f"pass mutates_args=, or return a tensor"
            )

    def __repr__(self) -> str:
        return f"<custom op {self.name}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the op on tensors and settings, as the function that defined it takes them."""
        given = self._arguments.bind(args, kwargs)
        if self._mutates:
            return self._run_mutating(given)
        flat, settings = self._arguments.split(given)
        if not any(isinstance(t, Tensor) for t in flat):
            return self._run(self._kernel_for(None), given)
        return apply(self.op, flat, settings)

    # --- running -------------------------------------------------------------------------------

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
            out = self._run(self._kernel_for(_device_of(tensors)), given)
        for tensor in written:
            version_of(tensor).writes.bump(self.name)
        return out

    # --- registering ---------------------------------------------------------------------------

    def register_kernel(
        self, device_types: str | Sequence[str], fn: Callable[..., Any] | None = None, /
    ) -> Any:
        """Give the op another kernel for a kind of device.

        Args:
            device_types: ``"cpu"`` or ``"cuda"``, or several.
            fn: the kernel, of the arguments of the first one; written over ``xp`` if that is its
                first parameter, else over tensors.
        """

        def enter(kernel: Callable[..., Any]) -> Callable[..., Any]:
            kinds = (device_types,) if isinstance(device_types, str) else tuple(device_types)
            for kind in kinds:
                if kind not in ("cpu", "cuda"):
                    raise ValueError(
                        f"{self.name}: device_types are 'cpu' and 'cuda', got {kind!r}"
                    )
                self._kernels[kind] = kernel
            return kernel

        return enter if fn is None else enter(fn)

    def register_fake(self, fn: Callable[..., Any] | None = None, /) -> Any:
        """Give the op its shape rule: a function of meta tensors that returns empty results.

        Args:
            fn: takes the op's arguments, its tensors on the meta device; returns meta tensors of
                the results' shapes and dtypes. It raises the error that a user should read when
                the arguments do not fit.
        """
        if fn is None:
            return self.register_fake
        self._fake = fn
        return fn

    def register_autograd(
        self,
        backward: Callable[..., Any],
        /,
        *,
        setup_context: Callable[..., Any] | None = None,
        saves: Iterable[str] | None = None,
    ) -> None:
        """Give the op its derivative, as :class:`weft.autograd.Function` has it.

        ``setup_context`` runs when the backward pass comes by, on the arguments and results that
        the tape kept.

        Args:
            backward: ``backward(ctx, *grad_outputs)``, a gradient or None for each argument; a
                list of them for a list of tensors. It calls ops on tensors, so that it can be
                differentiated again.
            setup_context: ``setup_context(ctx, inputs, output)``, which saves what backward needs;
                of an op with arguments by name ``(ctx, inputs, keyword_only_inputs, output)``.
            saves: the names of the tensors whose values it reads, and ``"out"`` for the results,
                so that the tape keeps no others; all of them by default.

        Raises:
            GradError: the op writes to its arguments.
        """
        self._refuse_mutating("register_autograd")
        self._backward, self._setup = backward, setup_context
        self._fill(saves, vjp=self._vjp_of_context)

    def register_vjp(
        self, fn: Callable[..., Any] | None = None, /, *, saves: Iterable[str] | None = None
    ) -> Any:
        """Give the op its derivative, as weft's own ops have it.

        Args:
            fn: ``fn(needs, g, out, *tensors, **settings)``: a cotangent for each tensor, or None
                where ``needs`` is false or it is zero. Of an op of several results ``g`` and
                ``out`` are tuples, and entries of ``g`` may be None.
            saves: the names of the tensors whose values it reads, and ``"out"`` for the results;
                all of them by default.

        Raises:
            GradError: the op writes to its arguments.
        """
        self._refuse_mutating("register_vjp")

        def enter(rule: Callable[..., Any]) -> Callable[..., Any]:
            def vjp(needs: Any, g: Any, out: Any, *flat: Any, **settings: Any) -> Any:
                found = rule(needs, g, out, *flat, **_shown(settings))
                return self._fitted(found, flat, needs)

            self._fill(saves, vjp=vjp)
            return rule

        return enter if fn is None else enter(fn)

    def register_jvp(self, fn: Callable[..., Any] | None = None, /) -> Any:
        """Give the op its forward derivative; without it, it is derived from the reverse one.

        Args:
            fn: ``fn(tangents, out, *tensors, **settings)``: the tangent of the result, or a tuple
                of them; entries of ``tangents`` may be None, which stands for zero.
        """

        def enter(rule: Callable[..., Any]) -> Callable[..., Any]:
            def jvp(tangents: Any, out: Any, *flat: Any, **settings: Any) -> Any:
                return rule(tangents, out, *flat, **_shown(settings))

            self.op = dataclasses.replace(self.op, jvp=jvp)
            return rule

        return enter if fn is None else enter(fn)

    def register_vmap(self, fn: Callable[..., Any] | None = None, /) -> Any:
        """Give the op its batching rule; without it, vmap runs the op once for each example.

        Args:
            fn: ``fn(info, in_dims, *args)``: the op's arguments, of which those with an entry 0 in
                ``in_dims`` have the batch dim first; returns the results and where their batch
                dims are. ``info.batch_size`` is the number of examples.
        """

        def enter(rule: Callable[..., Any]) -> Callable[..., Any]:
            def batch(size: int, batched: Sequence[bool], /, *flat: Any, **settings: Any) -> Any:
                args, named = self._arguments.join(flat, settings)
                dims, _ = self._arguments.join(
                    [0 if b else None for b in batched], _absent(settings)
                )
                info = VmapInfo(size, _randomness())
                made = rule(info, tuple(dims), *args, **named)
                return self._whole(made, size)

            self.op = dataclasses.replace(self.op, batch=batch)
            return rule

        return enter if fn is None else enter(fn)

    def _refuse_mutating(self, method: str) -> None:
        if self._mutates:
            raise GradError(
                f"{self.name}: {method}: an op that writes to its arguments ({self._mutates}) "
                f"cannot have a derivative; define one that returns its result, and give it one"
            )

    def _fill(self, saves: Iterable[str] | None, **rules: Any) -> None:
        names = None if saves is None else self._arguments.positions(tuple(saves))
        kept: Any = range(-1, 1 << 20) if names is None else names
        self.op = dataclasses.replace(self.op, saves=kept, **rules)

    # --- rules ---------------------------------------------------------------------------------

    def _no_vjp(self, *_: Any, **__: Any) -> Any:
        raise GradError(
            f"{self.name}: backward came to this op, which has no derivative; give it one with "
            f"register_autograd(backward, setup_context=...) or register_vjp"
        )

    def _vjp_of_context(
        self, needs: Any, g: Any, out: Any, *flat: Any, **settings: Any
    ) -> tuple[Any, ...]:
        """Set up a context from what the tape kept, and call the user's backward with it."""
        args, named = self._arguments.join(flat, settings)
        wanted, _ = self._arguments.join(needs, _absent(settings))
        ctx = FunctionCtx(self, tuple(_any(w) for w in wanted))
        if self._setup is not None:
            if named:
                self._setup(ctx, tuple(args), named, out)
            else:
                self._setup(ctx, tuple(args), out)
        gradients = g if isinstance(g, tuple) else (g,)
        if ctx.materialize_grads and isinstance(g, tuple):
            gradients = tuple(
                zeros(Aval(tuple(o.shape), _numpy_dtype(o)), _device_of(flat))
                if one is None
                else one
                for one, o in zip(gradients, out, strict=True)
            )
        found = self._backward(ctx, *gradients)  # type: ignore[misc]  # set with this rule
        given = found if isinstance(found, tuple) else (found,)
        if len(given) < len(args) or any(one is not None for one in given[len(args) :]):
            raise GradError(
                f"{self.name}: backward must return a gradient or None for each of the "
                f"{len(args)} arguments, got {len(given)}"
            )
        return self._fitted(self._arguments.flat_gradients(given, settings), flat, needs)

    def _fitted(self, found: Any, flat: Sequence[Any], needs: Sequence[bool]) -> tuple[Any, ...]:
        """Return cotangents of the arguments' shapes and dtypes, None where none is needed."""
        avals = [
            Aval(tuple(a.shape), _numpy_dtype(a)) if hasattr(a, "shape") else None for a in flat
        ]
        wanted = [n for n, aval in zip(needs, avals, strict=True) if aval is not None]
        fits = iter(fitted(self, tuple(found), avals, wanted))
        return tuple(None if aval is None else next(fits) for aval in avals)

    def _whole(self, made: Any, size: int) -> Any:
        """Return a batching rule's results with their batch dims first."""
        if not isinstance(made, tuple) or len(made) != 2:
            raise RuntimeError(
                f"{self.name}: the rule of register_vmap must return the results and where their "
                f"batch dims are, got {type(made).__name__}"
            )
        results, dims = made
        several = isinstance(results, (tuple, list))
        values = list(results) if several else [results]
        places = list(dims) if isinstance(dims, (tuple, list)) else [dims] * len(values)
        out = [
            v.expand((size, *v.shape)) if d is None else v.movedim(d, 0)
            for v, d in zip(values, places, strict=True)
        ]
        return tuple(out) if several else out[0]


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


def _numpy_dtype(value: Any) -> Any:
    return value._data.dtype if isinstance(value, Tensor) else value.dtype


def _device_of(tensors: Sequence[Any]) -> Any:
    from weft._core.device import device_of

    found = [device_of(t) for t in tensors if isinstance(t, Tensor)]
    return found[0].type if found else None


def _shown(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that users gave."""
    return {k: v for k, v in settings.items() if k != LENGTHS}


def _absent(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with None for each value."""
    return {k: v if k == LENGTHS else None for k, v in settings.items()}


def _any(wanted: Any) -> bool:
    return any(map(bool, wanted)) if isinstance(wanted, list) else bool(wanted)


def _randomness() -> str:
    return str(here.batches[-1][2]) if here.batches else "error"
