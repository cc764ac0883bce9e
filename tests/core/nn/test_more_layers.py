"""Layers beside the common ones: what their parity tests cannot say, and what they refuse."""

from __future__ import annotations

import multiprocessing
from typing import Any

import numpy as np
import pytest

import weft
from weft import nn


def test_transposed_convolution_undoes_a_convolutions_change_of_size() -> None:
    x = weft.rand(1, 3, 11, 8)
    down = nn.Conv2d(3, 4, 3, stride=2, padding=1)
    up = nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1)
    assert up(down(x), output_size=x.shape).shape == x.shape
    assert up(down(x), output_size=(11, 8)).shape == x.shape


@pytest.mark.parametrize(
    ("size", "match"),
    [
        ((11, 9), r"between \(11, 7\) and \(12, 8\) .* got \(11, 9\)"),
        ((11,), r"must have 2 or 4 numbers, got \(11,\)"),
    ],
)
def test_a_size_that_no_output_padding_gives_is_refused(size: Any, match: str) -> None:
    up = nn.ConvTranspose2d(4, 3, 3, stride=2, padding=1)
    with pytest.raises(ValueError, match=match):
        up(weft.rand(1, 4, 6, 4), output_size=size)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"padding_mode": "reflect"}, r"padding_mode must be 'zeros', got 'reflect'"),
        ({"padding": "same"}, r"padding must be numbers, got 'same'"),
        ({"groups": 2}, r"in_channels must be divisible by groups, got 3 and 2"),
        ({"output_padding": (1, 1, 1)}, r"output_padding must be one number or 2"),
    ],
)
def test_a_transposed_convolution_refuses_what_cannot_be(
    settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        nn.ConvTranspose2d(3, 4, 3, **settings)


def test_instance_norm_tells_of_other_channels() -> None:
    with pytest.raises(ValueError, match=r"num_features is 3, but the input has 4 channels"):
        nn.InstanceNorm2d(3, affine=True)(weft.rand(2, 4, 5, 5))
    with pytest.warns(UserWarning, match=r"nothing depends on it"):
        nn.InstanceNorm2d(3)(weft.rand(2, 4, 5, 5))
    with pytest.raises(ValueError, match=r"of 3 or 4 dimensions, got 2"):
        nn.InstanceNorm2d(3)(weft.rand(3, 4))


def test_batch_norms_become_synchronised_ones_with_the_same_parameters() -> None:
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm1d(3)))
    weight, mean = model[1].weight, model[1].running_mean
    model[1].eval()
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model)
    assert converted is model
    assert [type(m).__name__ for m in model.modules()].count("SyncBatchNorm") == 2
    assert model[1].weight is weight
    assert model[1].running_mean is mean
    assert (model[1].training, model[2][0].training) == (False, True)
    lone = nn.SyncBatchNorm.convert_sync_batchnorm(nn.BatchNorm1d(3, affine=False))
    assert isinstance(lone, nn.SyncBatchNorm)
    assert lone.weight is None
    with pytest.raises(ValueError, match=r"at least 2 dimensions"):
        lone(weft.rand(3))


def test_cross_map_norm_is_its_formula_with_many_channels() -> None:
    x = weft.rand(2, 9, 2, 2, dtype=weft.float64)
    squares = np.pad(x.numpy() ** 2, ((0, 0), (2, 2), (0, 0), (0, 0)))
    around = sum(squares[:, i : i + 9] for i in range(5))
    expected = x.numpy() / (2.0 + 0.3 / 5 * around) ** 0.75
    np.testing.assert_allclose(nn.CrossMapLRN2d(5, 0.3, 0.75, 2.0)(x).numpy(), expected, rtol=1e-12)
    with pytest.raises(ValueError, match=r"4 dimensions, got 3"):
        nn.CrossMapLRN2d(5)(weft.rand(2, 3, 4))


def test_fractional_pooling_draws_other_windows_each_time() -> None:
    weft.manual_seed(0)
    pool = nn.FractionalMaxPool2d(2, output_ratio=0.6)
    x = weft.rand(1, 1, 20, 20)
    assert pool(x).shape == (1, 1, 12, 12)
    assert pool(x).tolist() != pool(x).tolist()


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({}, r"one of output_size and output_ratio must be given"),
        ({"output_size": 3, "output_ratio": 0.5}, r"one of output_size and output_ratio"),
        ({"output_ratio": 1.5}, r"one number or 2 between 0 and 1, got 1.5"),
        ({"output_size": 3, "kernel_size": 0}, r"kernel_size must be positive, got 0"),
    ],
)
def test_fractional_pooling_refuses_what_cannot_be(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        nn.FractionalMaxPool2d(**{"kernel_size": 2, **settings})


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    weft.manual_seed(0)
    x = weft.randn(4, 50, 400)
    for layer in (nn.AlphaDropout(0.3), nn.FeatureAlphaDropout(0.3)):
        y = layer(x)
        assert abs(y.mean().item()) < 0.1
        assert y.var().item() == pytest.approx(1.0, abs=0.15)
    whole = nn.FeatureAlphaDropout(0.5)(weft.ones(4, 50, 400))
    assert (whole == whole[:, :, :1]).all().item()  # whole channels
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\], got 2"):
        nn.AlphaDropout(2)


