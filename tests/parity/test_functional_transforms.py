"""func.grad, vjp, jvp and vmap, nested in one another, against torch.func on the same programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, quietly

Program = Callable[[Any, Callable[..., Any]], Any]
PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    """Enter a program ``function(module, array)``; ``array(*shape)`` draws the same for both."""
    PROGRAMS[function.__name__] = function
    return function


def run(name: str, module: Any) -> Any:
    rng = np.random.default_rng(3)

    def array(*shape: int, low: float = -1.0, high: float = 1.0) -> Any:
        return module.from_numpy(np.asarray(rng.uniform(low, high, shape)))

    return PROGRAMS[name](module, array)


# --- networks written with functions ------------------------------------------------------------


def cnn(m: Any, p: dict[str, Any], image: Any) -> Any:
    """Return the logits of one image (1, 8, 8)."""
    f = m.nn.functional
    x = f.relu(f.conv2d(image[None], p["conv1"], p["bias1"], padding=1))
    x = f.max_pool2d(x, 2)
    x = m.tanh(f.conv2d(x, p["conv2"], stride=2))
    x = f.avg_pool2d(x, 1)
    return f.linear(x.flatten(1), p["weight"], p["bias"])[0]


def cnn_parameters(array: Callable[..., Any]) -> dict[str, Any]:
    return {
        "conv1": array(3, 1, 3, 3), "bias1": array(3), "conv2": array(4, 3, 2, 2),
        "weight": array(5, 16), "bias": array(5),
    }  # fmt: skip


def mlp(m: Any, p: tuple[Any, ...], x: Any) -> Any:
    return m.tanh(x @ p[0] + p[1]) @ p[2]


def lorenz(m: Any, state: Any) -> Any:
    x, y, z = state[0], state[1], state[2]
    return m.stack([10.0 * (y - x), x * (28.0 - z) - y, x * y - (8.0 / 3.0) * z])


def runge_kutta(m: Any, state: Any, step: float = 0.01) -> Any:
    k1 = lorenz(m, state)
    k2 = lorenz(m, state + 0.5 * step * k1)
    k3 = lorenz(m, state + 0.5 * step * k2)
    k4 = lorenz(m, state + step * k3)
    return state + step / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)


def basis(m: Any, n: int) -> Any:
    return m.eye(n, dtype=m.float64)


# --- programs -----------------------------------------------------------------------------------


@program
def gradients_per_sample_of_a_cnn(m, array):
    parameters, images = cnn_parameters(array), array(6, 1, 8, 8)
    labels = m.tensor([0, 3, 1, 4, 2, 0])

    def loss(p, image, label):
        return m.nn.functional.cross_entropy(cnn(m, p, image)[None], label[None])

    each = m.func.vmap(m.func.grad(loss), in_dims=(None, 0, 0))(parameters, images, labels)
    return [each[name] for name in sorted(each)]


@program
def gradients_per_sample_add_up_to_the_batchs(m, array):
    parameters, images = cnn_parameters(array), array(4, 1, 8, 8)

    def energy(p, image):
        return (cnn(m, p, image) ** 2).sum()

    each = m.func.vmap(m.func.grad(energy), in_dims=(None, 0))(parameters, images)

    def total(p):
        return m.func.vmap(lambda image: energy(p, image))(images).sum()

    whole = m.func.grad(total)(parameters)
    return [whole["conv1"], each["conv1"].sum(0), whole["conv1"] - each["conv1"].sum(0)]


@program
def per_sample_gradients_with_values(m, array):
    weight, xs = array(3), array(5, 3)
    both = m.func.grad_and_value(lambda w, x: m.sin((w * x).sum()))
    return m.func.vmap(both, in_dims=(None, 0))(weight, xs)


@program
def hessian_by_forward_over_reverse(m, array):
    shapes = [(3, 4), (4,), (4,)]
    sizes = [12, 4, 4]
    flat, x, y = array(20), array(6, 3), array(6)

    def loss(v):
        parts = m.split(v, sizes)
        p = tuple(part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
        return ((mlp(m, p, x) - y) ** 2).mean()

    gradient = m.func.grad(loss)
    return m.func.vmap(lambda e: m.func.jvp(gradient, (flat,), (e,))[1])(basis(m, 20))


@program
def hessian_by_reverse_over_reverse(m, array):
    flat, x = array(6), array(5, 2)

    def loss(v):
        hidden = m.sigmoid(x @ v[:4].reshape(2, 2))
        return m.logsumexp(hidden @ v[4:], 0)

    def column(e):
        return m.func.grad(lambda v: (m.func.grad(loss)(v) * e).sum())(flat)

    return m.func.vmap(column)(basis(m, 6))


@program
def hessian_by_reverse_over_forward(m, array):
    x = array(4)

    def value(v):
        return (m.exp(v) * v.flip(0)).sum() + v.prod()

    def row(e):
        return m.func.grad(lambda v: m.func.jvp(value, (v,), (e,))[1])(x)

    return m.func.vmap(row)(basis(m, 4))


@program
def jacobian_of_an_ode_step_forward(m, array):
    state = array(3, low=1.0, high=5.0)
    return m.func.vmap(
        lambda e: m.func.jvp(lambda s: runge_kutta(m, s), (state,), (e,))[1], out_dims=1
    )(basis(m, 3))


@program
def jacobian_of_an_ode_step_backward(m, array):
    state = array(3, low=1.0, high=5.0)
    value, pullback = m.func.vjp(lambda s: runge_kutta(m, s), state)
    return value, m.func.vmap(pullback)(basis(m, 3))[0]


@program
def jacobians_of_many_ode_steps(m, array):
    states = array(4, 3, low=1.0, high=5.0)

    def jacobian(state):
        def along(e):
            return m.func.jvp(lambda s: runge_kutta(m, runge_kutta(m, s)), (state,), (e,))[1]

        return m.func.vmap(along)(basis(m, 3))

    return m.func.vmap(jacobian)(states)


@program
def gradient_by_the_first_state_through_a_trajectory(m, array):
    def energy(state):
        for _ in range(5):
            state = runge_kutta(m, state)
        return (state**2).sum()

    return m.func.grad(energy)(array(3, low=1.0, high=5.0))


@program
def third_derivative_of_a_scalar(m, array):
    def f(x):
        return m.sin(x) * m.exp(0.5 * x)

    return m.func.grad(m.func.grad(m.func.grad(f)))(array())


@program
def third_derivative_forward(m, array):
    def derivative(f):
        return lambda x: m.func.jvp(f, (x,), (m.ones_like(x),))[1]

    return derivative(derivative(derivative(lambda x: m.tanh(x) ** 2)))(array(4))


@program
def laplacian_in_a_batch(m, array):
    """The trace of the Hessian at many points, as physics-informed networks need it."""
    p = (array(2, 8), array(8), array(8))

    def laplacian(x):
        def second(e):
            def slope(y):
                return m.func.jvp(lambda z: mlp(m, p, z), (y,), (e,))[1]

            return m.func.jvp(slope, (x,), (e,))[1]

        return m.func.vmap(second)(basis(m, 2)).sum()

    return m.func.vmap(laplacian)(array(7, 2))


@program
def vjp_of_several_arguments_and_results(m, array):
    def f(a, b):
        return {"product": a @ b, "rest": (a.sum(), b.exp())}

    value, pullback = m.func.vjp(f, array(2, 3), array(3, 2))
    cotangent = {"product": array(2, 2), "rest": (array(), array(3, 2))}
    return [value["product"], *value["rest"], *pullback(cotangent)]


@program
def jvp_of_several_arguments_and_results(m, array):
    def f(a, b):
        return m.softmax(a @ b, -1), (a * a).sum()

    return m.func.jvp(f, (array(2, 3), array(3, 2)), (array(2, 3), array(3, 2)))


@program
def gradients_by_chosen_arguments(m, array):
    def f(a, b, c):
        return (a * b + c).pow(3).sum()

    a, b, c = array(3), array(3), array(3)
    pair = m.func.grad(f, argnums=(0, 2))(a, b, c)
    return [m.func.grad(f, argnums=1)(a, b, c), *pair]


@program
def gradient_with_something_besides(m, array):
    def f(x):
        y = m.cos(x)
        return y.sum(), (y, x * 2)

    gradient, (y, double) = m.func.grad(f, has_aux=True)(array(4))
    return gradient, y, double


@program
def batches_in_other_dims(m, array):
    def f(a, b):
        return a @ b

    x, y = array(3, 5, 2), array(2, 4)
    return m.func.vmap(f, in_dims=(1, None), out_dims=2)(x, y)


@program
def batches_in_batches(m, array):
    def distance(a, b):
        return ((a - b) ** 2).sum().sqrt()

    rows = m.func.vmap(m.func.vmap(distance, in_dims=(None, 0)), in_dims=(0, None))
    return rows(array(4, 3), array(5, 3))


@program
def attention_in_a_batch(m, array):
    def head(q, k, v):
        return m.softmax(q @ k.transpose(0, 1) / 2.0, -1) @ v

    q, k, v = array(2, 3, 4, 5), array(2, 3, 6, 5), array(2, 3, 6, 5)
    return m.func.vmap(m.func.vmap(head))(q, k, v)


@program
def a_batch_of_layers(m, array):
    """An ensemble: every model sees the same input."""
    weights, biases, x = array(3, 4, 2), array(3, 4), array(5, 2)

    def one(w, b):
        return m.nn.functional.layer_norm(m.nn.functional.gelu(x @ w.t() + b), (4,))

    return m.func.vmap(one)(weights, biases)


@program
def choices_and_orders_in_a_batch(m, array):
    def f(x):
        top = x.topk(2).values
        return m.where(x > 0, x, x * 0.1).sum() + top[0] * top[1] + x.sort().values[0], x.argmax()

    return m.func.vmap(f)(array(6, 5))


@program
def gathering_in_a_batch(m, array):
    places = m.tensor([[0, 2], [1, 1], [2, 0]])
    return m.func.vmap(lambda x, i: x.index_select(0, i) * x[i])(array(3, 4), places)


@program
def gradient_of_a_sum_over_a_batch_of_vjps(m, array):
    xs, g = array(3, 4), array(3, 4)

    def weighted(scale):
        def one(x, c):
            _, pullback = m.func.vjp(lambda y: m.sin(y * scale), x)
            return pullback(c)[0]

        return m.func.vmap(one)(xs, g).pow(2).sum()

    return m.func.grad(weighted)(array(4))


@program
def gradients_meet_the_tape(m, array):
    """func.grad inside a function whose own result is differentiated by backward."""
    w = array(3).requires_grad_()
    x = array(3)
    slope = m.func.grad(lambda y: (m.tanh(y * w)).sum())(x)
    (slope**2).sum().backward()
    return slope.detach(), w.grad


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_torch_func_gives(name):
    expected = quietly(run, name, torch)
    assert_same(run(name, weft), expected, name, within=(1e-11, 1e-12))
