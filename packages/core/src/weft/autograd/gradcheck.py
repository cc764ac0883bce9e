"""Checks that derivatives are right, by comparing them with finite differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from weft._core.errors import GradError
from weft._core.tensor import Tensor

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]


class GradcheckError(GradError):
    """Raised by :func:`gradcheck` and :func:`gradgradcheck`: a derivative is wrong."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Compare the derivatives of a function with finite differences.

    Every floating or complex input that requires grad is moved, one element after the other, by
    ±``eps``. The Jacobian measured so and the one that backward gives must agree within
    ``atol + rtol·|measured|``. The real and the imaginary part of a complex output are checked each
    as a function of its own; the gradient by a complex input x + iy is ∂L/∂x + i ∂L/∂y. Besides,
    two backward passes must give the same numbers, backward must be linear in its cotangents, and
    zero or undefined (None) cotangents must give zero gradients.

    The inputs' own memory is moved, and put back: a function may also read an input by another way
    than its argument, as a module reads its weight (but not where forward mode is checked).

    At a kink the two sides have different slopes and no derivative is right: move the inputs away
    from it. The defaults suit float64 and complex128; other dtypes are warned of.

    Args:
        func: takes ``inputs`` and returns a tensor or a tuple of them.
        inputs: a tensor or a sequence of arguments, at least one a tensor that requires grad.
        eps: how far an element is moved.
        atol: absolute tolerance.
        rtol: relative tolerance.
        raise_exception: whether to raise when the check fails, instead of returning False.
        nondet_tol: how far two backward passes may differ; 0 asks for the same bits.
        check_undefined_grad: also check that undefined gradients of outputs count as zeros, and so
            do undefined tangents of inputs if forward mode is checked.
        check_grad_dtypes: also check that gradients have their inputs' dtypes, and tangents their
            outputs'.
        check_batched_grad: also check backward under ``vmap``.
        check_batched_forward_grad: also check forward mode under ``vmap``.
        check_forward_ad: also check forward mode.
        check_backward_ad: check reverse mode.
        fast_mode: compare vᵀJu for random u and v instead of every entry of J: two calls of func
            for each input instead of two for each element.
        masked: True lets gradients of zero cotangents be merely near zero. PyTorch's flag for
            sparse inputs, of which weft has none.

    Returns:
        bool: True if everything holds; False if not and ``raise_exception`` is False.

    Raises:
        GradcheckError: a derivative is wrong. The message says which input and output it is, where
            the largest difference is, shows both Jacobians around it, and names what the wrong one
            resembles: the negated one, the conjugate, a multiple.
        ValueError: no input requires grad, or the checks asked for exclude each other.
        RuntimeError: elements of an input share memory, or it is read-only.
        TypeError: func returned something that is not a tensor.

    Source: the names, the defaults and the fast mode are those of PyTorch's
    ``torch.autograd.gradcheck``. That backward is linear in its cotangents is checked only here.

    Example:
        >>> x = weft.rand(3, dtype=weft.float64, requires_grad=True)
        >>> weft.autograd.gradcheck(weft.sin, x)
        True
    """
    if not (check_forward_ad or check_backward_ad):
        raise ValueError("gradcheck: check_forward_ad and check_backward_ad cannot both be False")
    if check_batched_grad and not check_backward_ad:
        raise ValueError("gradcheck: check_batched_grad=True needs check_backward_ad=True")
    if check_batched_forward_grad and not check_forward_ad:
        raise ValueError("gradcheck: check_batched_forward_grad=True needs check_forward_ad=True")
    from weft.autograd import _checks  # loads when first used

    settings = _checks.Settings(
        eps=eps,
        atol=atol,
        rtol=rtol,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=check_batched_forward_grad,
        check_forward_ad=check_forward_ad,
        check_backward_ad=check_backward_ad,
        fast_mode=fast_mode,
        masked=bool(masked),
    )
    try:
        _checks.run(_checks.Problem("gradcheck", func, _checks.as_tuple(inputs)), settings)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Compare the second derivatives of a function with finite differences of the first.

    The function checked is the one from inputs and cotangents to gradients: :func:`gradcheck` of
    ``(inputs, grad_outputs) ↦ grad(func(inputs), inputs, grad_outputs)``.

    Args:
        func: takes ``inputs`` and returns a tensor or a tuple of them.
        inputs: a tensor or a sequence of arguments, at least one a tensor that requires grad.
        grad_outputs: for each output that requires grad its cotangent, or None for one that has
            none; those that require grad are differentiated by too. None draws them in [-1, 1).
        eps: how far an element is moved.
        atol: absolute tolerance.
        rtol: relative tolerance.
        gen_non_contig_grad_outputs: whether cotangents drawn here are not contiguous.
        raise_exception: whether to raise when the check fails, instead of returning False.
        nondet_tol: how far two backward passes may differ; 0 asks for the same bits.
        check_undefined_grad: also check that undefined gradients count as zeros.
        check_grad_dtypes: also check that gradients have their inputs' dtypes.
        check_batched_grad: also check the second backward under ``vmap``.
        check_fwd_over_rev: also check forward mode over backward.
        check_rev_over_rev: check backward of backward.
        fast_mode: compare along random directions only, as :func:`gradcheck` does.
        masked: as for :func:`gradcheck`.

    Returns:
        bool: True if everything holds; False if not and ``raise_exception`` is False.

    Raises:
        GradcheckError: a second derivative is wrong, or no output of func requires grad.
        ValueError: as for :func:`gradcheck`; or there are not as many cotangents as outputs that
            require grad.

    Source: PyTorch's ``torch.autograd.gradgradcheck``.

    Example:
        >>> x = weft.rand(3, dtype=weft.float64, requires_grad=True)
        >>> weft.autograd.gradgradcheck(weft.sin, x)
        True
    """
    if not (check_fwd_over_rev or check_rev_over_rev):
        raise ValueError(
            "gradgradcheck: check_fwd_over_rev and check_rev_over_rev cannot both be False"
        )
    if check_undefined_grad and not check_rev_over_rev:
        raise ValueError("gradgradcheck: check_undefined_grad=True needs check_rev_over_rev=True")
    if check_batched_grad and not check_rev_over_rev:
        raise ValueError("gradgradcheck: check_batched_grad=True needs check_rev_over_rev=True")
    from weft.autograd import _checks
    from weft.autograd._twice import Gradient

    settings = _checks.Settings(
        eps=eps,
        atol=atol,
        rtol=rtol,
        nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad,
        check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad,
        check_batched_forward_grad=False,
        check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
        fast_mode=fast_mode,
        masked=bool(masked),
    )
    try:
        first = Gradient(func, _checks.as_tuple(inputs), grad_outputs, gen_non_contig_grad_outputs)
        problem = _checks.Problem("gradgradcheck", first, first.arguments, first.labels)
        _checks.run(problem, settings)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


# `weft.autograd.gradcheck` is this function, which stands in front of the module of its name.
gradcheck.GradcheckError = GradcheckError  # type: ignore[attr-defined]  # a function's own attribute