def test_rrelu_draws_slopes_within_its_limits() -> None:
    weft.manual_seed(0)
    y = nn.RReLU(0.2, 0.4)(weft.full((2000,), -1.0))
    assert -0.4 <= y.min().item() < -0.39
    assert -0.21 < y.max().item() <= -0.2


def test_an_embedding_bag_takes_a_table() -> None:
    table = weft.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    bag = nn.EmbeddingBag.from_pretrained(table, mode="sum")
    assert bag(weft.tensor([[0, 2]])).tolist() == [[6.0, 8.0]]
    assert not bag.weight.requires_grad
    assert nn.EmbeddingBag.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(ValueError, match=r"needs a matrix"):
        nn.EmbeddingBag.from_pretrained(weft.ones(3))
    with pytest.raises(ValueError, match=r"must have shape \(4, 2\), got \(3, 2\)"):
        nn.EmbeddingBag(4, 2, _weight=table)
    with pytest.raises(ValueError, match=r"within the 4 embeddings, got 4"):
        nn.EmbeddingBag(4, 2, padding_idx=4)
    padded = nn.EmbeddingBag(4, 2, padding_idx=-1)
    assert padded.weight[3].tolist() == [0.0, 0.0]


def test_the_adaptive_softmax_is_a_distribution_over_all_classes() -> None:
    weft.manual_seed(0)
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], div_value=2.0)
    for parameter in layer.parameters():  # larger, so that clusters win too
        nn.init.normal_(parameter)
    x = weft.randn(30, 8)
    log_prob = layer.log_prob(x)
    np.testing.assert_allclose(log_prob.exp().sum(1).detach().numpy(), 1.0, rtol=1e-5)
    target = weft.arange(30) % 20
    output, loss = layer(x, target)
    expected = log_prob.gather(1, target.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(output.detach().numpy(), expected.detach().numpy(), rtol=1e-4)
    assert loss.item() == pytest.approx(-expected.mean().item(), rel=1e-5)
    best = layer.predict(x)
    assert best.tolist() == log_prob.argmax(1).tolist()
    assert (best >= 4).any().item()
    assert (best < 4).any().item()


@pytest.mark.parametrize("cutoffs", [[], [0, 5], [5, 5], [6, 5], [5, 20], [2.5]])
def test_the_adaptive_softmax_refuses_cutoffs_that_do_not_rise(cutoffs: Any) -> None:
    with pytest.raises(ValueError, match=r"cutoffs must be integers that rise"):
        nn.AdaptiveLogSoftmaxWithLoss(8, 20, cutoffs)


def test_the_adaptive_softmax_refuses_targets_that_do_not_fit() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4])
    with pytest.raises(IndexError, match=r"must lie in \[0, 19\], got some from 3 to 20"):
        layer(weft.rand(2, 8), weft.tensor([3, 20]))
    with pytest.raises(ValueError, match=r"got shapes \(2, 8\) and \(3,\)"):
        layer(weft.rand(2, 8), weft.tensor([3, 1, 2]))


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        ("MultiMarginLoss", {"p": 3}, r"p must be 1 or 2, got 3"),
        ("MultiMarginLoss", {"weight": weft.ones(2, 2)}, r"weight must have one axis"),
        ("TripletMarginLoss", {"margin": 0}, r"margin must be positive, got 0"),
        ("TripletMarginWithDistanceLoss", {"margin": -1}, r"margin must be positive, got -1"),
        ("CTCLoss", {"reduction": "avg"}, r"reduction must be 'mean', 'sum' or 'none'"),
    ],
)
def test_losses_refuse_settings_that_cannot_be(
    name: str, settings: dict[str, Any], match: str
) -> None:
    with pytest.raises(ValueError, match=match):
        getattr(nn, name)(**settings)


def test_a_distance_that_is_a_module_is_part_of_its_loss() -> None:
    distance = nn.Bilinear(2, 2, 1)
    loss = nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: distance(x, y)[:, 0])
    assert list(loss.parameters()) == []
    assert list(nn.TripletMarginWithDistanceLoss(distance_function=distance).parameters())


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"acc_policy": "best"}, r"acc_policy must be one of auto"),
        ({"chunking_method": "aspect_ratio:0"}, r"chunking_method must be 'auto'"),
        ({"batch_chunk_size": 0}, r"batch_chunk_size must be positive or None, got 0"),
        ({"acc_dtype": weft.int64}, r"acc_dtype must be floating or None"),
    ],
)
def test_linear_cross_entropy_options_are_checked(settings: dict[str, Any], match: str) -> None:
    assert nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:2").acc_policy == "auto"
    with pytest.raises(ValueError, match=match):
        nn.LinearCrossEntropyOptions(**settings)


