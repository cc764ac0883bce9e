"""Whole uses of torch.func, each written once and run on weft and on torch: the same numbers."""

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
#: Those whose results are to be equal among themselves too: ways to the same derivative.
SAME: set[str] = set()


def program(function: Program) -> Program:
    """Enter a program ``function(module, array)``; ``array(*shape)`` draws the same for both."""
    PROGRAMS[function.__name__] = function
    return function


def ways(function: Program) -> Program:
    """Enter a program that returns one derivative computed in several ways."""
    SAME.add(function.__name__)
    return program(function)


def run(name: str, module: Any) -> Any:
    rng = np.random.default_rng(17)

    def array(*shape: int, low: float = -1.0, high: float = 1.0) -> Any:
        return module.from_numpy(np.asarray(rng.uniform(low, high, shape)))

    return PROGRAMS[name](module, array)


def filled(m: Any, model: Any, array: Callable[..., Any]) -> Any:
    """Give a model float64 parameters that are the same for both libraries."""
    model = model.double()
    with m.no_grad():
        for p in model.parameters():
            p.copy_(0.5 * array(*p.shape))
    return model


def detached(named: Any) -> dict[str, Any]:
    return {name: p.detach() for name, p in named}


def in_order(named: dict[str, Any]) -> list[Any]:
    return [named[name] for name in sorted(named)]


# --- models ------------------------------------------------------------------------------------


def small_cnn(m: Any, array: Callable[..., Any]) -> Any:
    nn = m.nn
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3), nn.GroupNorm(2, 6), nn.SiLU(), nn.AvgPool2d(2),
        nn.Flatten(), nn.Linear(6, 5),
    )  # fmt: skip
    return filled(m, model, array)


def small_mlp(m: Any, array: Callable[..., Any], into: int = 3, out: int = 1) -> Any:
    nn = m.nn
    return filled(m, nn.Sequential(nn.Linear(into, 6), nn.Tanh(), nn.Linear(6, out)), array)


# --- per-sample gradients ----------------------------------------------------------------------


@program
def per_sample_gradients_of_a_cnn(m, array):
    model = small_cnn(m, array)
    parameters, buffers = detached(model.named_parameters()), detached(model.named_buffers())
    images, labels = array(6, 1, 8, 8), m.tensor([0, 3, 1, 4, 2, 0])

    def loss(parameters, buffers, image, label):
        logits = m.func.functional_call(model, (parameters, buffers), (image.unsqueeze(0),))
        return m.nn.functional.cross_entropy(logits, label.unsqueeze(0))

    each = m.func.vmap(m.func.grad(loss), in_dims=(None, None, 0, 0))
    return in_order(each(parameters, buffers, images, labels))


@ways
def per_sample_gradients_by_vmap_by_chunks_and_by_a_loop(m, array):
    model = small_cnn(m, array)
    parameters = detached(model.named_parameters())
    images, labels = array(5, 1, 8, 8), m.tensor([0, 3, 1, 4, 2])

    def loss(parameters, image, label):
        logits = m.func.functional_call(model, parameters, (image.unsqueeze(0),))
        return m.nn.functional.cross_entropy(logits, label.unsqueeze(0))

    gradient = m.func.grad(loss)
    name = "3.weight"
    at_once = m.func.vmap(gradient, in_dims=(None, 0, 0))(parameters, images, labels)[name]
    in_chunks = m.func.vmap(gradient, in_dims=(None, 0, 0), chunk_size=2)
    apart = m.stack([gradient(parameters, images[i], labels[i])[name] for i in range(5)])
    return at_once, in_chunks(parameters, images, labels)[name], apart


@program
def clipped_per_sample_gradients_with_losses(m, array):
    """As differentially private training needs them."""
    model = small_mlp(m, array)
    parameters = detached(model.named_parameters())

    def loss(parameters, x, y):
        return ((m.func.functional_call(model, parameters, (x,)) - y) ** 2).sum()

    both = m.func.vmap(m.func.grad_and_value(loss), in_dims=(None, 0, 0))
    gradients, losses = both(parameters, array(8, 3), array(8, 1))
    sizes = sum((g.flatten(1) ** 2).sum(1) for g in in_order(gradients)).sqrt()
    scale = (0.5 / sizes).clamp(max=1.0)
    clipped = [m.einsum("n,n...->...", scale, g) for g in in_order(gradients)]
    return [losses, sizes, *clipped]


# --- Hessians ----------------------------------------------------------------------------------


def flat_loss(m: Any, array: Callable[..., Any]) -> tuple[Callable[..., Any], Any]:
    """Return the loss of an MLP as a function of one vector of parameters, and the vector."""
    model = small_mlp(m, array)
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    start = m.cat([p.detach().flatten() for p in model.parameters()])
    x, y = array(7, 3), array(7, 1)

    def loss(vector):
        parts = m.split(vector, [int(np.prod(shape)) for shape in shapes.values()])
        pairs = zip(shapes.items(), parts, strict=True)
        named = {name: part.reshape(shape) for (name, shape), part in pairs}
        return ((m.func.functional_call(model, named, (x,)) - y) ** 2).mean()

    return loss, start


