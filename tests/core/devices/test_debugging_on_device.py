"""nan_origin, drawings and checkpoints with tensors on a device that NumPy cannot read."""

from __future__ import annotations

from functools import partial

import pytest

import weft
from weft.debug import NanOriginError, graph, nan_origin
from weft.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)

pytestmark = pytest.mark.usefixtures("fake_gpus")


def leaf() -> weft.Tensor:
    weft.manual_seed(0)
    return weft.randn(3, 3).to("cuda:1").requires_grad_()


def f(x: weft.Tensor) -> weft.Tensor:
    return ((x @ x).exp() @ x).tanh()


def gradient(out: weft.Tensor, x: weft.Tensor) -> list[float]:
    (g,) = weft.autograd.grad(out.sum(), x)
    assert str(g.device) == "cuda:1"
    return g.cpu().flatten().tolist()


def test_the_origin_is_named_forward_and_backward():
    x = weft.tensor([1.0, 0.0]).to("cuda:1").requires_grad_()
    with pytest.raises(NanOriginError) as caught, nan_origin():
        x.log()
    assert (caught.value.event.op, caught.value.event.values) == ("log", {"input": 0.0})
    with pytest.raises(NanOriginError) as caught, nan_origin():
        x.sqrt().sum().backward()
    assert (caught.value.event.op, caught.value.event.phase) == ("sqrt", "backward")


def test_a_drawing_counts_the_bytes_on_the_device():
    drawing = graph(leaf().exp().sum())
    assert drawing.kept_bytes == 36
    assert "exp" in str(drawing)


def test_checkpoints_have_the_same_gradient():
    x = leaf()
    assert gradient(checkpoint(f, x), x) == gradient(f(x), x)


@pytest.mark.parametrize("policy", [CheckpointPolicy.MUST_SAVE, CheckpointPolicy.MUST_CPU_OFFLOAD])
def test_what_a_policy_keeps_there_or_on_the_cpu_comes_back_to_its_device(policy):
    def choose(ctx, op, *args, **settings):
        return policy if op == "matmul" else CheckpointPolicy.PREFER_RECOMPUTE

    x = leaf()
    keep = partial(create_selective_checkpoint_contexts, choose)
    assert gradient(checkpoint(f, x, context_fn=keep), x) == gradient(f(x), x)
