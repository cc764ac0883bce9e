"""The functions on lists of tensors: the loops they stand for, and their one error for lengths."""

from __future__ import annotations

import pytest

import weft
from weft import foreach

ONE = [
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor",
    "frac", "lgamma", "log", "log10", "log1p", "log2", "neg", "reciprocal", "round", "rsqrt",
    "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
]  # fmt: skip
TWO = ["add", "sub", "mul", "div", "clamp_max", "clamp_min", "maximum", "minimum"]


def lists() -> tuple[list[weft.Tensor], list[weft.Tensor], list[weft.Tensor]]:
    first = [weft.tensor([0.25, 0.5]), weft.tensor([[0.75], [0.125]]), weft.tensor(0.5)]
    second = [weft.tensor([0.5, 0.25]), weft.tensor([[0.25], [0.75]]), weft.tensor(2.0)]
    third = [weft.tensor([2.0, 4.0]), weft.tensor([[1.5], [0.5]]), weft.tensor(0.25)]
    return first, second, third


def values(tensors) -> list:
    return [t.tolist() for t in tensors]


def test_every_name_of_the_module_is_one_of_its_functions():
    for name in foreach.__all__:
        assert callable(getattr(foreach, name)), name
        assert getattr(weft, f"_foreach_{name}") is getattr(foreach, name)


@pytest.mark.parametrize("name", ONE)
def test_a_function_of_one_is_the_loop(name):
    first, _, _ = lists()
    expected = [getattr(weft, name)(x) for x in first]
    made = getattr(foreach, name)(first)
    assert type(made) is tuple
    assert values(made) == values(expected)
    assert getattr(foreach, f"{name}_")(first) is first
    assert values(first) == values(expected)


@pytest.mark.parametrize("name", TWO)
def test_a_function_of_two_takes_lists_and_numbers(name):
    function = getattr(weft, name)
    for other in (lists()[1], [0.5, 2, 0.25], 0.375, weft.tensor(0.375)):
        first, _, _ = lists()
        each = other if isinstance(other, list) else [other] * 3
        expected = [function(x, y) for x, y in zip(first, each, strict=True)]
        assert values(getattr(foreach, name)(first, other)) == values(expected)
        assert getattr(foreach, f"{name}_")(first, other) is first
        assert values(first) == values(expected)


@pytest.mark.parametrize("name", ["addcmul", "addcdiv"])
def test_a_function_of_three_takes_factors_as_a_number_a_list_or_a_tensor(name):
    for value in (0.5, [1.0, 2.0, 0.5], weft.tensor([1.0, 2.0, 0.5])):
        first, second, third = lists()
        each = value.tolist() if isinstance(value, weft.Tensor) else value
        each = each if isinstance(each, list) else [each] * 3
        rows = zip(first, second, third, each, strict=True)
        expected = [getattr(weft, name)(x, a, b, value=v) for x, a, b, v in rows]
        assert values(getattr(foreach, name)(first, second, third, value)) == values(expected)
        getattr(foreach, f"{name}_")(first, second, third, value=value)
        assert values(first) == values(expected)


def test_alpha_multiplies_the_second_list():
    first, second, _ = lists()
    assert values(foreach.sub(first, second, alpha=2)) == [[-0.75, 0.0], [[0.25], [-1.375]], -3.5]


def test_lerp_takes_one_weight_or_many():
    first, second, third = lists()
    for weight in (0.25, [0.25, 0.5, 0.75], third):
        each = weight if isinstance(weight, list) else [weight] * 3
        expected = [weft.lerp(*row) for row in zip(first, second, each, strict=True)]
        assert values(foreach.lerp(first, second, weight)) == values(expected)
    foreach.lerp_(first, second, third)
    assert values(first) == values(expected)


def test_pow_takes_a_number_as_its_base():
    first, second, _ = lists()
    assert values(foreach.pow(2.0, [weft.tensor([1.0, 2.0]), weft.tensor(3.0)])) == [[2, 4], 8]
    expected = [weft.pow(x, y) for x, y in zip(first, second, strict=True)]
    assert values(foreach.pow(first, second)) == values(expected)
    foreach.pow_(first, 2)
    assert values(first) == [[0.0625, 0.25], [[0.5625], [0.015625]], 0.25]


def test_norms_sums_of_powers_and_largest_elements_are_one_number_for_each():
    tensors = [weft.tensor([3.0, -4.0]), weft.tensor([[2.0]])]
    assert values(foreach.norm(tensors)) == [5, 2]
    assert values(foreach.norm(tensors, 1)) == [7, 2]
    assert values(foreach.norm(tensors, float("inf"))) == [4, 2]
    assert foreach.norm(tensors, dtype=weft.float64)[0].dtype is weft.float64
    assert values(foreach.powsum(tensors, 3)) == [91, 8]
    assert values(foreach.max(tensors)) == [3, 2]


def test_copies_products_and_zeros():
    tensors = [weft.tensor([[1.0, 2.0]]), weft.tensor([[3.0]])]
    copies = foreach.clone(tensors)
    assert values(foreach.mm(tensors, [weft.ones(2, 1), weft.ones(1, 2)])) == [[[3]], [[3, 3]]]
    assert foreach.zero_(tensors) is tensors
    assert values(tensors) == [[[0, 0]], [[0]]]
    assert foreach.copy_(tensors, copies) is tensors
    assert values(tensors) == [[[1, 2]], [[3]]]


def test_autograd_sees_the_loop():
    x = weft.tensor([1.0, 2.0], requires_grad=True)
    y = weft.tensor(3.0, requires_grad=True)
    squares = foreach.mul([x, y], [x, y])
    (squares[0].sum() + squares[1]).backward()
    assert (x.grad.tolist(), y.grad.tolist()) == ([2, 4], 6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda a: foreach.add(a, [1.0]), ValueError, "got 3 tensors and 1 in other"),
        (lambda a: foreach.add_(a, a[:2]), ValueError, "add_: .* got 3 tensors and 2 in other"),
        (lambda a: foreach.addcmul(a, a, a[:1]), ValueError, "3 tensors and 1 in tensor2"),
        (lambda a: foreach.addcmul(a, a, a, [1, 2]), ValueError, "3 tensors and 2 in value"),
        (lambda a: foreach.lerp(a, a[:1], 0.5), ValueError, "3 tensors and 1 in end"),
        (lambda a: foreach.mul(a, weft.ones(3)), ValueError, r"0-d tensor, got a tensor of shape"),
        (lambda a: foreach.sqrt([]), ValueError, "at least one tensor"),
        (lambda a: foreach.sqrt(a[0]), TypeError, "expected a list or tuple of tensors"),
        (lambda a: foreach.sqrt([a[0], 2.0]), TypeError, "element 1 of the list is float 2.0"),
    ],
)
def test_a_wrong_list_is_refused_before_anything_is_written(call, error, message):
    first, _, _ = lists()
    with pytest.raises(error, match=message):
        call(first)
    assert values(first) == values(lists()[0])
