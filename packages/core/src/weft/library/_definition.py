"""A user's op: the record that weft's own ops have, filled by registering rules."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from weft._core.dispatch import apply
from weft._core.errors import GradError
from weft._core.kernels import bind
from weft._core.op import Op
from weft._core.tensor import Tensor
from weft.autograd._applying import VmapInfo
from weft.library._arguments import Arguments
from weft.library._derived import forward_by_reverse, loop
from weft.library._rules import absent, fitted_to, randomness, shown, vjp_of_context, whole
from weft.library._running import Running

#: The ops that users have defined, by qualified name.
defined: dict[str, CustomOpDef] = {}


class CustomOpDef(Running):
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
        self._fill(saves, vjp=functools.partial(vjp_of_context, self))

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
                found = rule(needs, g, out, *flat, **shown(settings))
                return fitted_to(self, found, flat, needs)

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
                return rule(tangents, out, *flat, **shown(settings))

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
                    [0 if b else None for b in batched], absent(settings)
                )
                info = VmapInfo(size, randomness())
                made = rule(info, tuple(dims), *args, **named)
                return whole(self, made, size)

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

    def _no_vjp(self, *_: Any, **__: Any) -> Any:
        raise GradError(
            f"{self.name}: backward came to this op, which has no derivative; give it one with "
            f"register_autograd(backward, setup_context=...) or register_vjp"
        )
