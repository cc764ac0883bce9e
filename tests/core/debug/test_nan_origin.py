"""nan_origin: the first op that makes NaN or Inf is named, and nothing else is."""

from __future__ import annotations

import inspect
import pickle
import threading

import numpy as np
import pytest

import weft
from tests.core.catalogued import COMPUTING, DIFFERENTIABLE
from tests.core.drawing import Call, floating
from weft import nn
from weft._core import dispatch
from weft._core.modes import here
from weft.debug import NanOriginError, allow_nan, nan_origin
from weft.transforms import walk
from weft.utils.checkpoint import checkpoint


def line() -> int:
    """Return the number of the line it is called from."""
    return inspect.currentframe().f_back.f_lineno


def origin(run, **settings):
    """Return the event that the error of a run carries."""
    with pytest.raises(NanOriginError) as caught, nan_origin(**settings):
        run()
    assert str(caught.value) == str(caught.value.event)
    return caught.value.event


def report(run, **settings):
    with nan_origin(raise_error=False, **settings) as found:
        run()
    return found


# --- forward -----------------------------------------------------------------------------------


def test_the_op_its_inputs_the_element_and_the_line_are_named():
    x = weft.tensor([[1.0, 0.0, -2.0], [4.0, 2.0, 0.0]])
    expected = line() + 1
    event = origin(lambda: weft.exp(x) + weft.log(x.abs()))
    assert (event.op, event.kind, event.phase) == ("log", "inf", "forward")
    assert (event.index, event.value, event.values) == ((0, 1), -np.inf, {"input": 0.0})
    (given,) = event.inputs
    assert (given.name, given.shape, given.dtype) == ("input", (2, 3), weft.float32)
    assert (given.min, given.max, given.mean) == (0, 4, 1.5)
    assert (given.zeros, given.negatives, given.nans, given.infs) == (2, 0, 0, 0)
    assert event.site.line == expected
    assert event.site.filename == __file__
    assert "weft.exp(x) + weft.log(x.abs())" in event.site.text
    text = str(event)
    assert text.startswith("log made Inf of finite input\n  called at: ")
    assert "first at [0, 1]: -inf from input = 0" in text
    assert "input: float32(2, 3): min 0, max 4, mean 1.5, 2 zero" in text


@pytest.mark.parametrize(
    ("run", "op", "kind", "values"),
    [
        (lambda: weft.tensor([1.0, 0.0]) / weft.tensor([1.0, 0.0]), "true_divide", "nan", (0, 0)),
        (lambda: weft.tensor([1.0, -1.0]).sqrt(), "sqrt", "nan", (-1,)),
        (lambda: weft.tensor([60000.0], dtype=weft.float16) * 2, "mul", "inf", (60000, 2)),
        (lambda: weft.tensor([1.0, 70000.0]).half(), "convert", "inf", (70000,)),
        (lambda: weft.tensor([3e38], dtype=weft.bfloat16) * 2, "mul", "inf", None),
        (lambda: weft.tensor([1000 + 0j]).exp(), "exp", "inf", (1000,)),
        (lambda: weft.tensor([1.0, 200.0]).exp_(), "exp", "inf", (200,)),
        (lambda: weft.ones(2).half().add_(weft.tensor([1.0, 1e6])), "convert", "inf", (1e6 + 1,)),
        (lambda: weft.exp(weft.tensor([100.0]), out=weft.zeros(1)), "exp", "inf", (100,)),
    ],
)
def test_ops_in_place_and_of_every_dtype_are_named(run, op, kind, values):
    event = origin(run)
    assert (event.op, event.kind) == (op, kind)
    if values is not None:
        assert tuple(event.values.values()) == values


def test_a_sum_shows_the_greatest_of_what_it_added_and_a_product_its_row_and_column():
    x = weft.full((2, 300), 300.0, dtype=weft.float16)
    event = origin(lambda: x.sum(1, keepdim=True))
    assert (event.op, event.index, event.values) == ("sum", (0, 0), {"input": [300.0] * 6})
    assert event.settings == {"dim": (1,), "keepdim": True}
    y = weft.tensor([[1.0, 0.0], [3e4, 4e4]]).half()
    event = origin(lambda: y @ y)
    assert (event.index, event.values) == ((1, 0), {"input": [4e4, 3e4], "other": [3e4, 1.0]})


def test_the_first_op_is_named_and_not_what_comes_after():
    found = report(lambda: (weft.tensor([-1.0]).log() * 2).exp().sum())
    assert [event.op for event in found.events] == ["log"]


def test_each_origin_is_reported_when_asked_only_to_report():
    def run():
        weft.tensor([0.0]).log()
        weft.tensor([-1.0]).sqrt()
        weft.ones(2).exp()

    found = report(run)
    assert [(e.op, e.kind) for e in found.events] == [("log", "inf"), ("sqrt", "nan")]
    assert found.first is found.events[0]
    assert len(report(run, limit=1).events) == 1


