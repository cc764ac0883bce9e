"""Wrong rules planted into op records of every family: the generated tests must catch each.

A generated test that no wrong rule can fail would prove nothing. The mistakes are those of
``mutations.py``; each is planted into ops of each family, and the test functions that pytest
generates from the catalogue are called on the changed op.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.core import mutations as wrong
from tests.core import (
    test_batching_rules,
    test_catalogue,
    test_derivative_rules,
)
from tests.core.drawing import reads_floats
from weft._core import catalogue
from weft._core.op import NotDifferentiable, Op
from weft.transforms import lowering

Check = Callable[..., None]
GRADIENT = test_derivative_rules.test_the_gradient_agrees_with_finite_differences
ADJOINT = test_derivative_rules.test_forward_mode_is_the_adjoint_of_reverse_mode
SECOND = test_derivative_rules.test_the_second_derivative_agrees_with_finite_differences
BATCH = test_batching_rules.test_batching_agrees_with_a_loop
GRADIENT_OF_BATCH = test_batching_rules.test_the_derivatives_of_a_batch_agree_with_a_loop
META = test_catalogue.test_the_meta_device_tells_shape_and_dtype
NARROW = test_catalogue.test_float32_agrees_with_float64
RECORD = test_catalogue.test_no_rule_is_silently_absent

#: The settings with which pytest would call each test.
SETTINGS: dict[Check, tuple[str, ...]] = {
    GRADIENT: ("float64", "complex128"),
    ADJOINT: ("float64", "complex128"),
    SECOND: ("float64", "complex128"),
}
#: What is planted into an op of any family: the rule, the mistake and the test that must notice.
MISTAKES: list[tuple[str, str, wrong.Change, Check]] = [
    ("vjp", "wrong_sign", wrong.scaled(-1), GRADIENT),
    ("vjp", "missing_factor", wrong.scaled(0.5), GRADIENT),
    ("vjp", "factor_shared_with_jvp", wrong.shared_factor, GRADIENT),
    ("vjp", "last_argument_forgotten", wrong.last_forgotten, GRADIENT),
    ("vjp", "nothing_saved", wrong.nothing_saved, GRADIENT),
    ("vjp", "reversed_cotangent", wrong.reversed_cotangent, GRADIENT),
    ("vjp", "cut_graph", wrong.cut_reverse, SECOND),
    ("jvp", "missing_factor", wrong.doubled_forward, ADJOINT),
    ("jvp", "last_tangent_forgotten", wrong.last_tangent_forgotten, ADJOINT),
    ("jvp", "cut_graph", wrong.cut_forward, SECOND),
    ("batch", "reversed", wrong.reversed_batch, BATCH),
    ("batch", "first_example_for_all", wrong.first_for_all, BATCH),
    ("batch", "cut_graph", wrong.cut_batch, GRADIENT_OF_BATCH),
    ("shape", "one_dim_more", wrong.changed_shape(wrong.one_dim_more), META),
    ("shape", "one_element_more", wrong.changed_shape(wrong.one_element_more), META),
    ("shape", "other_dtype", wrong.changed_shape(wrong.in_float64), META),
]
#: Ops that have rules of their own, by what they are. Their keys in the catalogue are theirs.
OPS = {
    "elementwise": ("exp", "tanh", "log", "square", "mul", "true_divide", "atan2", "lerp"),
    "reduction": ("sum", "prod", "amax"),
    "linear": ("running_sum", "fourier", "joined", "fold_windows"),
    "bilinear": ("matmul", "linear_map", "convolve", "convolution_weight"),
    "custom": ("logsumexp", "normalised_exp", "determinant", "triangular_solution"),
    "view": ("transposed", "reshaped_view", "broadcast_to", "diagonal", "piece", "flipped"),
    "index": ("index", "index_view", "picked"),
    "scatter": ("scatter_into_zeros", "placed", "overwritten", "index_add_into_zeros"),
}
#: Mistakes that change nothing in an op, so that there is nothing to notice.
HARMLESS: dict[tuple[str, str], str] = {}
PLANTED = [
    pytest.param(name, change, check, id=f"{kind}-{name}-{rule}-{mistake}")
    for kind, names in OPS.items()
    for name in names
    for rule, mistake, change, check in MISTAKES
    if (name, mistake) not in HARMLESS and change(catalogue.ops[name]) is not None
]
#: Mistakes that only some ops can have.
PARTICULAR = [
    ("exp", wrong.unconjugated, GRADIENT),
    ("true_divide", wrong.unconjugated, GRADIENT),
    ("matmul", wrong.unconjugated, GRADIENT),
    ("convolve", wrong.unconjugated, GRADIENT),
    ("normalised_exp", wrong.unconjugated, GRADIENT),
    ("determinant", wrong.unconjugated, GRADIENT),
    ("prod", wrong.unconjugated, GRADIENT),
    ("fourier", wrong.unconjugated, GRADIENT),
    ("sum", wrong.unmoved_dims, BATCH),
    ("prod", wrong.unmoved_dims, BATCH),
    ("running_sum", wrong.unmoved_dims, BATCH),
    ("logsumexp", wrong.unmoved_dims, BATCH),
    ("normalised_exp", wrong.unmoved_dims, BATCH),
    ("transposed", wrong.unmoved_dims, BATCH),
    ("piece", wrong.unmoved_dims, BATCH),
    ("picked", wrong.unmoved_dims, BATCH),
    ("index", wrong.unmoved_dims, BATCH),
    ("scatter_into_zeros", wrong.unmoved_dims, BATCH),
    ("true_divide", wrong.unmoved_dims, BATCH),
    ("eq", wrong.changed_shape(wrong.in_float64), META),
    ("logsumexp", wrong.digits_lost, NARROW),
    ("exp", lambda op: {"jvp": None}, RECORD),
    ("exp", lambda op: {"jvp": NotDifferentiable("no")}, RECORD),
]
#: Composites have no rules but their bodies: wrong bodies of a copy of the entry.
BODIES: list[tuple[Callable[[wrong.Body], wrong.Body], Check]] = [
    (wrong.constant_in_the_body, GRADIENT),
    (wrong.slope_of_another_function, GRADIENT),
    (wrong.slope_without_curvature, SECOND),
    (wrong.reads_its_data, BATCH),
    (wrong.reads_its_data, META),
    (wrong.loses_digits, NARROW),
]
COMPOSITES = ("mse_loss", "layer_norm", "var", "addcmul", "cosine_similarity", "normalize")


def failures(entry: catalogue.Public, op: Op | None, check: Check) -> Iterator[bool]:
    """Yield for each call that pytest would make of a test whether it fails, in whichever way."""
    calls: list[tuple[Any, ...]] = [(op,)] if check is RECORD else []
    for sample in entry.samples if check is not RECORD else ():
        if reads_floats(sample) or check in (META, BATCH):
            settings = SETTINGS.get(check)
            calls += [(entry, sample, s) for s in settings] if settings else [(entry, sample)]
    assert calls, "no sample runs, so nothing could be caught"
    for call in calls:
        try:
            check(*call)
        except Exception:  # a wrong rule may fail in any way; that it fails is the claim
            yield True
        else:
            yield False


@functools.cache
def holds(name: str, check: Check) -> bool:
    """Whether a test passes on an op as it is. It is asked before anything is planted."""
    return not any(failures(catalogue.public[name], catalogue.ops.get(name), check))


@pytest.fixture
def plant() -> Iterator[Callable[[Op, dict[str, Any]], None]]:
    """Give a function that changes an op's frozen record until the test ends."""
    undo: list[tuple[Op, str, Any]] = []

    def change(op: Op, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            undo.append((op, name, getattr(op, name)))
            object.__setattr__(op, name, value)
        lowering.forget()

    yield change
    for op, name, value in reversed(undo):
        object.__setattr__(op, name, value)
    lowering.forget()


def noticed(plant: Any, name: str, change: wrong.Change, check: Check) -> bool:
    assert holds(name, check), "the check must hold before the mistake is planted"
    op = catalogue.ops[name]
    fields = change(wrong.copy_of(op))
    assert fields is not None
    plant(op, fields)
    return any(failures(catalogue.public[name], op, check))


@pytest.mark.parametrize(("name", "change", "check"), PLANTED)
def test_a_mistake_planted_into_an_op_is_caught(plant, name, change, check):
    assert noticed(plant, name, change, check)


@pytest.mark.parametrize(("name", "change", "check"), PARTICULAR)
def test_a_particular_mistake_is_caught(plant, name, change, check):
    assert noticed(plant, name, change, check)


@pytest.mark.parametrize(("mistake", "check"), BODIES)
@pytest.mark.parametrize("name", COMPOSITES)
def test_a_mistake_in_the_body_of_a_composite_is_caught(name, mistake, check):
    entry = catalogue.public[name]
    assert entry.op is None
    assert holds(name, check), "the check must hold before the mistake is planted"
    changed = dataclasses.replace(entry, function=mistake(entry.function))
    assert any(failures(changed, None, check))


def test_at_least_twenty_mistakes_are_planted_in_every_family_and_in_every_rule():
    planted = collections.Counter(str(p.id).partition("-")[0] for p in PLANTED)
    planted["composite"] = len(COMPOSITES) * len(BODIES)
    assert set(planted) == {*OPS, "composite"}
    assert min(planted.values()) >= 20, planted
    rules = collections.Counter(tuple(str(p.id).split("-")[::2]) for p in PLANTED)
    assert set(rules) == {(kind, rule) for kind in OPS for rule in ("vjp", "jvp", "batch", "shape")}
    families = {catalogue.ops[name].family for names in OPS.values() for name in names}
    assert families == {op.family for op in catalogue.ops.values()}


def test_an_error_that_no_longer_comes_is_noticed(plant):
    entry = catalogue.public["matmul"]
    assert entry.op is not None
    test = test_catalogue.test_wrong_arguments_raise_the_promised_error
    test(entry, entry.errors[0])
    plant(entry.op, {"shape": lambda *a, **k: None, "kernels": {}})
    with pytest.raises((Exception, pytest.fail.Exception)):
        test(entry, entry.errors[0])
