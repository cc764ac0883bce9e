"""Wrong rules planted into copies of op records: the catalogue's tests must catch each of them.

A generated test that no wrong rule can fail would prove nothing. Each mutation here is a mistake an
author could make; the test functions of ``test_catalogue`` are called directly on the mutated op.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import weft
from tests.core import test_catalogue as checks
from weft._core import catalogue
from weft._core.aval import Aval
from weft._core.op import NotDifferentiable, Op

Change = Callable[[Op], dict[str, Any]]


def scaled(factor: float) -> Change:
    """Multiply every cotangent: a wrong sign or a missing factor."""

    def change(op: Op) -> dict[str, Any]:
        def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> Any:
            found = op.vjp(needs, g, out, *args, **params)
            return tuple(None if ct is None else ct * factor for ct in found)

        return {"vjp": vjp}

    return change


def both_modes(factor: float) -> Change:
    """Make vjp and jvp share one wrong formula, which the adjoint test alone cannot see."""

    def change(op: Op) -> dict[str, Any]:
        def jvp(tangents: Any, out: Any, *args: Any, **params: Any) -> Any:
            slope = op.jvp(tangents, out, *args, **params)
            return None if slope is None else slope * factor

        return {**scaled(factor)(op), "jvp": jvp}

    return change


def wrong_jvp(op: Op) -> dict[str, Any]:
    def jvp(tangents: Any, out: Any, *args: Any, **params: Any) -> Any:
        slope = op.jvp(tangents, out, *args, **params)
        return None if slope is None else slope * 2

    return {"jvp": jvp}


def no_gradient_of_the_second(op: Op) -> dict[str, Any]:
    def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> Any:
        first, *_ = op.vjp(needs, g, out, *args, **params)
        return (first, *(None for _ in args[1:]))

    return {"vjp": vjp}


def no_unbroadcast(op: Op) -> dict[str, Any]:
    """Send g on as it is, of the result's shape and not the argument's."""
    return {"vjp": lambda needs, g, out, *args, **params: tuple(g if n else None for n in needs)}


def swapped_arguments(op: Op) -> dict[str, Any]:
    """Give each argument the cotangent of the other."""

    def vjp(needs: Any, g: Any, out: Any, x: Any, y: Any, **params: Any) -> Any:
        a, b = op.vjp((True, True), g, out, x, y, **params)
        return b, a

    return {"vjp": vjp}


def nothing_saved(op: Op) -> dict[str, Any]:
    return {"saves": ()}


def cut_second_derivative(op: Op) -> dict[str, Any]:
    """Take the first derivative's factor for a constant."""

    def vjp(needs: Any, g: Any, out: Any, *args: Any, **params: Any) -> Any:
        cut = [a.detach() if isinstance(a, weft.Tensor) else a for a in args]
        was = out.detach() if isinstance(out, weft.Tensor) else out
        return op.vjp(needs, g, was, *cut, **params)

    return {"vjp": vjp}


def untransposed(op: Op) -> dict[str, Any]:
    """Reshape the cotangent to the argument's shape instead of transposing it back."""
    return {
        "vjp": lambda needs, g, out, x, *rest, **params: (
            g.reshape(tuple(x.shape)),
            *(None for _ in rest),
        )
    }


def batched_along_the_wrong_dim(op: Op) -> dict[str, Any]:
    """Apply the op to the batch as if its first dim were one of the example's."""

    def batch(size: int, batched: Any, *args: Any, **params: Any) -> Any:
        out = op.batch(size, batched, *args, **params)
        return out.flip(0)

    return {"batch": batch}


def unbatched_dims(op: Op) -> dict[str, Any]:
    """Forget to move the setting ``dim`` past the batch axis."""
    from weft._core.dispatch import apply

    return {"batch": lambda size, batched, *args, **params: apply(op, args, params)}


def shape_rule(op: Op, rule: Callable[..., Any]) -> dict[str, Any]:
    """Put in a shape rule, which is also the kernel of the meta device."""
    return {"shape": rule, "kernels": {**op.kernels, Aval: rule}}


def unshaped(op: Op) -> dict[str, Any]:
    """Let the shape rule return the first argument's shape, whatever the op does."""
    return shape_rule(op, lambda x, *rest, **params: x)


def float64_shape(op: Op) -> dict[str, Any]:
    def shape(*args: Any, **params: Any) -> Any:
        out = op.shape(*args, **params)
        return out.like(dtype=weft.float64.numpy)

    return shape_rule(op, shape)


def plain_kernel(mistake: Callable[[Any], Any]) -> Change:
    """Run every kernel of the op with a mistake in its result, for some dtypes only."""

    def change(op: Op) -> dict[str, Any]:
        def wrapped(kernel: Any) -> Any:
            return lambda *arrays, **params: mistake(kernel(*arrays, **params))

        return {"kernels": {kind: wrapped(k) for kind, k in op.kernels.items()}}

    return change


def narrowed(data: Any) -> Any:
    """Lose digits in float32 only."""
    return data.astype("float16").astype(data.dtype) if str(data.dtype) == "float32" else data


GRADIENT = "test_the_gradient_agrees_with_finite_differences"
ADJOINT = "test_forward_mode_is_the_adjoint_of_reverse_mode"
SECOND = "test_the_second_derivative_agrees_with_finite_differences"
BATCH = "test_batching_agrees_with_a_loop"
META = "test_the_meta_device_tells_shape_and_dtype"
NARROW = "test_float32_agrees_with_float64"
RECORD = "test_no_rule_is_silently_absent"