def test_a_clean_run_reports_nothing():
    found = report(lambda: weft.ones(2).exp().log())
    assert not found
    assert found.first is None
    assert str(found) == "no op made NaN or Inf of finite input"


def test_what_counts_can_be_chosen():
    assert report(lambda: weft.zeros(1).log(), inf=False).events == []
    assert report(lambda: weft.tensor([-1.0]).log(), nan=False).events == []
    with pytest.raises(ValueError, match="leave nothing to look for"):
        nan_origin(nan=False, inf=False)


def test_nan_made_of_inf_is_an_origin_even_where_inf_does_not_count():
    event = origin(lambda: weft.zeros(1).log() * 0, inf=False)
    assert (event.op, event.kind, event.from_inf) == ("mul", "nan", True)
    assert str(event).startswith("mul made NaN of Inf\n")


@pytest.mark.parametrize("ignored", ["log", weft.log])
def test_ops_can_be_ignored(ignored):
    assert report(lambda: weft.zeros(1).log(), ignore=(ignored,)).events == []


def test_blocks_of_code_can_be_allowed_to_make_them_backward_too():
    x = weft.zeros(2, requires_grad=True)
    with nan_origin():
        with allow_nan():
            y = x.sqrt().log()
        weft.where(x > 0, y, 0.0).sum().backward()
    assert here.nan_allowed == 0


# --- masks -------------------------------------------------------------------------------------


def causal(n: int) -> weft.Tensor:
    return weft.ones(n, n, dtype=weft.bool).triu(1)


@pytest.mark.parametrize(
    "masked",
    [
        lambda s, m: s.masked_fill(m, -weft.inf),
        lambda s, m: s + weft.where(m, -weft.inf, 0.0),
        lambda s, m: s + weft.full((4, 4), -weft.inf).triu(1),
        lambda s, m: weft.where(m, weft.tensor(-weft.inf), s),
        lambda s, m: s.clone().masked_fill_(m, float("-inf")),
        lambda s, m: s + weft.zeros(4, 4).masked_fill(m, -weft.inf).unsqueeze(0)[0] * 1.5,
    ],
)
def test_masks_of_minus_infinity_are_no_origin_forward_or_backward(masked):
    x = weft.randn(4, 4, requires_grad=True)
    with nan_origin():
        weights = weft.softmax(masked(x * 2, causal(4)), -1)
        (weights @ x).log_softmax(-1).sum().backward()
    assert bool(x.grad.isfinite().all())


def test_attention_with_a_mask_is_no_origin():
    q = weft.randn(1, 2, 4, 8, requires_grad=True)
    with nan_origin():
        out = nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True)
        out.square().sum().backward()


def test_a_row_that_is_masked_whole_is():
    scores = weft.randn(3, 3).masked_fill(weft.ones(3, 3, dtype=weft.bool).tril(), -weft.inf)
    event = origin(lambda: weft.softmax(scores, -1))
    assert (event.called, event.kind, event.index) == ("softmax", "nan", (2, 0))
    assert event.from_inf
    assert "softmax (its op" in str(event)


def test_beside_a_mask_an_overflow_of_an_elementwise_op_is_still_found():
    x = weft.tensor([-weft.inf, 1.0, 100.0])
    event = origin(lambda: x.exp())
    assert (event.index, event.values) == ((2,), {"input": 100.0})


# --- inside weft's own functions ---------------------------------------------------------------


def test_infinities_that_a_function_of_weft_hides_do_not_count():
    x = weft.tensor([0.0, 1e30, 100.0], requires_grad=True)
    with nan_origin():
        nn.functional.softplus(x).sum().backward()
        weft.special.xlogy(weft.zeros(3), x.detach()).sum()
        weft.logaddexp(x, x).sum().backward()
        weft.sinc(x).sum()


def make_bad(call: Call, kind: str) -> None:
    """Put extreme values into a sample's arrays, those that own their memory."""
    few = np.array([0.0, 1e30, -1e30, 1.0, -1.0, 0.5, 88.9, -200.0], np.float32)
    for v in call.variables:
        if v.base is None and v.flags.writeable:
            v[...] = {"zero": 0, "huge": 1e30, "minus": -1.0, "mixed": np.resize(few, v.shape)}[
                kind
            ]
    return True


def is_clean(tensors) -> bool:
    return all(bool(weft.isfinite(t.detach()).all()) for t in floating(list(tensors)))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what functions warn of on such input is not asked here
