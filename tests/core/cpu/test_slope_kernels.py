"""Cotangents of elementwise ops in one pass against their rules run op by op."""

from __future__ import annotations

import numpy as np
import pytest

import weft
from tests.core import needs
from tests.core.cpu.test_elementwise_kernels import DTYPES, OPS, drawn
from weft._backend.cpu import switches
from weft.ops.families import slopes

pytestmark = needs.codegen

F = weft.nn.functional
ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu, tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "sigmoid": weft.sigmoid,
    "tanh": weft.tanh,
    "softplus": F.softplus,
    "logsigmoid": F.logsigmoid,
    "elu": F.elu,
    "leaky_relu": F.leaky_relu,
    "relu": F.relu,
    "hardtanh": F.hardtanh,
    "mish": F.mish,
    "erf": weft.erf,
    "atan": weft.atan,
    "rsqrt": lambda x: weft.rsqrt(x * x + 1),
    "quotient": lambda x: x / (x * x + 1),
    "power": lambda x: (x * x + 1) ** (x * 0.1),
    "atan2": lambda x: weft.atan2(x, x + 2),
    "special.ndtr": weft.special.ndtr,
    "special.entr": lambda x: weft.special.entr(x * x + 0.1),
    "special.erfcx": weft.special.erfcx,
    "lerp": lambda x: weft.lerp(x, x * x, x * 0.5),
}


def gradient(function, x, *, codegen=True):
    switches.codegen = codegen
    try:
        leaf = x.detach().requires_grad_()
        function(leaf).sum().backward()
        return leaf.grad
    finally:
        switches.codegen = True


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_are_the_rules(name, dtype):
    data = np.random.default_rng(0).uniform(-4, 4, (40, 60))
    x = weft.tensor(data).to(getattr(weft, dtype))
    fast = gradient(ACTIVATIONS[name], x)
    slow = gradient(ACTIVATIONS[name], x, codegen=False)
    assert fast.dtype is slow.dtype
    near = {"float32": 1e-5, "float64": 1e-12, "bfloat16": 0.1}[dtype]
    np.testing.assert_allclose(fast.double().numpy(), slow.double().numpy(), rtol=near, atol=near)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_backward_pass_gives_the_same_bits(name):
    x = weft.tensor(np.random.default_rng(0).uniform(-4, 4, (40, 60)).astype(np.float32))
    first = gradient(ACTIVATIONS[name], x).numpy()
    for _ in range(8):  # as written, lowered to kernels, as a plan
        assert (gradient(ACTIVATIONS[name], x).numpy() == first).all()


@pytest.mark.parametrize("name", ["gelu", "sigmoid", "tanh", "silu", "true_divide", "power"])
def test_rules_of_more_than_one_operation_have_an_expression(name):
    op = OPS[name]
    args, _ = drawn(op, DTYPES["float32"], (3,))
    rule = {"true_divide": 1, "power": 1}.get(name, 0)
    seen = []

    def listen(self, g, out, arguments, given):
        formula = self._formula(
            tuple(None if not isinstance(a, weft.Tensor) else a._data.dtype
                  for a in (g, out, *arguments)), given,
        )  # fmt: skip
        seen.append((self.name, formula is not None))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slopes.Slope, "__call__", listen)
        leaves = [weft.tensor(a).requires_grad_() for a in args]
        function = {"gelu": F.gelu, "silu": F.silu, "true_divide": weft.div, "power": weft.pow}
        function.get(name, getattr(weft, name, None))(*leaves).sum().backward()
    mine = [made for told, made in seen if told == f"{name}_slope"]
    assert mine[rule]


def test_broadcast_and_strided_arguments():
    rng = np.random.default_rng(0)
    a = weft.tensor(rng.uniform(1, 2, (60, 50)).astype(np.float32))
    b = weft.tensor(rng.uniform(1, 2, (50,)).astype(np.float32))
    for x, y in ((a, b), (b, a), (a.t(), a.t()), (a[:, ::2], b[::2]), (a, a[:, :1])):
        for codegen in (True, False):
            switches.codegen = codegen
            u, v = x.detach().requires_grad_(), y.detach().requires_grad_()
            weft.div(u, v).tanh().sum().backward()
            if codegen:
                fast = u.grad.numpy(), v.grad.numpy()
        switches.codegen = True
        np.testing.assert_allclose(fast[0], u.grad.numpy(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(fast[1], v.grad.numpy(), rtol=1e-4, atol=1e-4)


def test_second_derivatives_go_by_the_rule():
    x = weft.tensor(np.linspace(-2, 2, 2000)).requires_grad_()
    (slope,) = weft.autograd.grad(F.gelu(x).sum(), x, create_graph=True)
    (bend,) = weft.autograd.grad(slope.sum(), x)
    step = 1e-4
    with weft.no_grad():
        near = [x + step, x - step]
    around = [gradient(F.gelu, moved).numpy() for moved in near]
    np.testing.assert_allclose(bend.numpy(), (around[0] - around[1]) / (2 * step), atol=1e-6)


def test_gradients_under_vmap_and_grad_are_the_same():
    x = weft.tensor(np.linspace(-2, 2, 3000).reshape(2, 1500))
    mapped = weft.func.vmap(weft.func.grad(lambda row: F.gelu(row).sum()))(x)
    np.testing.assert_allclose(mapped.numpy(), gradient(F.gelu, x).numpy(), rtol=1e-12)
