"""Ops that users define, in the form that torch.library has them, against torch."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import numpy as np
import pytest
import torch

import weft

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
_numbers = itertools.count()


def plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return np.round(np.array(value.tolist(), dtype=np.float64), 5).tolist()
    return value


def qualified(lib: Any) -> str:
    return f"parity_{lib.__name__}::op{next(_numbers)}"


def typed(lib: Any, function: Any, kinds: dict[str, Any], result: Any) -> Any:
    """Give a function the annotations of a library's tensors."""
    function.__annotations__ = {**kinds, "return": result}
    function.__signature__ = inspect.signature(function)
    return function


def sine(lib: Any) -> Any:
    def op(x):
        return lib.from_numpy(np.asarray(np.sin(x.numpy())))

    made = lib.library.custom_op(
        qualified(lib), typed(lib, op, {"x": lib.Tensor}, lib.Tensor), mutates_args=()
    )
    made.register_fake(lambda x: lib.empty_like(x))

    def setup_context(ctx, inputs, output):
        (x,) = inputs
        ctx.save_for_backward(x)

    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x.cos()

    made.register_autograd(backward, setup_context=setup_context)
    made.register_vmap(lambda info, in_dims, x: (made(x), in_dims[0]))
    return made


def test_an_op_over_tensors_differentiates_and_batches_as_in_torch():
    def program(lib: Any) -> Any:
        f = sine(lib)
        x = lib.tensor([0.3, -1.2], requires_grad=True)
        (g,) = lib.autograd.grad(f(x).sum(), x, create_graph=True)
        (h,) = lib.autograd.grad(g.sum(), x)
        many = lib.tensor([[0.1, 0.2], [0.3, 0.4]], requires_grad=True)
        batch = lib.func.vmap(f)(many)  # inside func.grad torch refuses its custom ops
        return plain(
            [
                f(x.detach()),
                g,
                h,
                batch,
                lib.autograd.grad((batch**2).sum(), many),
                [*f(lib.empty(2, 3, device="meta")).shape],
            ]
        )

    assert program(weft) == program(torch)


def test_settings_by_position_and_by_name_reach_setup_context_as_in_torch():
    def program(lib: Any) -> Any:
        seen = []

        def op(x, k, *, shift):
            return x * k + shift

        kinds = {"x": lib.Tensor, "k": float, "shift": float}
        f = lib.library.custom_op(
            qualified(lib), typed(lib, op, kinds, lib.Tensor), mutates_args=()
        )

        def setup_context(ctx, inputs, keyword_only_inputs, output):
            seen.append((plain(inputs), dict(keyword_only_inputs), plain(output)))
            ctx.k = inputs[1]

        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g * ctx.k, None

        f.register_autograd(backward, setup_context=setup_context)
        x = lib.tensor([1.0, 2.0], requires_grad=True)
        f(x, 3.0, shift=1.0).sum().backward()
        return seen, plain(x.grad)

    assert program(weft) == program(torch)


def test_lists_of_tensors_and_several_results_as_in_torch():
    def program(lib: Any) -> Any:
        def op(xs, weights):
            total = xs[0] * 0
            for x, w in zip(xs, weights, strict=True):
                total = total + x * w
            return total, xs[0] * xs[0]

        kinds = {"xs": list[lib.Tensor], "weights": list[float]}
        f = lib.library.custom_op(
            qualified(lib),
            typed(lib, op, kinds, tuple[lib.Tensor, lib.Tensor]),
            mutates_args=(),
        )

        def setup_context(ctx, inputs, output):
            xs, ctx.weights = inputs
            ctx.save_for_backward(xs[0])

        def backward(ctx, g, h):
            (first,) = ctx.saved_tensors
            found = [g * w for w in ctx.weights]
            found[0] = found[0] + 2 * h * first
            return found, None

        f.register_autograd(backward, setup_context=setup_context)
        a = lib.tensor([1.0, 2.0], requires_grad=True)
        b = lib.tensor([3.0, 4.0], requires_grad=True)
        total, square = f([a, b], [2.0, 5.0])
        (total.sum() + (square * square).sum()).backward()
        alone = lib.autograd.grad(f([a, b], [2.0, 5.0])[0].sum(), [a, b])
        return plain([total, square, a.grad, b.grad, alone])

    assert program(weft) == program(torch)


def test_an_op_that_writes_to_its_argument_as_in_torch():
    def program(lib: Any) -> Any:
        def op(x):
            np.sin(x.numpy(), out=x.numpy())

        f = lib.library.custom_op(
            qualified(lib), typed(lib, op, {"x": lib.Tensor}, None), mutates_args={"x"}
        )
        x = lib.tensor([0.3, -1.2])
        f(x)
        return plain(x)

    assert program(weft) == program(torch)


@pytest.mark.parametrize("lib", [weft, torch], ids=["weft", "torch"])
def test_backward_through_an_op_without_a_derivative_raises(lib):
    def op(x):
        return x.clone()

    f = lib.library.custom_op(
        qualified(lib), typed(lib, op, {"x": lib.Tensor}, lib.Tensor), mutates_args=()
    )
    with pytest.raises(RuntimeError, match="autograd"):
        f(lib.ones(2, requires_grad=True)).sum().backward()