#: The function whose samples run, the op that is changed, how, and the test that must notice.
MUTATIONS = [
    ("wrong_sign", "sin", "sin", scaled(-1), GRADIENT),
    ("missing_factor_2", "square", "square", scaled(0.5), GRADIENT),
    ("both_modes_share_a_wrong_factor", "exp", "exp", both_modes(1.5), GRADIENT),
    ("modes_disagree", "tanh", "tanh", wrong_jvp, ADJOINT),
    ("second_argument_forgotten", "mul", "mul", no_gradient_of_the_second, GRADIENT),
    ("missing_unbroadcast", "plus", "plus", no_unbroadcast, GRADIENT),
    ("swapped_cotangents", "true_divide", "true_divide", swapped_arguments, GRADIENT),
    ("nothing_saved", "log", "log", nothing_saved, GRADIENT),
    ("output_not_saved", "sigmoid", "sigmoid", nothing_saved, GRADIENT),
    ("bilinear_swapped", "matmul", "matmul", swapped_arguments, GRADIENT),
    ("bilinear_one_side_forgotten", "matmul", "matmul", no_gradient_of_the_second, GRADIENT),
    ("bilinear_nothing_saved", "matmul", "matmul", nothing_saved, GRADIENT),
    ("wrong_transpose", "permute", "transposed", untransposed, GRADIENT),
    ("wrong_flip_transpose", "flip", "flipped", untransposed, GRADIENT),
    ("reduction_factor", "sum", "sum", scaled(2), GRADIENT),
    ("reduction_modes_disagree", "prod", "prod", wrong_jvp, ADJOINT),
    ("reduction_wrong_second_order", "prod", "prod", cut_second_derivative, SECOND),
    ("constant_slope", "tanh", "tanh", cut_second_derivative, SECOND),
    ("gather_factor", "gather", "picked", both_modes(3), GRADIENT),
    ("custom_sign", "logsumexp", "logsumexp", scaled(-1), GRADIENT),
    ("batch_reversed", "tanh", "tanh", batched_along_the_wrong_dim, BATCH),
    ("batch_forgets_dims", "sum", "sum", unbatched_dims, BATCH),
    ("batch_forgets_dims_of_linear", "cumsum", "running_sum", unbatched_dims, BATCH),
    ("batch_forgets_dims_of_view", "permute", "transposed", batched_along_the_wrong_dim, BATCH),
    ("shape_of_reduction", "sum", "sum", unshaped, META),
    ("shape_of_matmul", "matmul", "matmul", unshaped, META),
    ("dtype_of_comparison", "eq", "eq", float64_shape, META),
    ("wrong_dtype_of_elementwise", "exp", "exp", float64_shape, META),
    ("digits_lost_in_float32", "logsumexp", "logsumexp", plain_kernel(narrowed), NARROW),
    ("a_rule_left_out", "exp", "exp", lambda op: {"jvp": None}, RECORD),
    ("half_differentiable", "exp", "exp", lambda op: {"jvp": NotDifferentiable("no")}, RECORD),
]  # fmt: skip


def runs_of(entry: catalogue.Public, check: str) -> Iterator[Callable[[], None]]:
    """Return the calls of one catalogue test on one function, as pytest would make them."""
    test = getattr(checks, check)
    for sample in entry.samples:
        if check != META and not checks.reads_floats(sample):
            continue
        if check == META:
            yield lambda s=sample: test(entry, s, "float32")
        else:
            yield lambda s=sample: test(entry, s)


def failures(entry: catalogue.Public, op: Op, check: str) -> int:
    """Count the samples on which a catalogue test fails, in whichever way."""
    if check == RECORD:
        calls: list[Callable[[], None]] = [lambda: checks.test_no_rule_is_silently_absent(op)]
    else:
        calls = list(runs_of(entry, check))
    assert calls, "no sample runs, so nothing could be caught"
    count = 0
    for call in calls:
        try:
            call()
        except Exception:  # a wrong rule may fail in any way; that it fails is the claim
            count += 1
    return count


@pytest.fixture
def plant() -> Iterator[Callable[[Op, dict[str, Any]], None]]:
    """Give a function that changes an op's frozen record until the test ends."""
    undo: list[tuple[Op, str, Any]] = []

    def change(op: Op, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            undo.append((op, name, getattr(op, name)))
            object.__setattr__(op, name, value)

    yield change
    for op, name, value in reversed(undo):
        object.__setattr__(op, name, value)


@pytest.mark.parametrize(
    ("function", "op_name", "change", "check"),
    [pytest.param(*m[1:], id=m[0]) for m in MUTATIONS],
)
def test_the_catalogue_catches_the_planted_mistake(plant, function, op_name, change, check):
    entry, op = catalogue.public[function], catalogue.ops[op_name]
    assert failures(entry, op, check) == 0, "the check must hold before the mistake is planted"
    original = dataclasses.replace(op)
    plant(op, change(original))
    assert failures(entry, op, check) > 0


def test_mistakes_are_planted_in_every_family_that_has_rules():
    families = {catalogue.ops[m[2]].family for m in MUTATIONS}
    assert families == {"elementwise", "linear", "bilinear", "reduction", "custom"}


def test_an_error_that_no_longer_comes_is_noticed(plant):
    entry = catalogue.public["matmul"]
    op = entry.op
    sample = entry.errors[0]
    checks.test_wrong_arguments_raise_the_promised_error(entry, sample)
    plant(op, {"shape": lambda *a, **k: None, "kernels": {}})
    with pytest.raises((Exception, pytest.fail.Exception)):
        checks.test_wrong_arguments_raise_the_promised_error(entry, sample)