@ways
def hessian_of_an_mlp(m, array):
    loss, start = flat_loss(m, array)
    f = m.func
    return (
        f.jacfwd(f.jacrev(loss))(start),
        f.jacrev(f.jacrev(loss))(start),
        f.hessian(loss)(start),
        f.jacfwd(f.jacfwd(loss))(start),
        f.jacrev(f.jacfwd(loss))(start),
        f.jacrev(f.grad(loss), chunk_size=4)(start),
    )


@program
def hessian_blocks_of_an_mlp_by_its_parameters(m, array):
    model = small_mlp(m, array)
    parameters = detached(model.named_parameters())
    x, y = array(5, 3), array(5, 1)

    def loss(parameters):
        return ((m.func.functional_call(model, parameters, (x,)) - y) ** 2).mean()

    blocks = m.func.hessian(loss)(parameters)
    return [block for row in in_order(blocks) for block in in_order(row)]


@program
def hessians_of_many_examples(m, array):
    w = array(4)

    def loss(w, x, y):
        return m.nn.functional.softplus(-y * (w * x).sum())

    signs = m.tensor([1.0, -1.0, 1.0, 1.0, -1.0], dtype=m.float64)
    each = m.func.vmap(m.func.hessian(loss), in_dims=(None, 0, 0))
    return each(w, array(5, 4), signs)


@ways
def hessian_vector_products(m, array):
    loss, start = flat_loss(m, array)
    v = array(*start.shape)
    gradient = m.func.grad(loss)
    forward = m.func.jvp(gradient, (start,), (v,))[1]
    reverse = m.func.vjp(gradient, start)[1](v)[0]
    straight = m.func.grad(lambda w: m.func.jvp(loss, (w,), (v,))[1])(start)
    dotted = m.func.grad(lambda w: (gradient(w) * v).sum())(start)
    linear = m.func.linearize(gradient, start)[1](v)
    functional = m.autograd.functional.hvp(loss, start, v)[1]
    return forward, reverse, straight, dotted, linear, functional, m.func.hessian(loss)(start) @ v


# --- an ODE ------------------------------------------------------------------------------------


def pendulum(m: Any, state: Any, p: Any) -> Any:
    angle, speed = state[0], state[1]
    return m.stack([speed, -p[0] * m.sin(angle) - p[1] * speed])


def step(m: Any, state: Any, p: Any, h: float = 0.1) -> Any:
    """Return the state after one step of the classical fourth-order Runge-Kutta method."""
    a = pendulum(m, state, p)
    b = pendulum(m, state + 0.5 * h * a, p)
    c = pendulum(m, state + 0.5 * h * b, p)
    d = pendulum(m, state + h * c, p)
    return state + h / 6.0 * (a + 2 * b + 2 * c + d)


@program
def jacobians_of_an_ode_step(m, array):
    """By the state and by the parameters, at many states, in both modes."""
    states, p = array(6, 2), array(2, low=0.5, high=2.0)

    def one(state, p):
        return step(m, state, p)

    forward = m.func.vmap(m.func.jacfwd(one, argnums=(0, 1)), in_dims=(0, None))(states, p)
    reverse = m.func.vmap(m.func.jacrev(one, argnums=(0, 1)), in_dims=(0, None))(states, p)
    return [*forward, *reverse]


@ways
def sensitivities_of_a_trajectory(m, array):
    """The Jacobian of ten steps is the product of the steps' Jacobians."""
    start, p = array(2), array(2, low=0.5, high=2.0)

    def trajectory(state):
        for _ in range(10):
            state = step(m, state, p)
        return state

    product, state = m.eye(2, dtype=m.float64), start
    for _ in range(10):
        product = m.func.jacfwd(lambda s: step(m, s, p))(state) @ product
        state = step(m, state, p)
    return m.func.jacfwd(trajectory)(start), m.func.jacrev(trajectory)(start), product


# --- learning to learn -------------------------------------------------------------------------


@program
def inner_loop_of_maml(m, array):
    """Gradients of the losses after two inner steps, for all tasks of a batch at once."""
    model = small_mlp(m, array, into=1)
    parameters = detached(model.named_parameters())

    def loss(parameters, x, y):
        return ((m.func.functional_call(model, parameters, (x,)) - y) ** 2).mean()

    def adapted(parameters, x, y):
        for _ in range(2):
            slopes = m.func.grad(loss)(parameters, x, y)
            parameters = {name: p - 0.1 * slopes[name] for name, p in parameters.items()}
        return parameters

    def one_task(parameters, x, y, x_new, y_new):
        return loss(adapted(parameters, x, y), x_new, y_new)

    tasks = array(4, 5, 1), array(4, 5, 1), array(4, 5, 1), array(4, 5, 1)

    def total(parameters):
        return m.func.vmap(one_task, in_dims=(None, 0, 0, 0, 0))(parameters, *tasks).mean()

    whole, value = m.func.grad_and_value(total)(parameters)
    each = m.func.vmap(m.func.grad(one_task), in_dims=(None, 0, 0, 0, 0))(parameters, *tasks)
    return [value, *in_order(whole), *in_order(each)]