@pytest.mark.parametrize("kind", ["zero", "huge", "minus", "mixed"])
def test_on_every_function_there_is_an_origin_exactly_where_the_result_is_not_finite(kind):
    differentiable = {p.id for p in DIFFERENTIABLE}
    wrong = []
    looked_at = 0
    for parameter in COMPUTING:
        entry, sample = parameter.values
        call = Call(entry.function, sample, np.float32, entry.key)
        make_bad(call, kind)
        xs = call.tensors(requires_grad=True)
        found = None
        try:
            with nan_origin(raise_error=False) as found:
                outs = floating(call.run(xs))
        except Exception:  # a singular matrix, an argument out of range
            continue
        looked_at += 1
        if is_clean(outs) == bool(found):
            wrong.append((parameter.id, "forward", str(found)))
        roots = [o for o in outs if o.requires_grad]
        if not is_clean(outs) or parameter.id not in differentiable or not roots:
            continue
        try:
            with nan_origin(raise_error=False) as found:
                seeds = [weft.ones_like(o) for o in roots]
                grads = weft.autograd.grad(roots, xs, seeds, allow_unused=True)
        except Exception:  # as above
            continue
        if is_clean(g for g in grads if g is not None) == bool(found):
            wrong.append((parameter.id, "backward", str(found)))
    assert wrong == []
    assert looked_at > 1500


# --- backward ----------------------------------------------------------------------------------


def test_a_backward_rule_is_named_with_both_lines_and_its_step():
    x = weft.tensor([4.0, 0.0], requires_grad=True)
    lines = []

    def run():
        lines.append(line() + 1)
        y = x.sqrt()
        loss = y.sum()
        lines.append(line() + 1)
        loss.backward()

    event = origin(run)
    assert (event.op, event.kind, event.phase, event.step) == (
        "sqrt",
        "inf",
        "backward",
        "true_divide",
    )
    assert [event.forward_site.line, event.site.line] == lines
    assert "x.sqrt()" in event.forward_site.text
    assert "loss.backward()" in event.site.text
    assert [one.name for one in event.inputs] == ["grad_output", "saved result"]
    text = str(event)
    assert text.startswith("the backward rule of sqrt made Inf of finite input, in its step true_d")


def test_nan_in_backward_alone_is_named_where_the_forward_is_finite():
    x = weft.tensor([0.0, 1.0], requires_grad=True)

    def run():
        weft.where(x > 0, x.sqrt(), 0.0).sum().backward()

    event = origin(run)  # 0 / 0: the gradient is 0 where the slope is infinite
    assert (event.op, event.kind, event.phase) == ("sqrt", "nan", "backward")


def test_backward_alone_can_be_watched_and_then_the_forward_line_is_not_known():
    loss = weft.zeros(1, requires_grad=True).sqrt().sum()
    event = origin(loss.backward)
    assert event.op == "sqrt"
    assert event.forward_site is None
    assert "the forward call" not in str(event)


def test_gradients_that_overflow_when_they_are_added_up_are_named():
    x = weft.ones(1, dtype=weft.float16, requires_grad=True)
    y = x * 1
    ends = [y * 4e4, y * 4e4]
    event = origin(lambda: weft.autograd.backward(ends))
    assert (event.op, event.phase) == ("the sum of gradients", "backward")


def test_a_grad_that_overflows_when_another_pass_adds_to_it_is_named():
    x = weft.ones(1, dtype=weft.float16, requires_grad=True)
    (x * 4e4).sum().backward()
    event = origin(lambda: (x * 4e4).sum().backward())
    assert (event.op, event.phase) == ("the sum of gradients", "backward")
    assert event.values == {"input": 4e4, "other": 4e4}
    assert str(event).startswith("the sum of gradients made Inf of finite input")


def test_the_second_backward_pass_is_watched_too():
    x = weft.tensor([0.0], requires_grad=True)

    def run():
        (g,) = weft.autograd.grad((x * x.abs().sqrt() ** 3).sum(), x, create_graph=True)
        g.sum().backward()

    event = origin(run)
    assert event.phase == "backward"


def test_a_failed_search_leaves_the_tape_usable():
    x = weft.tensor([0.0], requires_grad=True)
    with pytest.raises(NanOriginError), nan_origin():
        x.sqrt().sum().backward()
    assert walk._cotangents.__name__ == "_cotangents"
    (x * 2).sum().backward()
    assert x.grad.tolist() == [2]


# --- where else ops run ------------------------------------------------------------------------


def test_ops_under_the_transforms_are_named():
    f = weft.func
    assert origin(lambda: f.vmap(weft.log)(weft.zeros(3))).op == "log"
    event = origin(lambda: f.grad(lambda x: x.sqrt().sum())(weft.zeros(3)))
    assert (event.op, event.phase) == ("sqrt", "backward")
    assert origin(lambda: f.jvp(weft.sqrt, (weft.zeros(1),), (weft.ones(1),))).kind == "inf"
    per_example = f.vmap(f.grad(lambda x: x.sqrt().sum()))
    event = origin(lambda: per_example(weft.tensor([[1.0], [0.0]])))
    assert (event.op, event.index[0]) == ("sqrt", 1)


