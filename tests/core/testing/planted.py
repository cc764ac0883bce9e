"""Wrong derivative rules that a gradient check must catch, and right ones that it must pass.

Every function is written against a library's names, ``lib`` being weft or torch, so that both
libraries' checks can be asked about the very same functions.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Planted:
    """A function with a mistake in one of its derivative rules.

    Attributes:
        func: the function.
        inputs: where its derivatives are wrong.
        says: a regular expression found in the message of weft's check.
        check: "gradcheck" or "gradgradcheck".
        settings: what the check must be told to look at.
        fast: whether fast mode catches it too.
        torch: whether PyTorch's check catches it (and in fast mode, if ``torch_fast``).
        torch_fast: whether PyTorch's fast mode catches it.
    """

    func: Callable[..., Any]
    inputs: tuple[Any, ...]
    says: str = "Jacobian .*not the measured"
    check: str = "gradcheck"
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    fast: bool = True
    torch: bool = True
    torch_fast: bool = True


def function(
    lib: Any,
    forward: Callable[..., Any],
    backward: Callable[..., Any],
    jvp: Callable[..., Any] | None = None,
    materialize: bool = True,
) -> Callable[..., Any]:
    """Return a function with rules of its own.

    Args:
        lib: weft or torch.
        forward: the function.
        backward: ``backward(arguments, *cotangents)``, the gradients.
        jvp: ``jvp(arguments, *tangents)``, the tangents of the results.
        materialize: whether a cotangent that is absent comes as zeros, and not as None.
    """

    class Own(lib.autograd.Function):  # type: ignore[misc]  # a class of either library
        @staticmethod
        def forward(ctx: Any, *args: Any) -> Any:
            ctx.save_for_backward(*args)
            ctx.kept = args
            ctx.set_materialize_grads(materialize)
            return forward(*args)

        @staticmethod
        def backward(ctx: Any, *gs: Any) -> Any:
            return backward(ctx.saved_tensors, *gs)

    if jvp is not None:
        Own.jvp = staticmethod(lambda ctx, *ts: jvp(ctx.kept, *ts))
    return Own.apply


class Maker:
    """Makes inputs: fixed numbers without any symmetry, away from zero."""

    def __init__(self, lib: Any) -> None:
        self._lib = lib

    def real(self, *shape: int, start: int = 1) -> Any:
        count = math.prod(shape)
        flat = [0.4 + math.modf((start + i) * 0.6180339887)[0] for i in range(count)]
        data = self._lib.tensor(flat, dtype=self._lib.float64)
        return data.reshape(shape).requires_grad_()

    def cplx(self, *shape: int) -> Any:
        parts = (self.real(*shape, start=n).detach() for n in (3, 17))
        return self._lib.complex(*parts).requires_grad_()


def wrong_rules(lib: Any) -> dict[str, Planted]:
    """Return functions with a wrong rule, by the mistake."""
    make = Maker(lib)
    real, cplx = make.real, make.cplx

    def of_sine(wrong: Callable[..., Any]) -> Callable[..., Any]:
        return function(lib, lambda x: x.sin(), lambda saved, g: wrong(g, *saved))

    def one_element_off(g: Any, x: Any) -> Any:
        off = lib.zeros_like(x)
        off[1, 0] = 0.05
        return g * (x.cos() + off)

    calls: list[int] = []

    def drifting(g: Any, x: Any) -> Any:
        calls.append(1)
        return g * x.cos() * (1 + 1e-7 * len(calls))

    def one_when_zero(g: Any, x: Any) -> Any:
        return g * x.cos() if bool((g != 0).any()) else lib.ones_like(x)

    def pair(backward: Callable[..., Any], materialize: bool = True) -> Callable[..., Any]:
        """Return x ↦ (x², x³) with a backward pass of ``(g of the first, g of the second, x)``."""
        return function(
            lib,
            lambda x: (x * x, x * x * x),
            lambda saved, a, b: backward(a, b, *saved),
            materialize=materialize,
        )

    def first_only(a: Any, b: Any, x: Any) -> Any:
        if a is not None:
            return a * 2 * x
        return None if b is None else b * 3 * x * x

    def ones_for_absent(a: Any, b: Any, x: Any) -> Any:
        a = lib.ones_like(x) if a is None else a
        b = lib.zeros_like(x) if b is None else b
        return a * 2 * x + b * 3 * x * x

    def one_for_absent_beside_zero(a: Any, b: Any, x: Any) -> Any:
        out = lib.zeros_like(x) if a is None else a * 2 * x
        if b is None:
            return out
        return out + b * 3 * x * x + (a is None and not bool((b != 0).any()))

    product = lambda backward: function(
        lib, lambda x, y: x * y, lambda saved, g: backward(g, *saved)
    )

    def cut(x: Any) -> Any:
        """Return x³ by a rule that takes its own slope for a constant."""
        return cubed(x)

    cubed = function(lib, lambda x: x**3, lambda saved, g: g * (3 * saved[0] * saved[0]).detach())
    slope_wrong_again = function(lib, lambda x: 3 * x * x, lambda saved, g: 5 * saved[0] * g)
    cubed_with_wrong_slope = function(
        lib, lambda x: x**3, lambda saved, g: g * slope_wrong_again(saved[0])
    )
    cotangent_cut = function(lib, lambda x: x**3, lambda saved, g: g.detach() * 3 * saved[0] ** 2)

    def both_modes(jvp: Callable[..., Any]) -> Callable[..., Any]:
        return function(
            lib,
            lambda x: x.sin(),
            lambda saved, g: g * saved[0].cos(),
            lambda args, t: jvp(t, *args),
        )

    forward = {"check_forward_ad": True}
    return {
        "wrong_sign": Planted(of_sine(lambda g, x: -g * x.cos()), (real(3),), "negated"),
        "factor_two": Planted(of_sine(lambda g, x: 2 * g * x.cos()), (real(3),), "is 2 times"),
        "half": Planted(of_sine(lambda g, x: g * x.cos() / 2), (real(2, 2),), "is 0.5 times"),
        "one_per_cent": Planted(of_sine(lambda g, x: 1.01 * g * x.cos()), (real(3),)),
        "below_the_default_tolerance": Planted(
            of_sine(lambda g, x: 1.0001 * g * x.cos()), (real(3),), settings={"rtol": 1e-6}
        ),
        "wrong_formula": Planted(of_sine(lambda g, x: g * x.sin()), (real(3),)),
        "slope_of_the_result": Planted(of_sine(lambda g, x: g * x.sin().cos()), (real(3),)),
        "no_chain": Planted(of_sine(lambda g, x: x.cos()), (real(3),)),
        "cotangent_alone": Planted(of_sine(lambda g, x: g), (real(3),)),
        "one_element": Planted(of_sine(one_element_off), (real(2, 3),), r"element \(1, 0\)"),
        "shifted": Planted(of_sine(lambda g, x: (g * x.cos()).roll(1)), (real(4),)),
        "none_where_not_zero": Planted(of_sine(lambda g, x: None), (real(3),), "zero everywhere"),
        "zero": Planted(of_sine(lambda g, x: 0 * g), (real(3),), "zero everywhere"),
        "nan": Planted(of_sine(lambda g, x: g * x.cos() / 0 * 0), (real(3),), "not finite"),
        "detached": Planted(lambda x: x * x.detach(), (real(3),), "0.5 times"),
        "nothing_recorded": Planted(
            lambda x: x.detach() * 2, (real(3),), "expected to be zero"
        ),
        "not_deterministic": Planted(of_sine(drifting), (real(3),), "not reentrant"),
        "not_multiplied_by_zero": Planted(
            of_sine(one_when_zero), (real(1),), "not multiplied by grad_output"
        ),
        "square_of_the_cotangent": Planted(
            function(lib, lambda x: x.sin(), lambda saved, g: g * g * saved[0].cos()),
            (real(3),), "not linear|fast_mode=False", torch=False,
        ),
        "missing_conj": Planted(
            function(lib, lambda z: z * z, lambda saved, g: g * 2 * saved[0]),
            (cplx(3),), r"a conj\(\) of the derivative is missing",
        ),
        "conj_too_many": Planted(
            function(lib, lambda z: z.conj() * 1, lambda saved, g: g), (cplx(3),), "negated"
        ),
        "imaginary_part_forgotten": Planted(
            function(lib, lambda z: z * (2 + 1j), lambda saved, g: g.real * (2 - 1j)),
            (cplx(3),), "imaginary part of complex outputs",
        ),
        "real_part_forgotten": Planted(
            function(lib, lambda z: z * (2 + 1j), lambda saved, g: g.imag * 1j * (2 - 1j)),
            (cplx(3),), "real part of complex outputs",
        ),
        "square_of_the_size": Planted(  # ∂|z|²: half of PyTorch's convention
            function(lib, lambda z: (z * z.conj()).real, lambda saved, g: g * saved[0]),
            (cplx(3),), "0.5 times",
        ),
        "wrong_for_one_output": Planted(
            pair(lambda a, b, x: a * 2 * x + b * 2 * x * x), (real(3),), "Jacobian of output 1"
        ),
        "wrong_for_one_input": Planted(
            product(lambda g, x, y: (g * y, g * y)), (real(3), real(3, start=9)),
            "by input 1",
        ),
        "swapped": Planted(product(lambda g, x, y: (g * x, g * y)), (real(3), real(3, start=9))),
        "second_input_forgotten": Planted(
            product(lambda g, x, y: (g * y, None)), (real(3), real(3, start=9)), "input 1"
        ),
        "summed_over_the_wrong_dim": Planted(
            product(lambda g, x, y: (g * y, (g * x).sum(1))), (real(3, 3), real(3, start=9)),
            "by input 1",
        ),
        "not_transposed": Planted(
            function(
                lib, lambda a, b: a @ b,
                lambda saved, g: (g @ saved[1], saved[0].mT @ g),
            ),
            (real(3, 3), real(3, 3, start=20)), "by input 0",
        ),
        "mean_not_divided": Planted(
            function(lib, lambda x: x.mean(), lambda saved, g: g.expand(saved[0].shape)),
            (real(2, 3),), "is 6 times",
        ),
        "first_cotangent_only": Planted(
            pair(first_only, materialize=False), (real(3),), "not linear",
            torch=False, torch_fast=False,
        ),
        "ones_for_an_absent_cotangent": Planted(
            pair(ones_for_absent, materialize=False), (real(3),), "Jacobian of output 1"
        ),
        "one_for_an_absent_cotangent_beside_zero": Planted(
            pair(one_for_absent_beside_zero, materialize=False), (real(1),), "undefined"
        ),
        "piece_of_a_piecewise_rule": Planted(
            function(
                lib, lambda x: lib.where(x > 0, x, 0.1 * x), lambda saved, g: g * (saved[0] > 0)
            ),
            (lib.tensor([-1.0, 0.5, -2.0], dtype=lib.float64, requires_grad=True),), "3|2 of 9",
        ),
        "second_derivative_missing": Planted(cut, (real(3),), check="gradgradcheck"),
        "second_derivative_wrong": Planted(
            cubed_with_wrong_slope, (real(3),), "gradient by argument 0", check="gradgradcheck"
        ),
        "cotangent_detached": Planted(
            cotangent_cut, (real(3),), r"grad_outputs\[0\]", check="gradgradcheck"
        ),
        "tangent_sign": Planted(
            both_modes(lambda t, x: -t * x.cos()), (real(3),), "by forward mode",
            settings=forward,
        ),
        "tangent_factor": Planted(
            both_modes(lambda t, x: 3 * t * x.cos()), (real(3),), "is 3 times", settings=forward
        ),
        "tangent_conjugated": Planted(
            function(
                lib, lambda z: z.exp(), lambda saved, g: g * saved[0].exp().conj(),
                lambda args, t: t.conj() * args[0].exp(),
            ),
            (cplx(3),), "imaginary part of complex inputs", settings=forward,
        ),
        "cannot_be_batched": Planted(
            function(
                lib, lambda x: x.sum(), lambda saved, g: lib.full_like(saved[0], g.item())
            ),
            (real(3),), "batched gradients", settings={"check_batched_grad": True},
        ),
        "an_output_closed_over": Planted(
            lambda x: (x.exp(), x.detach().exp() * x), (real(3),), "Jacobian of output 1"
        ),
    }  # fmt: skip


def absent_cotangent_unexpected(lib: Any) -> Callable[..., Any]:
    """Return a function whose backward pass raises where a cotangent is None."""
    return function(
        lib,
        lambda x: (x * x, x * x * x),
        lambda saved, a, b: a * 2 * saved[0] + b * 3 * saved[0] ** 2,
        materialize=False,
    )


def right_rules(lib: Any) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Return functions whose derivatives are right, and where to check them."""
    make = Maker(lib)
    real, cplx = make.real, make.cplx
    sine = function(
        lib, lambda x: x.sin(), lambda saved, g: g * saved[0].cos(),
        lambda args, t: t * args[0].cos(),
    )  # fmt: skip
    squares = function(
        lib, lambda z: z * z, lambda saved, g: g * 2 * saved[0].conj(),
        lambda args, t: t * 2 * args[0],
    )  # fmt: skip
    return {
        "sine": (sine, (real(2, 3),)),
        "square_of_complex": (squares, (cplx(3),)),
        "sum_of_products": (lambda x, y: (x * y).sum(), (real(3), real(3, start=9))),
        "broadcast": (lambda x, y, z: x * y + z, (real(2, 3), real(3), real(2, 1))),
        "outputs": (lambda x: (x.exp(), x.log().sum(), x), (real(3),)),
        "matmul": (lambda a, b: a @ b, (real(2, 3), real(3, 2))),
        "complex_matmul": (lambda a, b: a @ b, (cplx(2, 3), cplx(3, 2))),
        "size_of_complex": (lambda z: z.abs(), (cplx(2, 2),)),
        "angle": (lambda z: z.angle(), (cplx(3),)),
        "complex_of_real": (lambda x: lib.exp(1j * x), (real(3),)),
        "conjugates": (lambda z, w: z.conj() * w, (cplx(3), cplx(3))),
        "real_and_imaginary": (lambda z: (z.real, z.imag * 2), (cplx(3),)),
        "fourier": (lambda z: lib.fft.fft(z), (cplx(4),)),
        "softmax": (lambda x: lib.softmax(x, 0), (real(4),)),
        "norm": (lambda x: lib.linalg.norm(x), (real(3),)),
        "determinant": (lib.linalg.det, (real(3, 3),)),
        "eigenvalues": (lambda a: lib.linalg.eigvalsh(a + a.mT), (real(3, 3),)),
        "convolution": (lib.nn.functional.conv1d, (real(1, 2, 5), real(2, 2, 3, start=20))),
        "indexed": (lambda x: x[[0, 0, 2]], (real(3),)),
        "maximum": (lambda x: x.max(0), (real(3, 2),)),
        "sorted": (lambda x: x.sort(), (real(4),)),
        "where": (lambda x: lib.where(x > 0.8, x * x, x.exp()), (real(5),)),
        "cumulative": (lambda x: x.cumprod(0), (real(4),)),
        "in_place": (lambda x: x.clone().mul_(x).sin_(), (real(3),)),
        "unused": (lambda x, y: x * 2, (real(3), real(2))),
        "with_a_number": (lambda x, n: x**n, (real(3), 3)),
        "constant_argument": (lambda x, y: x * y, (real(3), real(3).detach())),
        "identity": (lambda x: x, (real(3),)),
        "zero_dims": (lambda x: x.exp(), (real(),)),
        "empty": (lambda x: x.exp(), (real(0, 2),)),
    }


