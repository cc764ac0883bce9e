"""What torch.func's transforms return and refuse, against torch on the same small programs."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import quietly

Program = Callable[[Any], Any]
SAME: dict[str, Program] = {}
REFUSED: dict[str, tuple[Program, str]] = {}


def same(function: Program) -> Program:
    """Enter a program ``function(module)`` that both libraries answer alike."""
    SAME[function.__name__] = function
    return function


def refused(message: str) -> Callable[[Program], Program]:
    """Enter a program that both refuse, weft with a message."""

    def enter(function: Program) -> Program:
        REFUSED[function.__name__] = (function, message)
        return function

    return enter


def T(m: Any, values: Any, **settings: Any) -> Any:
    return m.tensor(values, dtype=m.float64, **settings)


def plain(result: Any) -> Any:
    """Return a result with numbers in the place of tensors, its containers named."""
    if isinstance(result, (torch.Tensor, weft.Tensor)):
        return ("tensor", tuple(result.shape), result.detach().tolist())
    if isinstance(result, dict):
        return (type(result).__name__, {key: plain(one) for key, one in result.items()})
    if isinstance(result, (tuple, list)) and type(result).__name__ != "Size":
        return (type(result).__name__, [plain(one) for one in result])
    return str(result).replace("torch.", "weft.")


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-10, abs=1e-12)
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(rounded(one) for one in value)
    return value


# --- answered alike


@same
def setitem_zeros_grad(m):
    def f(x):
        y = m.zeros(2, dtype=m.float64)
        y[0] = x
        return (y * y).sum()

    return m.func.grad(f)(T(m, 3.0))


@same
def setitem_zeros_jvp(m):
    def f(x):
        y = m.zeros(2, dtype=m.float64)
        y[0] = x
        return y * y

    return m.func.jvp(f, (T(m, 3.0),), (T(m, 1.0),))


@same
def setitem_zeroslike_vmap(m):
    def f(x):
        y = m.zeros_like(x)
        y[0] = x[1]
        return y * y

    return m.vmap(f)(T(m, [[3.0, 4.0], [1.0, 2.0]]))


@same
def setitem_newzeros_vmap(m):
    def f(x):
        y = x.new_zeros(2)
        y[0] = x[1]
        return y * y

    return m.vmap(f)(T(m, [[3.0, 4.0], [1.0, 2.0]]))


@same
def inplace_vmap_view(m):
    def f(x):
        y = x * 1
        y[0].add_(10)
        return y

    return m.vmap(f)(T(m, [[3.0, 4.0], [1.0, 2.0]]))


@same
def inplace_vmap_view2(m):
    def f(x):
        y = x * 1
        z = y[0]
        z.add_(10)
        return y, z

    return m.vmap(f)(T(m, [[3.0, 4.0], [1.0, 2.0]]))


@same
def inplace_vmap_arg(m):
    x = T(m, [[3.0, 4.0], [1.0, 2.0]])

    def f(x):
        x.add_(1)
        return x * 2

    return m.vmap(f)(x), x


@same
def inplace_vmap_base_then_view(m):
    def f(x):
        y = x * 1
        z = y[0]
        y.add_(10)
        return z

    return m.vmap(f)(T(m, [[3.0, 4.0], [1.0, 2.0]]))


@same
def inplace_jvp_view(m):
    def f(x):
        y = x * 1
        z = y[0]
        z.mul_(10)
        return y

    return m.func.jvp(f, (T(m, [3.0, 4.0]),), (T(m, [1.0, 1.0]),))


@same
def inplace_captured_vmap_unb(m):
    c = T(m, [0.0, 0.0])

    def f(x):
        c.add_(1)
        return x

    return m.vmap(f)(T(m, [[3.0, 4.0], [1.0, 2.0]])), c


@same
def escape_grad(m):
    l = []

    def f(x):
        l.append(x * 2)
        return x * x

    m.func.grad(f)(T(m, 3.0))
    return l[0] + 1


@same
def closed_requires_grad_vmap_outer_backward(m):
    w = T(m, 2.0, requires_grad=True)
    y = m.vmap(lambda x: x * w)(T(m, [3.0, 4.0]))
    y.sum().backward()
    return w.grad


@same
def closed_jvp_backward(m):
    w = T(m, 2.0, requires_grad=True)
    _o, t = m.func.jvp(lambda x: x * w * x, (T(m, 3.0),), (T(m, 1.0),))
    t.backward()
    return w.grad


@same
def item_grad(m):
    return m.func.grad(lambda x: x * x.item())(T(m, 3.0))


@same
def item_jvp(m):
    return m.func.jvp(lambda x: x * x.item(), (T(m, 3.0),), (T(m, 1.0),))


@same
def bool_grad(m):
    return m.func.grad(lambda x: x * x if x > 0 else -x)(T(m, 3.0))


@same
def bool_jvp(m):
    return m.func.jvp(lambda x: x * x if x > 0 else -x, (T(m, 3.0),), (T(m, 1.0),))


@same
def mask_jvp(m):
    return m.func.jvp(lambda x: x[x > 0] * 2, (T(m, [3.0, -1.0]),), (T(m, [1.0, 1.0]),))


@same
def mask_grad(m):
    return m.func.grad(lambda x: (x[x > 0] * 2).sum())(T(m, [3.0, -1.0]))


@same
def nonzero_jvp(m):
    return m.func.jvp(lambda x: x[x.nonzero()[:, 0]] * 2, (T(m, [3.0, -1.0]),), (T(m, [1.0, 1.0]),))


@same
def rand_vmap_same(m):
    r = m.vmap(lambda x: m.rand(2) + x, randomness="same")(m.zeros(3, 2))
    return (r[0] == r[1]).all()


@same
def rand_vmap_diff(m):
    r = m.vmap(lambda x: m.rand(2) + x, randomness="different")(m.zeros(3, 2))
    return (r[0] == r[1]).any()


@same
def dropout_same(m):
    r = m.vmap(lambda x: m.nn.functional.dropout(x, 0.5), randomness="same")(m.ones(3, 20))
    return (r[0] == r[1]).all()


@same
def vmap_kwargs(m):
    return m.vmap(lambda x, k=None: x + k)(T(m, [1.0, 2.0]), k=T(m, [10.0, 20.0]))


@same
def vmap_int_arg(m):
    return m.vmap(lambda x, n: x * n, in_dims=(0, None))(T(m, [1.0, 2.0]), 3)


@same
def vmap_zero(m):
    return m.vmap(lambda x: x * 2)(m.zeros(0, 3)).shape


@same
def vmap_outdims_neg(m):
    return m.vmap(lambda x: x * 2, out_dims=-1)(m.zeros(2, 3)).shape


@same
def vmap_out_dims_dict(m):
    return m.vmap(lambda x: {"a": x, "b": x}, out_dims={"a": 0, "b": 1})(m.zeros(2, 3))["b"].shape


@same
def grad_kwargs(m):
    return m.func.grad(lambda x, k: x * k)(T(m, 3.0), k=T(m, 2.0))


@same
def grad_nondep(m):
    return m.func.grad(lambda x: T(m, 2.0))(T(m, 3.0))


@same
def grad_argnums_neg(m):
    return m.func.grad(lambda x, y: x * x * y, argnums=-1)(T(m, 3.0), T(m, 2.0))


@same
def vjp_multi(m):
    _o, f = m.func.vjp(lambda x, y: (x * y, x), T(m, 3.0), T(m, 2.0))
    return f((T(m, 1.0), T(m, 1.0)))


@same
def vjp_dict(m):
    _o, f = m.func.vjp(lambda d: {"a": d["x"] * 2}, {"x": T(m, 3.0)})
    return f({"a": T(m, 1.0)})


@same
def jvp_dict(m):
    return m.func.jvp(lambda d: {"a": d["x"] * 2}, ({"x": T(m, 3.0)},), ({"x": T(m, 1.0)},))


@same
def jvp_nondep(m):
    return m.func.jvp(lambda x: T(m, 2.0), (T(m, 3.0),), (T(m, 1.0),))


@same
def jacrev_(m):
    return m.func.jacrev(lambda x, y: (x * y.sum(), {"a": y * 2}), argnums=(0, 1))(
        T(m, [1.0, 2.0]), T(m, [1.0, 2.0, 3.0])
    )


@same
def jacfwd_(m):
    return m.func.jacfwd(lambda x, y: (x * y.sum(), {"a": y * 2}), argnums=(0, 1))(
        T(m, [1.0, 2.0]), T(m, [1.0, 2.0, 3.0])
    )


@same
def jacrev_d(m):
    return m.func.jacrev(lambda x: x["a"] * x["b"])({"a": T(m, [1.0, 2.0]), "b": T(m, [3.0, 4.0])})


@same
def jacfwd_d(m):
    return m.func.jacfwd(lambda x: x["a"] * x["b"])({"a": T(m, [1.0, 2.0]), "b": T(m, [3.0, 4.0])})


@same
def jacrev_aux(m):
    return m.func.jacrev(lambda x: (x * x, {"q": x}), has_aux=True)(T(m, [1.0, 2.0]))


@same
def jacfwd_aux(m):
    return m.func.jacfwd(lambda x: (x * x, {"q": x}), has_aux=True)(T(m, [1.0, 2.0]))


@same
def jacrev_chunk(m):
    return m.func.jacrev(lambda x: x**3, chunk_size=2)(T(m, [1.0, 2.0, 3.0]))


@same
def jacrev_nondep(m):
    return m.func.jacrev(lambda x: T(m, [1.0, 2.0]))(T(m, [1.0, 2.0, 3.0]))


@same
def jacfwd_nondep(m):
    return m.func.jacfwd(lambda x: T(m, [1.0, 2.0]))(T(m, [1.0, 2.0, 3.0]))


@same
def jacrev_scalar(m):
    return m.func.jacrev(lambda x: x.sum())(T(m, [1.0, 2.0, 3.0]))


@same
def jacrev_empty(m):
    return m.func.jacrev(lambda x: x * 2)(m.zeros(0)).shape


@same
def jacfwd_empty(m):
    return m.func.jacfwd(lambda x: x * 2)(m.zeros(0)).shape


@same
def hessian_(m):
    return m.func.hessian(lambda x, y: (x * x * y).sum(), argnums=(0, 1))(
        T(m, [1.0, 2.0]), T(m, [3.0, 4.0])
    )


@same
def linearize_(m):
    o, f = m.func.linearize(
        lambda x, y: (x.sin() * y, {"a": x}), T(m, [1.0, 2.0]), T(m, [3.0, 4.0])
    )
    return o, f(T(m, [1.0, 0.0]), T(m, [1.0, 0.0]))


@same
def grad_of_nograd(m):
    with m.no_grad():
        return m.func.grad(lambda x: x * x)(T(m, 3.0))


@same
def nograd_in_grad(m):
    def f(x):
        with m.no_grad():
            c = x * x
        return x * c

    return m.func.grad(m.func.grad(f))(T(m, 3.0))


@same
def detach_grad(m):
    return m.func.grad(m.func.grad(lambda x: x**3 * x.detach()))(T(m, 3.0))


@same
def nt_grad(m):
    N = collections.namedtuple("N", "a b")
    return tuple(m.func.grad(lambda n: n.a * n.b)(N(T(m, 3.0), T(m, 2.0))))


@same
def od_grad(m):
    r = m.func.grad(lambda n: n["b"] * n["a"] ** 2)(
        collections.OrderedDict(b=T(m, 3.0), a=T(m, 2.0))
    )
    return type(r).__name__, list(r), r["b"], r["a"]


@same
def dd_grad(m):
    d = collections.defaultdict(list, {"a": T(m, 3.0)})
    r = m.func.grad(lambda n: n["a"] ** 2)(d)
    return type(r).__name__, r["a"]


@same
def deque_grad(m):
    r = m.func.grad(lambda n: n[0] ** 2)(collections.deque([T(m, 3.0)]))
    return type(r).__name__, r[0]


@same
def chunk(m):
    return m.vmap(lambda x: x * 2, chunk_size=2)(m.arange(5.0))


# --- refused


@refused("argument 0 is weft.complex64, whose Jacobian")
def jacrev_complex_in(m):
    return m.func.jacrev(lambda z: z * z)(m.tensor([1 + 2j]))


@refused("argument 0 is weft.complex64, whose Jacobian")
def jacfwd_complex_in(m):
    return m.func.jacfwd(lambda z: z * z)(m.tensor([1 + 2j]))


@refused("result 0 is weft.complex64, whose Jacobian")
def jacrev_complex_out(m):
    return m.func.jacrev(lambda x: m.complex(x, x))(m.tensor([1.0]))


@refused("result 0 is weft.complex64, whose Jacobian")
def jacfwd_complex_out(m):
    return m.func.jacfwd(lambda x: m.complex(x, x))(m.tensor([1.0]))


@refused("argument 0 is weft.complex64, whose Jacobian")
def hessian_complex(m):
    return m.func.hessian(lambda z: (z.abs() ** 2).sum())(m.tensor([1 + 2j]))


@refused("a leaf tensor that requires grad")
def inplace_arg(m):
    def f(x):
        x.add_(1)
        return (x * x).sum()

    x = T(m, [1.0, 2.0])
    return m.func.grad(f)(x), x


@refused("vmap cannot write the values of 2 examples into one tensor")
def setitem_zeros_vmap(m):
    def f(x):
        y = m.zeros(2, dtype=m.float64)
        y[0] = x
        return y * y

    return m.vmap(f)(T(m, [3.0, 4.0]))


@refused("vmap cannot write the values of 2 examples into one tensor")
def inplace_captured_vmap(m):
    c = T(m, [0.0, 0.0])

    def f(x):
        c.add_(x)
        return c * 1

    return m.vmap(f)(T(m, [[3.0, 4.0], [1.0, 2.0]])), c


@refused("escaped from the function that vmap transformed")
def escape_vmap(m):
    l = []

    def f(x):
        l.append(x)
        return x

    m.vmap(f)(T(m, [3.0, 4.0]))
    return l[0] + 1


@refused("would add to .grad of a tensor from outside")
def backward_in_vmap(m):
    w = T(m, 2.0, requires_grad=True)

    def f(x):
        (x * w).backward()
        return x

    m.vmap(f)(T(m, [3.0, 4.0]))
    return w.grad


@refused("item: inside vmap a tensor stands for 2 values")
def item_vmap(m):
    return m.vmap(lambda x: x.item())(T(m, [3.0, 4.0]))


@refused("inside vmap a tensor stands for 2 values.*weft.where")
def bool_vmap(m):
    return m.vmap(lambda x: x if x > 0 else -x)(T(m, [3.0, 4.0]))


@refused("cannot be batched: the result's shape depends on the data.*run a loop")
def nonzero_vmap(m):
    return m.vmap(lambda x: x.nonzero())(T(m, [[3.0, 4.0]]))


@refused("index by a boolean mask: inside vmap.*weft.where")
def mask_vmap(m):
    return m.vmap(lambda x: x[x > 0])(T(m, [[3.0, 4.0]]))


@refused("index by a boolean mask: inside vmap.*weft.where")
def mask_set_vmap(m):
    def f(x):
        y = x.clone()
        y[y > 3.5] = 0
        return y

    return m.vmap(f)(T(m, [[3.0, 4.0], [5.0, 1.0]]))


@refused("boolean mask: inside vmap")
def masked_select_vmap(m):
    return m.vmap(lambda x: m.masked_select(x, x > 0))(T(m, [[3.0, 4.0]]))


@refused("cannot be batched")
def unique_vmap(m):
    return m.vmap(lambda x: m.unique(x))(T(m, [[3.0, 4.0]]))


@refused('rand: a random draw inside vmap.*randomness=\\"different\\"')
def rand_vmap(m):
    return m.vmap(lambda x: m.rand(2) + x)(m.zeros(3, 2)).shape


@refused("must return tensors, got NoneType")
def vmap_out_none(m):
    return m.vmap(lambda x: (x, None))(T(m, [1.0, 2.0]))


@refused("must return tensors, got float 2.0")
def vmap_out_float(m):
    return m.vmap(lambda x: (x, 2.0))(T(m, [1.0, 2.0]))


@refused("called without arguments")
def vmap_no_args(m):
    return m.vmap(lambda: 1)()


@refused("cannot map over int 3")
def vmap_int_arg0(m):
    return m.vmap(lambda x, n: x * n)(T(m, [1.0, 2.0]), 3)


@refused("dim 0 is out of range for an argument of shape \\(\\)")
def vmap_scalar0d(m):
    return m.vmap(lambda x: x * 2)(T(m, 3.0))


@refused("in_dims must be an int, None or a tuple")
def vmap_indims_bool(m):
    return m.vmap(lambda x: x, in_dims=True)(m.zeros(2, 3)).shape


@refused("floating and complex tensors have gradients, this one is weft.int64")
def grad_int(m):
    return m.func.grad(lambda x: x * 1.0)(m.tensor(3))


@refused("got \\(1,\\); reduce it with .sum\\(\\)")
def grad_nonscalar(m):
    return m.func.grad(lambda x: x)(T(m, [3.0]))


@refused("must return a real number, got weft.complex64")
def grad_complex(m):
    return m.func.grad(lambda x: x * x)(m.tensor(1 + 2j))


@refused("each once")
def grad_argnums_dup(m):
    return m.func.grad(lambda x, y: x * y, argnums=(0, 0))(T(m, 3.0), T(m, 2.0))


@refused("out of range for 0 positional")
def grad_argnums_kwarg(m):
    return m.func.grad(lambda x: x * x)(x=T(m, 3.0))


@refused("must return tensors only, got NoneType")
def vjp_none_out(m):
    return m.func.vjp(lambda x: None, T(m, 3.0))


@refused("expected a weft.Tensor to differentiate by, got float")
def vjp_float_in(m):
    return m.func.vjp(lambda x: x, 3.0)


@refused("must be nested like the value")
def vjp_badstruct(m):
    _o, f = m.func.vjp(lambda d: {"a": d["x"] * 2}, {"x": T(m, 3.0)})
    return f(T(m, 1.0))


@refused("at least one tensor")
def vjp_noprimals(m):
    return m.func.vjp(lambda: 3)


@refused("strict=True forbids")
def jvp_strict(m):
    return m.func.jvp(lambda x: T(m, 2.0), (T(m, 3.0),), (T(m, 1.0),), strict=True)


@refused("at least one tensor")
def jvp_empty(m):
    return m.func.jvp(lambda: 3, (), ())


@refused("tangent 0 must be floating or complex")
def jvp_dtype(m):
    return m.func.jvp(lambda x: x * 2, (T(m, 3.0),), (m.tensor(1),))


@refused("must return tensors only, got float")
def jvp_out_float(m):
    return m.func.jvp(lambda x: 2.0, (T(m, 3.0),), (T(m, 1.0),))


@refused("chunk_size must be None or positive")
def jacrev_chunk0(m):
    return m.func.jacrev(lambda x: x**3, chunk_size=0)(T(m, [1.0, 2.0, 3.0]))


@refused("tangent 0 must have the shape of its primal, \\(2,\\), got \\(3,\\)")
def linearize_bad(m):
    o, f = m.func.linearize(lambda x: x.sin(), T(m, [1.0, 2.0]))
    return o, f(T(m, [1.0, 0.0, 2.0]))


@refused("expected a weft.Tensor to differentiate by, got D")
def dataclass_grad(m):
    @dataclasses.dataclass
    class D:
        a: object

    r = m.func.grad(lambda n: n.a**2)(D(T(m, 3.0)))
    return type(r).__name__, r.a


@refused("must return tensors, got int")
def size_out(m):
    return m.vmap(lambda x: x.shape)(m.zeros(2, 3))


@refused("must return tensors, got str")
def vmap_str_out(m):
    return m.vmap(lambda x: "s")(m.zeros(2, 3))


@refused("chunk_size must be None or positive")
def chunk_bad(m):
    return m.vmap(lambda x: x * 2, chunk_size=0)(m.arange(5.0))


@refused("randomness must be one of")
def rnd_bad(m):
    return m.vmap(lambda x: x * 2, randomness="x")(m.arange(5.0))


VIEWS = [
    lambda y: y.reshape(-1),
    lambda y: y.reshape(y.shape[0], -1),
    lambda y: y.reshape(-1, y.shape[-1]),
    lambda y: y.flatten(1).unflatten(1, tuple(y.shape)[1:]),
    lambda y: y.transpose(0, 1).reshape(-1),
    lambda y: y.contiguous().view(-1),
    lambda y: y.mT.contiguous().view(-1),
    lambda y: y.view(-1),
]


@pytest.mark.parametrize("in_dim", range(4))
@pytest.mark.parametrize("number", range(len(VIEWS)))
def test_writes_through_views_of_examples_reach_what_torchs_reach(number, in_dim):
    data = np.arange(120.0).reshape(2, 3, 4, 5)

    def run(m: Any) -> Any:
        def written(x: Any) -> Any:
            y = x * 1  # in the strides of x
            VIEWS[number](y).mul_(2)
            return y

        slope = m.func.grad(lambda x: (written(x) * x).sum())
        try:
            both = [m.vmap(f, in_dims=in_dim)(m.from_numpy(data.copy())) for f in (written, slope)]
        except RuntimeError:  # view refuses the strides
            return "refused"
        return plain(both)

    assert run(weft) == quietly(run, torch)


@pytest.mark.parametrize("name", SAME)
def test_both_answer_alike(name):
    expected = quietly(lambda: plain(SAME[name](torch)))
    assert plain(SAME[name](weft)) == rounded(expected)


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    function, message = REFUSED[name]
    with pytest.raises(Exception):  # noqa: B017  # torch's own errors are of many types
        quietly(function, torch)
    with pytest.raises((RuntimeError, ValueError, TypeError, IndexError), match=message):
        function(weft)
