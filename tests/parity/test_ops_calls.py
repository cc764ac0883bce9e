"""The ways in which model code writes calls: each line runs on weft and on torch alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import weft
from tests.parity.torch_side import assert_same, quietly, tensor_of

LINES = """
m.max(x) ; m.max(x, 1) ; m.max(x, dim=1, keepdim=True) ; m.max(x, 1)[1] ; m.max(x, y)
m.min(x, y) ; x.max(1).values ; x.max(dim=-1).indices ; x.max(-1, True)[0] ; x.max(y) ; x.min(y)
m.min(x, 0) ; x.sum() ; x.sum(1) ; x.sum((0, 1)) ; x.sum(0, True) ; x.sum(dim=[0, 1])
x.sum(-1, keepdim=True) ; m.sum(x, 1, dtype=m.float64) ; x.sum(dtype=m.float64) ; x.mean()
x.mean(0) ; x.mean((0, 1), keepdim=True) ; x.mean(dim=[-1]) ; m.mean(x, 1, True)
x.mean(1, dtype=m.float64) ; x.var() ; x.var(0) ; x.var(0, False) ; x.var(False)
x.var(0, unbiased=False) ; x.var(0, keepdim=True, unbiased=False) ; x.var(1, True, True)
x.var(dim=(0, 1), correction=0) ; m.var(x, dim=1, unbiased=False) ; x.std() ; x.std(1)
x.std(1, unbiased=False) ; x.std(1, False, True) ; m.std(x, 1, keepdim=True)
x.std(unbiased=False) ; x.prod() ; x.prod(1) ; x.prod(1, True) ; x.argmax() ; x.argmax(1)
x.argmax(dim=1, keepdim=True) ; m.argmin(x, -1) ; (x > 0).all() ; (x > 0).all(1)
(x > 0).any(1, True) ; (x > 0).any(dim=(0, 1)) ; (x > 0).sum() ; x.amax((0, 1)) ; x.amax(1, True)
m.amin(x, 0) ; x.cumsum(1) ; m.cumsum(x, dim=0) ; x.cumsum(0, dtype=m.float64) ; x.logsumexp(1)
m.logsumexp(x, dim=(0, 1)) ; x.logsumexp(-1, True) ; x.softmax(1) ; m.softmax(x, -1)
F.softmax(x, dim=1) ; x.softmax(-1, m.float64) ; F.softmax(x, dim=-1, dtype=m.float64)
x.log_softmax(dim=1) ; x.sort() ; x.sort(0, True) ; x.sort(dim=0, descending=True)
m.sort(x, 1)[0] ; x.argsort() ; x.argsort(0, True) ; x.argsort(dim=1, descending=True)
m.sort(x, dim=1, stable=True) ; x.argsort(dim=0, stable=True) ; x.topk(2) ; x.topk(2, 0)
m.topk(x, k=2, dim=1, largest=False) ; x.topk(1, 1, True, True) ; x.topk(2).values
x.topk(2, dim=-1)[1] ; x + 1 ; 1 - x ; 2 / x ; x ** 2 ; 2 ** x ; x // 0.3 ; x % 0.3 ; -x ; abs(x)
x @ y.t() ; x.T ; y.mT ; m.add(x, y, alpha=2) ; x.add(y, alpha=-1) ; x.sub(y, alpha=2)
m.sub(x, 1) ; x.mul(2) ; x.div(y) ; x.div(2, rounding_mode="floor")
m.div(x, y, rounding_mode="trunc") ; x.pow(2) ; m.pow(2, x) ; m.pow(x, 2.0) ; x.clamp(0, 1)
x.clamp(min=0) ; x.clamp(max=0.5) ; m.clamp(x, y, y + 1) ; x.clip(0.0) ; x.clamp(-0.5, 0.5)
x.round() ; (x * 100).round(decimals=1) ; m.round(x * 10) ; x.maximum(y) ; m.where(x > 0, x, y)
m.where(x > 0, x, 0.0) ; m.where(x > 0, 1.0, 0.0) ; m.where(x > 0) ; x.masked_fill(x > 0, -1e9)
x.masked_fill(x > 0, float("-inf")) ; m.masked_fill(x, x > 0, 0) ; x.masked_select(x > 0)
x.nonzero() ; m.nonzero(x > 0) ; (x > 0).nonzero(as_tuple=True) ; m.nonzero(x > 0, as_tuple=True)
x.reshape(3, 2) ; x.reshape(-1) ; x.reshape((3, -1)) ; m.reshape(x, (6,)) ; x.view(3, 2)
x.view(-1) ; x.view((2, 1, 3)) ; x.view(2, -1) ; x.flatten() ; x.flatten(0) ; m.flatten(z, 1)
z.flatten(start_dim=1) ; z.flatten(0, 1) ; x.unflatten(1, (3, 1)) ; x.permute(1, 0)
x.permute((1, 0)) ; m.permute(z, (2, 0, 1)) ; z.permute(0, -1, 1) ; x.transpose(0, 1)
z.transpose(1, 2) ; m.transpose(z, -1, -2) ; z.movedim(0, -1) ; m.movedim(z, (0, 1), (1, 2))
x.unsqueeze(0) ; x.unsqueeze(-1) ; m.unsqueeze(x, 1) ; x.unsqueeze(1).squeeze(1)
x.unsqueeze(0).squeeze() ; x[None].squeeze(0) ; x.expand(4, 2, 3) ; x[:1].expand(5, -1)
x[0].expand((2, 3)) ; x[:1].expand_as(x) ; m.broadcast_to(x, (2, 2, 3)) ; x.flip(0)
x.flip((0, 1)) ; x.flip(0, 1) ; m.flip(x, [1]) ; x.flip(dims=(1,)) ; m.cat([x, y])
m.cat((x, y), 1) ; m.cat([x, y], dim=-1) ; m.cat(tensors=[x, y], dim=0) ; m.stack([x, y])
m.stack((x, y), -1) ; x.split(1) ; x.split([1, 2], 1) ; m.split(x, 2, dim=1) ; x.split((1, 1))
x.chunk(2) ; x.chunk(2, dim=1) ; m.chunk(x, 3, -1) ; x.unbind() ; m.unbind(x, 1)
x.narrow(1, 0, 2) ; m.narrow(x, 0, 1, 1) ; x.select(1, 0) ; x.select(dim=0, index=-1)
x.index_select(1, i) ; m.index_select(x, 1, i) ; x.gather(1, g) ; m.gather(x, 1, g)
m.gather(input=x, dim=1, index=g) ; x.scatter_add(1, g, x) ; m.take_along_dim(x, g, 1) ; x.tril()
m.triu(x, 1) ; x.triu(diagonal=-1) ; m.zeros(2, 3) ; m.zeros((2, 3))
m.zeros([2, 3], dtype=m.int64) ; m.zeros(2) ; m.zeros(()) ; m.ones(2, 3, dtype=m.float64)
m.ones(x.shape) ; m.ones(x.size()) ; m.full((2, 3), 7) ; m.full((2,), 1.5) ; m.full((2,), True)
m.full([2], 3, dtype=m.float32) ; m.full((), 2.5) ; m.zeros_like(x)
m.ones_like(x, dtype=m.int64) ; m.full_like(x, 3) ; m.full_like(i, 2.5) ; m.zeros(2, device="cpu")
m.ones(2, device=m.device("cpu")) ; m.zeros_like(x, device="cpu") ; m.arange(5) ; m.arange(2, 5)
m.arange(0, 1, 0.25) ; m.arange(5.0) ; m.arange(5, 0, -2) ; m.arange(3, dtype=m.float32)
m.arange(start=1, end=4) ; m.arange(end=3) ; m.arange(1, 4, step=2) ; m.linspace(0, 1, 5)
m.linspace(0, 1, steps=3) ; m.linspace(2, -2, 4, dtype=m.float64) ; m.linspace(0, 10, 1)
m.eye(3) ; m.eye(2, 3) ; m.eye(2, dtype=m.int64) ; m.tensor([1, 2]) ; m.tensor([1.0, 2])
m.tensor(3) ; m.tensor(True) ; m.tensor([[1, 2], [3, 4]], dtype=m.float16) ; m.tensor([])
m.tensor([1 + 2j]) ; m.tensor([True, False]) ; m.tensor([True, 2]) ; m.tensor([1, 2.5])
m.tensor(2.5, dtype=m.int64) ; m.as_tensor([1, 2]) ; m.as_tensor(x) ; m.tensor([[], []])
x.new_zeros(2) ; x.new_zeros((2, 3)) ; x.new_ones(2, dtype=m.int64) ; x.new_full((2,), 3)
x.new_tensor([1, 2]) ; x.new_empty((0, 2)) ; x.size() ; x.size(0) ; x.size(-1) ; x.dim()
x.numel() ; x.ndim ; len(x) ; x.is_contiguous() ; x.is_floating_point() ; x.stride() ; x.stride(0)
x.shape[1] ; x.t().is_contiguous() ; x.element_size() ; x.tolist() ; x.sum().item()
(x > 0).tolist() ; i.tolist() ; x.double() ; x.half() ; x.long() ; x.bool() ; x.int() ; i.float()
x.to(m.float64) ; x.to(dtype=m.int32) ; x.to("cpu") ; x.to("cpu", m.float64) ; x.to(i)
x.type_as(i) ; x.to(m.device("cpu")) ; x.to(m.float64, copy=True)
x.to(device="cpu", dtype=m.float64) ; x.bfloat16() ; x.contiguous() ; x.clone() ; x.detach()
x.cpu() ; x.neg() ; x.eq(y) ; x == 0 ; x.ge(0) ; m.eq(x, 0) ; m.equal(x, x)
m.allclose(x, x + 1e-9) ; m.isclose(x, y, atol=1.0) ; m.isnan(x) ; x.isfinite()
m.logical_and(x > 0, y > 0) ; (x > 0) & (y > 0) ; ~(x > 0) ; (x > 0) | (y > 0) ; i & 1 ; i | 4
1 & i ; i ^ 3 ; i % 2 ; i // 2 ; i / 2 ; i ** 2 ; 5 - i ; 5 // (i + 1) ; 5 % (i + 1)
m.matmul(x, y.t()) ; x.matmul(y.T) ; m.mm(x, y.t()) ; m.bmm(z, z.transpose(1, 2)) ; z.bmm(z.mT)
x.mv(x[0]) ; m.dot(x[0], y[0]) ; m.outer(x[0], y[1]) ; x[0] @ y[1]
m.addmm(x[:, :2], x, y.t(), beta=0.5) ; m.addmm(x[0, :2], x, y.t(), alpha=2) ; z @ x.t()
m.relu(x) ; x.relu() ; x.sigmoid() ; F.gelu(x) ; F.gelu(x, approximate="tanh")
F.leaky_relu(x, 0.2) ; F.elu(x, 0.5) ; F.softplus(x, 2, 1) ; F.hardtanh(x, -0.5, 0.5)
F.glu(z, 1) ; F.pad(x, (1, 2)) ; F.pad(x, (1, 1, 2, 0), value=3.0)
F.pad(x, (1, 1), "constant", 1) ; F.pad(z, (1, 1), mode="reflect")
F.pad(z, (1, 2), mode="replicate") ; F.pad(z, (1, 2), mode="circular") ; F.pad(z, (-1, 1))
F.pad(x, [0, -1]) ; F.one_hot(i) ; F.one_hot(i, 5) ; F.one_hot(i, num_classes=4) ; F.linear(x, y)
F.linear(x, y, x[0, :2]) ; F.layer_norm(x, (3,)) ; F.layer_norm(x, [3], x[0], x[1])
F.layer_norm(x, x.shape) ; F.group_norm(z, 2) ; F.mse_loss(x, y)
F.mse_loss(x, y, reduction="sum") ; F.l1_loss(x, y, reduction="none") ; F.cross_entropy(x, i[:2])
F.cross_entropy(x, i[:2], label_smoothing=0.1) ; F.nll_loss(x, i[:2])
F.cross_entropy(x, x.softmax(1)) ; F.nll_loss(x, i[:2], ignore_index=1)
F.cross_entropy(x[0], i[0]) ; F.smooth_l1_loss(x, y, beta=0.5) ; F.huber_loss(x, y, delta=0.5)
F.binary_cross_entropy_with_logits(x, y) ; F.embedding(i, x.t())
F.dropout(x, 0.5, training=False) ; F.dropout(x, 0.0) ; F.max_pool1d(z, 2)
F.max_pool1d(z, kernel_size=2, stride=1) ; F.avg_pool1d(z, 2, 1, 1) ; F.max_pool2d(z[None], 2, 1)
F.max_pool2d(z[None], (2, 1), return_indices=True) ; F.adaptive_avg_pool1d(z, 2)
F.adaptive_avg_pool2d(z[None], (1, 1)) ; F.adaptive_avg_pool2d(z[None], (None, 2))
F.adaptive_avg_pool2d(z[None], 1) ; F.conv1d(z, z) ; F.conv1d(z, z, padding="same")
F.conv1d(z, z, None, 1, 1) ; F.conv2d(z[None], z[None], stride=2, padding=1)
F.conv2d(z[None], z[:1, None].expand(2, 1, 2, 3), groups=2) ; F.conv1d(z[0], z)
m.conv2d(z[None], z[None], padding=(1, 0))
F.conv2d(z[None], z[None], dilation=(1, 2), padding=2) ; F.conv1d(z, z, padding="valid")
x.dtype.is_floating_point ; m.promote_types(m.int32, m.float16) ; m.result_type(x, i)
m.get_default_dtype() ; m.squeeze(x[None], 0) ; x[None, None].squeeze((0, 1))
x.square().mean().sqrt() ; F.normalize(x, dim=1) ; m.log1p(x.abs()) ; m.sign(x) ; m.floor(x)
m.full_like(x, float("nan")).isnan() ; x.std(dim=(0, 1), keepdim=True) ; F.cosine_similarity(x, y)
m.zeros(2).fill_(3) ; x.clone().add_(1) ; x.clone().mul_(y) ; x.clone().clamp_(0, 1)
x.clone().zero_() ; x.clone().copy_(y) ; x.clone().sub_(y, alpha=0.5) ; x.clone().div_(2)
x.clone().masked_fill_(x > 0, 0) ; x.clone().relu_() ; x.clone().sqrt_() ; x.clone().fill_(0.5)
x.to(m.complex64).imag ; x.where(x > 0, y) ; m.numel(x) ; m.is_tensor(x) ; m.finfo(m.float32).eps
m.finfo(x.dtype).max ; m.iinfo(m.int64).max ; m.finfo(m.float16).tiny ; m.pi ; x.ravel()
x.view_as(y) ; x.reshape_as(y.t()) ; x.swapaxes(0, 1)
x.repeat(2, 1) ; x.tile((2,)) ; x.roll(1, 0) ; m.roll(x, (1, 1), (0, 1))
x.repeat_interleave(2, dim=0) ; x.diagonal() ; m.diag(x[0]) ; m.einsum("ij,kj->ik", x, y)
m.norm(x) ; x.norm(dim=1) ; x.norm(p=2, dim=1, keepdim=True) ; m.lerp(x, y, 0.3)
m.addcmul(x, x, y, value=0.5) ; m.baddbmm(z, z, m.eye(3).expand(2, 3, 3))
m.meshgrid(x[0], y[1], indexing="ij") ; m.einsum("bij->bji", z) ; m.tensordot(x, y, dims=([1], [1]))
m.hypot(x, y)
m.zeros(size=(2, 1)) ; m.inf ; m.can_cast(m.int32, m.float32) ; m.is_floating_point(x)
m.broadcast_shapes((2, 1), (3,)) ; x.view(m.int32) ; x.scatter(1, g, 0.0) ; x.index_add(1, i, x)
x.index_fill(1, i, 0.0) ; m.bincount(i) ; m.unique(i) ; x.median() ; m.histc(x, 4, -1, 1)
x.cumprod(1) ; m.searchsorted(x[0].sort().values, 0.1) ; x.diff() ; m.logaddexp(x, y)
m.nan_to_num(x / 0) ; m.isin(i, i[:1]) ; m.cdist(x, y) ; F.scaled_dot_product_attention(z, z, z)
F.interpolate(z[None], scale_factor=2)
F.interpolate(z[None], size=(4, 4), mode="bilinear", align_corners=False) ; F.unfold(z[None], 2)
m.var_mean(x, dim=1) ; m.std_mean(x) ; x.aminmax() ; x.clone().addcmul_(x, y, value=2)
x.clone().addcdiv_(x, y, value=-1) ; x.clone().lerp_(y, 0.5) ; m.complex(x, y) ; m.polar(x, y)
F.leaky_relu(x, n.float64(0.1)) ; F.elu(x, n.float32(0.5)) ; m.clamp(x, n.float64(0), n.float64(1))
m.where(x > 0, n.float64(1.0), 2) ; x.sum(n.int64(1)) ; x.mean(dim=n.int32(0)) ; x.std(n.int64(0))
x.amax(n.int64(-1)) ; x.cumsum(n.int64(1)) ; x.softmax(n.int64(0)) ; x.norm(n.int64(1))
m.linalg.vector_norm(x, n.int64(3)) ; m.add(x, y, alpha=n.float32(2))
m.polygamma(n.int64(1), x.abs()) ; x.reshape(n.int64(3), 2) ; x.view((n.int64(-1),))
x.expand(n.int64(2), 3) ; x.repeat(n.int64(2), 1)
m.tensor_split(x, n.int64(2)) ; F.max_pool2d(z[None], n.int64(2)) ; F.avg_pool1d(z, n.int64(2))
F.conv1d(z, z, stride=n.int64(2), padding=n.int64(1)) ; F.conv1d(z, z, dilation=m.tensor(1))
F.layer_norm(x, (n.int64(3),)) ; F.interpolate(z, n.int64(5)) ; F.unfold(z[None], n.int64(2))
F.interpolate(z[None], (m.tensor(4), m.tensor(2))) ; F.interpolate(z, scale_factor=n.float64(2))
m.histogram(x, n.int64(4)) ; m.logit(x.abs(), n.float64(0.1)) ; F.threshold(x, n.float64(0.1), 2)
m.add(2, 3) ; m.add(2, 3, alpha=2) ; m.add(True, False) ; m.sub(7.5, 2) ; m.mul(2, 3) ; m.mul(2j, 3)
m.div(2, 3) ; m.div(7, 2, rounding_mode="floor") ; m.div(-7.5, 2, rounding_mode="trunc")
m.floor_divide(7.5, 2) ; m.true_divide(True, 2) ; m.multiply(2.5, n.float64(2))
F.avg_pool2d(z[None], 4, ceil_mode=True) ; F.max_pool1d(z, 4, 4, ceil_mode=True)
F.lp_pool1d(z, 2, 4, ceil_mode=True) ; F.avg_pool1d(z, 5, 3, 1, ceil_mode=True)
F.pad(z, (1, 1), "reflect", 0.0) ; F.pad(z, (1, 1), "replicate", 0)
x.t().as_strided((2, 2), (1, 3)) ; (x * 2).t().as_strided((5,), (1,))
"""


def lines() -> list[str]:
    """Take the table apart."""
    return [part for row in LINES.strip().splitlines() for part in row.split(" ; ")]


def names(module: Any) -> dict[str, Any]:
    """Return the tensors that the lines use, as ``module`` has them."""
    rng = np.random.default_rng(0)
    arrays = {
        "x": rng.uniform(-1, 1, (2, 3)).astype(np.float32),
        "y": rng.uniform(-1, 1, (2, 3)).astype(np.float32),
        "z": rng.uniform(-1, 1, (2, 2, 3)).astype(np.float32),
        "i": np.array([2, 0, 1]),
        "g": np.array([[0, 2], [1, 1]]),
    }
    make = tensor_of if module is torch else lambda a: weft.from_numpy(a.copy())
    return {
        "m": module,
        "F": module.nn.functional,
        "n": np,
        **{k: make(v) for k, v in arrays.items()},
    }


def plain(value: Any) -> Any:
    """Return a dtype by its name, everything else as it is."""
    if isinstance(value, (torch.dtype, weft.dtype)):
        return str(value).partition(".")[2]
    return value


@pytest.mark.parametrize("line", lines())
def test_a_call_gives_what_torch_gives(line):
    expected = plain(quietly(eval, line, names(torch)))
    got = plain(eval(line, names(weft)))
    if isinstance(expected, str):
        assert got == expected
        return
    assert_same(got, expected, line)