@program
def gradient_by_a_learning_rate(m, array):
    w, x, y = array(3), array(6, 3), array(6)

    def loss(w):
        return ((x @ w - y) ** 2).mean()

    def after(rate):
        v = w
        for _ in range(3):
            v = v - rate * m.func.grad(loss)(v)
        return loss(v)

    rate = m.tensor(0.1, dtype=m.float64)
    return m.func.grad(after)(rate), m.func.grad(m.func.grad(after))(rate)


# --- kernels and ensembles ---------------------------------------------------------------------


@ways
def neural_tangent_kernel(m, array):
    """As products of Jacobians, and as pulled and pushed basis vectors."""
    model = small_mlp(m, array, out=2)
    parameters = detached(model.named_parameters())
    first, second = array(4, 3), array(5, 3)

    def output(parameters, x):
        return m.func.functional_call(model, parameters, (x,))

    def jacobian(x):
        return m.func.vmap(m.func.jacrev(output), in_dims=(None, 0))(parameters, x)

    one, two = jacobian(first), jacobian(second)
    products = sum(
        m.einsum("Naf,Mbf->NMab", one[k].flatten(2), two[k].flatten(2)) for k in sorted(one)
    )

    def entry(x, z):
        _, pull = m.func.vjp(lambda p: output(p, x), parameters)

        def column(v):
            return m.func.jvp(lambda p: output(p, z), (parameters,), (pull(v)[0],))[1]

        return m.func.vmap(column)(m.eye(2, dtype=m.float64))

    every = m.func.vmap(m.func.vmap(entry, in_dims=(None, 0)), in_dims=(0, None))
    return products, every(first, second)


@program
def an_ensemble_on_one_batch_and_on_batches_of_its_own(m, array):
    models = [small_mlp(m, array) for _ in range(3)]
    parameters, buffers = m.func.stack_module_state(models)
    base = small_mlp(m, array)
    shared, own = array(5, 3), array(3, 5, 3)

    def output(parameters, buffers, x):
        return m.func.functional_call(base, (parameters, buffers), (x,))

    together = m.func.vmap(output, in_dims=(0, 0, None))(parameters, buffers, shared)
    apart = m.func.vmap(output)(parameters, buffers, own)
    return together.detach(), apart.detach(), models[1](shared).detach()


@program
def gradients_of_an_ensemble(m, array):
    models = [small_mlp(m, array) for _ in range(3)]
    parameters, _ = m.func.stack_module_state(models)
    parameters = detached(parameters.items())
    x, y = array(5, 3), array(5, 1)

    def loss(parameters):
        return ((m.func.functional_call(models[0], parameters, (x,)) - y) ** 2).mean()

    return in_order(m.func.vmap(m.func.grad(loss))(parameters))


@program
def fisher_information_and_gauss_newton(m, array):
    """The outer products of per-sample scores, and J^T H J from a vjp of an hvp of a jvp."""
    loss_by_logits = m.nn.functional.cross_entropy
    model = small_mlp(m, array, out=3)
    parameters = detached(model.named_parameters())
    x, labels, v = array(6, 3), m.tensor([0, 1, 2, 2, 1, 0]), array(3, 6)

    def logits(weight):
        return m.func.functional_call(model, {**parameters, "2.weight": weight}, (x,))

    def score(weight, one, label):
        named = {**parameters, "2.weight": weight}
        out = m.func.functional_call(model, named, (one.unsqueeze(0),))
        return loss_by_logits(out, label.unsqueeze(0))

    weight = parameters["2.weight"]
    scores = m.func.vmap(m.func.grad(score), in_dims=(None, 0, 0))(weight, x, labels).flatten(1)
    out, moved = m.func.jvp(logits, (weight,), (v,))
    curved = m.func.jvp(m.func.grad(lambda z: loss_by_logits(z, labels)), (out,), (moved,))[1]
    return scores.T @ scores, m.func.vjp(logits, weight)[1](curved)[0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_torch_func_gives(name):
    expected = quietly(run, name, torch)
    assert_same(run(name, weft), expected, name, within=(1e-10, 1e-12))


@pytest.mark.parametrize("name", sorted(SAME))
def test_all_ways_to_a_derivative_agree(name):
    first, *others = run(name, weft)
    assert others
    assert first.abs().max().item() > 1e-3, "nothing is compared with nothing"
    for other in others:
        assert other.shape == first.shape
        assert weft.allclose(other, first, rtol=1e-10, atol=1e-12)