class Reciprocal(weft.autograd.Function):
    """Computed by NumPy, behind the ops' back."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        with np.errstate(divide="ignore"):
            return weft.from_numpy(1 / x.detach().numpy())

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return -g / (x - 2)  # wrong, and Inf at 2


def test_custom_functions_are_named_forward_and_backward():
    event = origin(lambda: Reciprocal.apply(weft.tensor([1.0, 0.0])))
    assert (event.op, event.kind, event.index) == ("Reciprocal", "inf", (1,))
    assert event.inputs[0].zeros == 1
    assert "Reciprocal.apply" in event.site.text
    x = weft.tensor([1.0, 2.0], requires_grad=True)
    event = origin(lambda: Reciprocal.apply(x).sum().backward())
    assert (event.op, event.phase, event.values["other"]) == ("true_divide", "backward", 0.0)
    assert "return -g / (x - 2)" in event.site.text
    assert "Reciprocal.apply(x)" in event.forward_site.text


def test_an_op_inside_a_custom_function_is_named_rather_than_the_function():
    class Log(weft.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.log()

        @staticmethod
        def backward(ctx, g):
            return g

    found = report(lambda: Log.apply(weft.zeros(1)))
    assert [event.op for event in found.events] == ["log"]


def test_the_module_is_named_by_its_path_forward_and_backward():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(nn.Linear(2, 2), nn.ReLU())

        def forward(self, x):
            return self.root(self.encoder(x))

        def root(self, x):
            return x.sqrt()

    net = Net()
    with weft.no_grad():
        net.encoder[0].weight.fill_(1e38)
    event = origin(lambda: net(weft.full((1, 2), 100.0)))
    assert event.module == "Net.encoder.0 (Linear)"
    assert event.called == "linear"
    with weft.no_grad():
        net.encoder[0].weight.fill_(0)
        net.encoder[0].bias.fill_(0)
    event = origin(lambda: net(weft.ones(1, 2)).sum().backward())
    assert (event.op, event.module) == ("sqrt", "Net")
    assert event.forward_site.function == "root"


def test_a_checkpointed_function_is_watched_in_both_runs():
    x = weft.zeros(2, requires_grad=True)
    assert origin(lambda: checkpoint(weft.log, x)).phase == "forward"
    event = origin(lambda: checkpoint(weft.sqrt, x).sum().backward())
    assert (event.op, event.phase) == ("sqrt", "backward")


def test_it_is_a_decorator_that_can_be_used_again():
    @nan_origin()
    def f(x):
        return x.log()

    for _ in range(2):
        with pytest.raises(NanOriginError):
            f(weft.zeros(1))
    assert f(weft.ones(1)).item() == 0


def test_watches_nest_and_each_has_its_own_settings():
    with nan_origin(raise_error=False) as outer:
        with nan_origin(raise_error=False, inf=False) as inner:
            weft.zeros(1).log()
        weft.tensor([-1.0]).log()
    assert inner.events == []
    assert [event.kind for event in outer.events] == ["inf", "nan"]


def test_another_thread_is_not_watched():
    with nan_origin() as found:
        thread = threading.Thread(target=lambda: weft.zeros(1).log())
        thread.start()
        thread.join()
    assert not found


def test_nan_that_comes_from_elsewhere_is_told_in_the_report():
    found = report(lambda: weft.tensor([weft.nan, 1.0]).exp() + 1)
    assert not found
    assert found.arrived.startswith("NaN came from elsewhere: input: float32(2,): min 1")
    assert "went into exp at" in found.arrived
    assert found.arrived in str(found)


def test_while_nothing_is_watched_the_plain_path_is_as_it_was():
    before = dispatch.finish, walk._cotangents
    with nan_origin():
        assert dispatch.finish is not before[0]
        assert walk._cotangents is not before[1]
    assert (dispatch.finish, walk._cotangents) == before
    assert here.watchers == here.rule_watchers == ()


def test_the_error_can_be_pickled_and_is_both_kinds_of_error():
    event = origin(lambda: weft.zeros(1).log())
    again = pickle.loads(pickle.dumps(NanOriginError(event)))
    assert str(again) == str(event)
    assert isinstance(again, FloatingPointError)
    assert isinstance(again, RuntimeError)


def test_whole_tensors_that_are_bad_and_empty_ones_can_be_told_of():
    event = origin(lambda: weft.full((2,), -weft.inf) * 0)
    assert "input: float32(2,): no finite element, 2 Inf" in str(event)
    assert not report(lambda: weft.zeros(0).log())