def test_linear_cross_entropy_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match=r"weight must have shape \(3,\), got \(2,\)"):
        nn.LinearCrossEntropyLoss(4, 3, weight=weft.ones(2))
    with pytest.raises(ValueError, match=r"label_smoothing must lie in \[0, 1\], got 2"):
        nn.LinearCrossEntropyLoss(4, 3, label_smoothing=2)


def test_a_container_takes_its_children_by_name() -> None:
    with pytest.warns(FutureWarning, match=r"Container is deprecated"):
        container = nn.Container(first=nn.Linear(2, 3), second=None)
    assert list(container.state_dict()) == ["first.weight", "first.bias"]


def test_to_empty_gives_a_module_of_the_meta_device_memory() -> None:
    model = nn.Sequential(nn.Linear(2, 3, device="meta"), nn.BatchNorm1d(3, device="meta"))
    weight = model[0].weight
    assert model.to_empty(device="cpu") is model
    assert model[0].weight is weight
    assert {t.device.type for t in model.state_dict().values()} == {"cpu"}
    model.load_state_dict(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).state_dict())
    assert model(weft.ones(4, 2)).shape == (4, 3)


def test_compile_returns_nothing_and_changes_nothing() -> None:
    model = nn.Linear(2, 3)
    x = weft.ones(1, 2)
    before = model(x).tolist()
    assert model.compile(mode="max-autotune", fullgraph=True) is None
    assert model(x).tolist() == before


def test_cuda_says_why_there_is_no_gpu() -> None:
    if weft.cuda.is_available():
        assert nn.Linear(2, 3).cuda().weight.device.type == "cuda"
        return
    with pytest.raises(RuntimeError, match=r"(?i)cuda|gpu"):
        nn.Linear(2, 3).cuda()


def _raise_by_one(model: nn.Module) -> None:
    with weft.no_grad():
        for parameter in model.parameters():
            parameter += 1


def test_shared_memory_is_seen_by_forked_processes() -> None:
    model = nn.Linear(2, 3)
    before = model.weight.detach().numpy().copy()
    identity = model.weight
    assert model.share_memory() is model
    assert model.weight is identity
    child = multiprocessing.get_context("fork").Process(target=_raise_by_one, args=(model,))
    child.start()
    child.join()
    np.testing.assert_allclose(model.weight.detach().numpy(), before + 1)
    model(weft.ones(1, 2)).sum().backward()
    assert model.weight.grad is not None


def test_arguments_of_the_base_are_refused_or_passed_on() -> None:
    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

    class Greedy(nn.Module, Named):
        call_super_init = True

        def __init__(self, name: str) -> None:
            super().__init__(name)

    assert Greedy("x").name == "x"
    with pytest.raises(TypeError, match=r"takes no arguments, got 3, size=4; set call_super_init"):
        nn.Module(3, size=4)


def test_chunks_of_linear_cross_entropy_are_as_large_as_their_method_says() -> None:
    assert nn.LinearCrossEntropyOptions().rows(1024, 64, 1000) == 32
    assert nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio").rows(1024, 64, 1000) == 64
    assert nn.LinearCrossEntropyOptions(batch_chunk_size=10).rows(1024, 64, 1000) == 10
    assert nn.LinearCrossEntropyOptions(chunking_method=None).rows(7, 64, 1000) == 7
    with pytest.raises(ValueError, match=r"batch_chunk_size=10 .* which gives 64, disagree"):
        nn.LinearCrossEntropyOptions(batch_chunk_size=10, chunking_method="aspect_ratio").rows(
            1024, 64, 1000
        )


@pytest.mark.parametrize("target", [weft.arange(9) % 5, weft.full((9, 5), 0.2)])
def test_linear_cross_entropy_in_chunks_keeps_one_chunk_of_logits(target: weft.Tensor) -> None:
    weft.manual_seed(0)
    shapes: list[Any] = []
    results = []
    x = weft.rand(9, 3, dtype=weft.float64)
    weight = weft.rand(5, 3, dtype=weft.float64)
    for options in (None, nn.LinearCrossEntropyOptions(batch_chunk_size=4)):
        leaf = weight.clone().requires_grad_()
        kept: list[Any] = shapes if options is not None else []
        with weft.autograd.graph.saved_tensors_hooks(
            lambda t, kept=kept: kept.append(tuple(t.shape)) or t, lambda t: t
        ):
            wanted = target.double() if target.dtype.is_floating_point else target
            loss = nn.functional.linear_cross_entropy(x, leaf, wanted, options=options)
        loss.backward()
        results.append((loss.item(), leaf.grad.numpy()))
    assert (9, 5) not in shapes
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-12)
    np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-10)