def borderline(lib: Any) -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    """Return functions at points where it takes care to say what is right, and settings."""
    make = Maker(lib)

    def at(*values: float, dtype: Any = None) -> Any:
        return lib.tensor(values, dtype=dtype or lib.float64, requires_grad=True)

    inf = math.inf
    return {
        "kink_of_abs": (lambda x: x.abs(), (at(0.0, 1.0),), {}),
        "kink_of_relu": (lambda x: x.relu(), (at(0.0, 1.0),), {}),
        "beside_a_kink": (lambda x: (x - 1e-7).abs(), (at(0.0, 1.0),), {}),
        "beside_a_kink_small_step": (lambda x: (x - 1e-7).abs(), (at(0.0, 1.0),), {"eps": 1e-8}),
        "root_at_zero": (lambda x: x.sqrt(), (at(0.0, 1.0),), {}),
        "logarithm_below_zero": (lambda x: x.log(), (at(-1.0),), {}),
        "division_by_zero": (lambda x: 1 / x, (at(0.0),), {}),
        "step": (lambda x: x.sign(), (at(-1.0, 2.0),), {}),
        "rounded": (lambda x: x.round(), (at(0.3, 1.7),), {}),
        "rounded_at_a_half": (lambda x: x.round(), (at(0.5),), {}),
        "tie_of_max": (lambda x: x.max(), (at(1.0, 1.0),), {}),
        "tie_of_amax": (lambda x: x.amax(), (at(1.0, 1.0),), {}),
        "detached_constant": (lambda x: x.detach().sign(), (at(1.0, 2.0),), {}),
        "detached_and_changing": (lambda x: x.detach() * 2, (at(1.0, 2.0),), {}),
        "one_output_detached": (lambda x: (x * 2, x.detach() * 3), (at(1.0),), {}),
        "single_precision": (lambda x: x.sin(), (at(0.5, 1.0, dtype=lib.float32),), {}),
        "single_precision_large_step": (
            lambda x: x.sin(),
            (at(0.5, 1.0, dtype=lib.float32),),
            {"eps": 1e-2, "atol": 1e-2, "rtol": 1e-2},
        ),
        "computed_in_single_precision": (lambda x: x.float().sin(), (at(0.5),), {}),
        "coarse_step": (lambda x: x**3, (at(0.5),), {"eps": 0.5}),
        "no_tolerance": (lambda x: x.exp(), (at(0.5),), {"rtol": 0, "atol": 0}),
        "huge": (lambda x: x * 1e300, (at(1.0),), {}),
        "overflow": (lambda x: x.exp(), (at(800.0),), {}),
        "infinite_input": (lambda x: 1 / x, (at(inf),), {}),
        "nan_input": (lambda x: x * 2, (at(math.nan),), {}),
        "truth": (lambda x: (x > 0).to(lib.float64) * x, (at(1.0, -1.0),), {}),
        "mixed_dtypes": (
            lambda x, y: x * y,
            (at(1.0), at(2.0, dtype=lib.float32)),
            {"check_grad_dtypes": True},
        ),
        "masked": (lambda x: x.sin(), (make.real(2),), {"masked": True}),
        "no_leaf": (lambda x: x.sin(), (make.real(2) * 3,), {}),
    }
