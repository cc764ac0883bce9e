"""Layers without recurrence: values, modes, repr, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest

import weft
from weft import nn


@pytest.fixture(autouse=True)
def seed() -> None:
    weft.manual_seed(3)


def flat(tensor: weft.Tensor) -> list[float]:
    return tensor.detach().reshape(-1).tolist()


def near(values: Any, tolerance: float = 1e-5) -> Any:
    return pytest.approx(values, rel=tolerance, abs=tolerance)


# --- showing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Identity(3, a=4), "Identity()"),
        (nn.Linear(3, 4, bias=False), "Linear(in_features=3, out_features=4, bias=False)"),
        (
            nn.Bilinear(1, 2, 3),
            "Bilinear(in1_features=1, in2_features=2, out_features=3, bias=True)",
        ),
        (nn.Conv2d(3, 4, 3), "Conv2d(3, 4, kernel_size=(3, 3), stride=(1, 1))"),
        (
            nn.Conv1d(4, 4, 3, 2, 1, 2, 4, False, "reflect"),
            "Conv1d(4, 4, kernel_size=(3,), stride=(2,), padding=(1,), dilation=(2,), groups=4, "
            "bias=False, padding_mode=reflect)",
        ),
        (
            nn.Conv3d(1, 1, 3, padding="same"),
            "Conv3d(1, 1, kernel_size=(3, 3, 3), stride=(1, 1, 1), padding=same)",
        ),
        (
            nn.BatchNorm2d(4),
            "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, bias=True, "
            "track_running_stats=True)",
        ),
        (nn.LayerNorm(4), "LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)"),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)"),
        (nn.RMSNorm([2, 3]), "RMSNorm((2, 3), eps=None, elementwise_affine=True)"),
        (nn.LeakyReLU(0.2, True), "LeakyReLU(negative_slope=0.2, inplace=True)"),
        (nn.Hardtanh(), "Hardtanh(min_val=-1.0, max_val=1.0)"),
        (nn.GELU("tanh"), "GELU(approximate='tanh')"),
        (nn.Softmax(dim=1), "Softmax(dim=1)"),
        (nn.PReLU(), "PReLU(num_parameters=1)"),
        (nn.Dropout(0.1), "Dropout(p=0.1, inplace=False)"),
        (nn.Flatten(), "Flatten(start_dim=1, end_dim=-1)"),
        (nn.Unflatten(1, (2, 3)), "Unflatten(dim=1, unflattened_size=(2, 3))"),
        (nn.Embedding(5, 2, 1), "Embedding(5, 2, padding_idx=1)"),
        (
            nn.MaxPool2d(3, stride=2),
            "MaxPool2d(kernel_size=3, stride=2, padding=0, dilation=1, ceil_mode=False)",
        ),
        (nn.AdaptiveAvgPool2d((1, 1)), "AdaptiveAvgPool2d(output_size=(1, 1))"),
        (nn.ReflectionPad1d(2), "ReflectionPad1d((2, 2))"),
        (nn.ConstantPad2d(1, 3.5), "ConstantPad2d(padding=(1, 1, 1, 1), value=3.5)"),
        (nn.ZeroPad2d(1), "ZeroPad2d((1, 1, 1, 1))"),
        (nn.MSELoss(), "MSELoss()"),
    ],
)
def test_repr_is_pytorchs(layer: nn.Module, text: str) -> None:
    assert repr(layer) == text


# --- linear and convolution ----------------------------------------------------------------------


def test_linear_maps_the_last_axis_of_any_rank() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": weft.tensor([[2.0, 3.0]]), "bias": weft.tensor([1.0])})
    assert layer(weft.tensor([1.0, 1.0])).tolist() == [6.0]
    assert layer(weft.ones(4, 5, 2)).shape == (4, 5, 1)


def test_bilinear_is_its_double_sum() -> None:
    layer = nn.Bilinear(2, 3, 2)
    a, b = weft.randn(2), weft.randn(3)
    expected = [
        sum(a[i].item() * w[i][j] * b[j].item() for i in range(2) for j in range(3)) + bias
        for w, bias in zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    ]
    assert flat(layer(a, b)) == near(expected)
    with pytest.raises(ValueError, match=r"expects last dims 2 and 3, got 3 and 2"):
        layer(b, a)
    with pytest.raises(ValueError, match=r"all dims but the last must agree"):
        layer(weft.ones(1, 2), weft.ones(2, 3))


@pytest.mark.parametrize(("axes", "kind"), [(1, nn.Conv1d), (2, nn.Conv2d), (3, nn.Conv3d)])
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_same_padding_keeps_the_size_in_every_mode(
    axes: int, kind: type[nn.Module], kernel: int, mode: str
) -> None:
    layer = kind(1, 2, kernel, padding="same", padding_mode=mode)
    shape = (1, 1, *(5, 6, 7)[:axes])
    assert layer(weft.randn(*shape)).shape == (1, 2, *shape[2:])


@pytest.mark.parametrize(
    ("mode", "last"), [("zeros", 0.0), ("reflect", 3.0), ("replicate", 4.0), ("circular", 1.0)]
)
def test_same_padding_adds_the_odd_element_at_the_end(mode: str, last: float) -> None:
    layer = nn.Conv1d(1, 1, 2, padding="same", padding_mode=mode, bias=False)
    layer.load_state_dict({"weight": weft.tensor([[[0.0, 1.0]]])})
    x = weft.tensor([[[1.0, 2.0, 3.0, 4.0]]])
    assert flat(layer(x)) == [2.0, 3.0, 4.0, last]


def test_circular_padding_makes_a_convolution_commute_with_shifts() -> None:
    layer = nn.Conv1d(1, 1, 3, padding=1, padding_mode="circular")
    x = weft.randn(1, 1, 8)
    shifted = weft.cat([x[..., 3:], x[..., :3]], -1)
    y = layer(x)
    assert flat(layer(shifted)) == near(flat(weft.cat([y[..., 3:], y[..., :3]], -1)))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"groups": 0}, r"groups must be positive, got 0"),
        ({"groups": 3}, r"in_channels must be divisible by groups, got 4 and 3"),
        ({"out_channels": 5, "groups": 2}, r"out_channels must be divisible by groups"),
        ({"padding": "smae"}, r"numbers, 'same' or 'valid', got 'smae'"),
        ({"padding": "same", "stride": 2}, r"needs stride 1, got stride=\(2, 2\)"),
        ({"padding_mode": "mirror"}, r"must be one of 'zeros'.*got 'mirror'"),
        ({"kernel_size": (3, 3, 3)}, r"kernel_size must be one number or 2, got \(3, 3, 3\)"),
    ],
)
def test_a_convolution_refuses_what_cannot_be(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        nn.Conv2d(**{"in_channels": 4, "out_channels": 4, "kernel_size": 3, **settings})


# --- normalisation -------------------------------------------------------------------------------


def test_batch_norm_normalises_and_follows_with_its_momentum() -> None:
    layer = nn.BatchNorm1d(1, momentum=0.25)
    x = weft.tensor([[1.0], [3.0], [5.0], [7.0]])  # mean 4, variance 5 with n, 20/3 with n - 1
    y = layer(x)
    assert flat(y) == near([(v - 4) / math.sqrt(5 + 1e-5) for v in (1, 3, 5, 7)])
    assert layer.running_mean.item() == near(1.0)
    assert layer.running_var.item() == near(0.75 + 0.25 * 20 / 3)
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    y = layer(x)
    assert flat(y)[0] == near((1 - 1) / math.sqrt(0.75 + 5 / 3 + 1e-5))
    assert layer.num_batches_tracked.item() == 1


def test_momentum_none_averages_all_batches() -> None:
    layer = nn.BatchNorm1d(1, momentum=None)
    means = [2.0, 4.0, 9.0]
    for mean in means:
        layer(weft.tensor([[mean - 1], [mean + 1]]))
    assert layer.running_mean.item() == near(5.0)
    assert layer.running_var.item() == near(2.0)


def test_without_running_statistics_the_batch_decides_in_evaluation_too() -> None:
    layer = nn.BatchNorm1d(2, track_running_stats=False).eval()
    assert list(layer.state_dict()) == ["weight", "bias"]
    y = layer(weft.randn(50, 2) * 3 + 5)
    assert flat(y.mean(0)) == near([0, 0], 1e-4)


def test_batch_norm_resets_to_its_first_state() -> None:
    layer = nn.BatchNorm2d(2)
    layer(weft.randn(3, 2, 4, 4) + 5)
    layer.reset_parameters()
    assert layer.running_mean.tolist() == [0, 0]
    assert layer.running_var.tolist() == [1, 1]
    assert layer.num_batches_tracked.item() == 0


@pytest.mark.parametrize(
    ("layer", "shape", "match"),
    [
        (nn.BatchNorm1d(2), (2, 2, 2, 2), r"2 or 3 dimensions, got 4 \(input.shape == \(2, 2, 2"),
        (nn.BatchNorm2d(2), (2, 2), r"BatchNorm2d expects an input of 4 dimensions, got 2"),
        (nn.BatchNorm3d(2), (2, 2, 2), r"5 dimensions, got 3"),
    ],
)
def test_batch_norm_checks_the_rank(layer: nn.Module, shape: tuple[int, ...], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        layer(weft.ones(*shape))


def test_layer_norm_makes_mean_zero_and_variance_one() -> None:
    y = nn.LayerNorm((4, 5))(weft.randn(3, 4, 5) * 7 + 2).reshape(3, 20)
    assert flat(y.mean(1)) == near([0] * 3, 1e-4)
    assert flat((y * y).mean(1)) == near([1] * 3, 1e-4)


def test_group_norm_of_one_group_is_layer_norm_and_of_all_is_per_channel() -> None:
    x = weft.randn(2, 4, 3)
    plain = nn.LayerNorm((4, 3), elementwise_affine=False)
    assert flat(nn.GroupNorm(1, 4)(x)) == near(flat(plain(x)))
    per_channel = nn.LayerNorm(3, elementwise_affine=False)
    assert flat(nn.GroupNorm(4, 4)(x)) == near(flat(per_channel(x)))
    with pytest.raises(ValueError, match=r"divisible by num_groups, got 4 and 3"):
        nn.GroupNorm(3, 4)
    with pytest.raises(ValueError, match=r"5 channels into 2 groups"):
        nn.GroupNorm(2, 4)(weft.ones(1, 5))


def test_rms_norm_makes_the_mean_square_one() -> None:
    y = nn.RMSNorm(50)(weft.randn(3, 50) + 4)
    assert flat((y * y).mean(1)) == near([1] * 3, 1e-4)
    with pytest.raises(ValueError, match=r"expected the last dims to be \(50,\)"):
        nn.RMSNorm(50)(weft.ones(3, 4))


def test_norms_reset_to_the_plain_normalisation() -> None:
    for layer in (nn.LayerNorm(2), nn.GroupNorm(1, 2), nn.RMSNorm(2)):
        with weft.no_grad():
            layer.weight.fill_(5)
        layer.reset_parameters()
        assert layer.weight.tolist() == [1, 1]


# --- activations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", [nn.Softmax(), nn.LogSoftmax(), nn.Softmin()])
def test_softmax_needs_its_axis(layer: nn.Module) -> None:
    with pytest.raises(ValueError, match=r"dim must be given, as in .*\(dim=-1\)"):
        layer(weft.ones(2, 2))


def test_softmax_and_softmin_sum_to_one_along_their_axis() -> None:
    x = weft.randn(3, 4)
    assert flat(nn.Softmax(dim=0)(x).sum(0)) == near([1] * 4)
    assert flat(nn.Softmin(dim=1)(x)) == near(flat(nn.Softmax(dim=1)(-x)))
    assert flat(nn.Softmax2d()(weft.randn(2, 3, 1, 1)).sum(1)) == near([1, 1])
    with pytest.raises(ValueError, match=r"3 or 4 dimensions, got 2"):
        nn.Softmax2d()(x)


def test_activations_refuse_what_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"max_val must exceed min_val, got 0 and 1"):
        nn.Hardtanh(1, 0)
    with pytest.raises(ValueError, match=r"dim -1 has odd length 3"):
        nn.GLU()(weft.ones(3))
    with pytest.raises(ValueError, match=r"1 or 3 elements, got 2"):
        nn.PReLU(2)(weft.ones(1, 3))


def test_prelu_learns_and_resets_its_slopes() -> None:
    layer = nn.PReLU(2, init=0.5)
    x = weft.tensor([[-2.0, -4.0], [1.0, 3.0]])
    y = layer(x)
    assert y.tolist() == [[-1.0, -2.0], [1.0, 3.0]]
    y.sum().backward()
    assert layer.weight.grad.tolist() == [-2.0, -4.0]
    with weft.no_grad():
        layer.weight.fill_(9)
    layer.reset_parameters()
    assert layer.weight.tolist() == [0.5, 0.5]


def test_an_inplace_activation_writes_into_its_input() -> None:
    x = weft.tensor([-1.0, 8.0])
    assert nn.ReLU6(inplace=True)(x) is x
    assert x.tolist() == [0.0, 6.0]
    assert nn.Dropout2d(1.0, inplace=True)(y := weft.ones(1, 2, 3, 3)) is y
    assert y.sum().item() == 0


def test_networks_with_inplace_activations_train() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.ReLU(inplace=True), nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2),
        nn.SiLU(inplace=True), nn.Flatten(), nn.Linear(8, 2), nn.Hardswish(inplace=True),
        nn.Dropout(0.5, inplace=True),
    )  # fmt: skip
    net(weft.randn(3, 1, 6, 6)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())


# --- dropout -------------------------------------------------------------------------------------


def test_dropout_zeroes_its_share_and_scales_the_rest_in_training() -> None:
    layer = nn.Dropout(0.25)
    y = layer(weft.ones(4000))
    assert sorted(set(flat(y))) == near([0.0, 4 / 3])
    assert (y == 0).double().mean().item() == pytest.approx(0.25, abs=0.03)
    layer.eval()
    assert flat(layer(weft.ones(9))) == [1.0] * 9


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (nn.Dropout1d, (20, 10, 6)),
        (nn.Dropout2d, (20, 10, 3, 2)),
        (nn.Dropout3d, (20, 10, 3, 2, 1)),
    ],
)
def test_channel_dropout_zeroes_whole_channels(
    kind: type[nn.Module], shape: tuple[int, ...]
) -> None:
    y = kind(0.5)(weft.ones(*shape)).reshape(200, 6)
    assert flat(y.amax(1)) == flat(y.amin(1))
    assert y[:, 0].mean().item() == pytest.approx(1.0, abs=0.2)
    assert kind(0.5).eval()(weft.ones(*shape)).mean().item() == 1
    with pytest.raises(ValueError, match=r"dimensions, got 1"):
        kind()(weft.ones(3))


def test_dropout2d_refuses_the_ambiguous_rank() -> None:
    with pytest.raises(ValueError, match=r"expects an input of 4 dimensions, got 3"):
        nn.Dropout2d()(weft.ones(2, 3, 4))


def test_a_probability_outside_its_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Dropout2d: p must lie in \[0, 1\], got 1.5"):
        nn.Dropout2d(1.5)


# --- embedding -----------------------------------------------------------------------------------


def test_the_padding_vector_gets_no_gradient() -> None:
    layer = nn.Embedding(4, 2, padding_idx=1)
    layer(weft.tensor([0, 1, 1, 2])).sum().backward()
    assert layer.weight.grad.tolist() == [[1, 1], [0, 0], [1, 1], [0, 0]]


def test_looking_up_shortens_long_vectors_in_place() -> None:
    layer = nn.Embedding.from_pretrained(weft.tensor([[3.0, 4.0], [0.3, 0.4]]), max_norm=1.0)
    y = layer(weft.tensor([0, 1, 0]))
    assert flat(y) == near([0.6, 0.8, 0.3, 0.4, 0.6, 0.8])
    assert flat(layer.weight) == near([0.6, 0.8, 0.3, 0.4])


def test_gradients_can_be_divided_by_frequency() -> None:
    layer = nn.Embedding(3, 1, scale_grad_by_freq=True)
    layer(weft.tensor([0, 0, 2])).sum().backward()
    assert layer.weight.grad.tolist() == [[1], [0], [1]]


def test_a_pretrained_table_is_shared_and_frozen() -> None:
    table = weft.ones(3, 2)
    layer = nn.Embedding.from_pretrained(table)
    assert not layer.weight.requires_grad
    table.fill_(2)
    assert layer.weight.tolist() == [[2, 2]] * 3
    assert nn.Embedding.from_pretrained(table, freeze=False).weight.requires_grad
    with pytest.raises(ValueError, match=r"needs a matrix .* got shape \(3,\)"):
        nn.Embedding.from_pretrained(weft.ones(3))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"padding_idx": 4}, r"within the 4 embeddings, got 4"),
        ({"padding_idx": -5}, r"within the 4 embeddings, got -5"),
        ({"_weight": weft.ones(2, 2)}, r"must have shape \(4, 2\), got \(2, 2\)"),
    ],
)
def test_an_embedding_refuses_what_cannot_be(settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        nn.Embedding(4, 2, **settings)


# --- shapes, distances, losses -------------------------------------------------------------------


def test_flatten_keeps_the_batch_and_unflatten_undoes_it() -> None:
    x = weft.randn(2, 3, 4)
    y = nn.Flatten()(x)
    assert y.shape == (2, 12)
    assert nn.Unflatten(1, (3, -1))(y).tolist() == x.tolist()
    with pytest.raises(TypeError, match=r"dim must be an integer, got 'a'"):
        nn.Unflatten("a", (1,))
    with pytest.raises(TypeError, match=r"a sequence of integers, got 3"):
        nn.Unflatten(1, 3)


def test_pixel_unshuffle_undoes_pixel_shuffle() -> None:
    x = weft.randn(2, 12, 3, 5)
    y = nn.PixelShuffle(2)(x)
    assert y.shape == (2, 3, 6, 10)
    assert y[0, 0, 0, 1].item() == x[0, 1, 0, 0].item()
    assert nn.PixelUnshuffle(2)(y).tolist() == x.tolist()
    with pytest.raises(ValueError, match=r"C divisible by upscale_factor\^2 = 4, got shape \(3, 2"):
        nn.PixelShuffle(2)(weft.ones(3, 2, 2))
    with pytest.raises(ValueError, match=r"downscale_factor = 2, got shape \(1, 3, 2\)"):
        nn.PixelUnshuffle(2)(weft.ones(1, 3, 2))


def test_channel_shuffle_deals_the_groups_out() -> None:
    x = weft.arange(6).reshape(1, 6, 1)
    assert flat(nn.ChannelShuffle(2)(x)) == [0, 3, 1, 4, 2, 5]
    with pytest.raises(ValueError, match=r"divisible by groups=4, got shape \(1, 6, 1\)"):
        nn.ChannelShuffle(4)(x)


def test_distances_are_their_formulas() -> None:
    a, b = weft.tensor([[3.0, 4.0]]), weft.tensor([[4.0, 3.0]])
    assert nn.CosineSimilarity()(a, b).item() == near(24 / 25)
    assert nn.PairwiseDistance()(a, b).item() == near(math.sqrt(2))
    assert nn.PairwiseDistance(p=math.inf, keepdim=True)(a, 3 * b).tolist() == [[near(9.0)]]


@pytest.mark.parametrize(
    ("loss", "elements"),
    [
        (nn.L1Loss, [1.0, 3.0]), (nn.MSELoss, [1.0, 9.0]),
        (nn.SmoothL1Loss, [0.5, 2.5]), (nn.HuberLoss, [0.5, 2.5]),
    ],
)  # fmt: skip
def test_reductions_reduce_the_elements_losses(
    loss: type[nn.Module], elements: list[float]
) -> None:
    x, target = weft.tensor([1.0, 5.0]), weft.tensor([2.0, 2.0])
    assert loss(reduction="none")(x, target).tolist() == near(elements)
    assert loss(reduction="sum")(x, target).item() == near(sum(elements))
    assert loss()(x, target).item() == near(sum(elements) / 2)


def test_an_unknown_reduction_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match=r"'mean', 'sum' or 'none', got 'men'; did you mean"):
        nn.MSELoss(reduction="men")


def test_a_class_weight_is_a_buffer() -> None:
    loss = nn.CrossEntropyLoss(weight=weft.ones(3))
    assert list(loss.state_dict()) == ["weight"]
    assert list(nn.BCEWithLogitsLoss(pos_weight=weft.ones(1)).state_dict()) == ["pos_weight"]
    assert list(nn.NLLLoss().state_dict()) == []


def test_cross_entropy_of_even_logits_is_log_classes() -> None:
    loss = nn.CrossEntropyLoss()
    assert loss(weft.zeros(5, 4), weft.tensor([0, 1, 2, 3, 0])).item() == near(math.log(4))


def test_saturated_probabilities_give_finite_losses_and_gradients() -> None:
    x = weft.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    target = weft.tensor([0.0, 1.0, 1.0, 0.0])
    loss = nn.BCELoss(reduction="none")(x, target)
    assert loss.tolist() == near([0.0, 0.0, 100.0, 100.0])
    loss.sum().backward()
    assert all(math.isfinite(value) for value in x.grad.tolist())


def test_losses_refuse_shapes_that_would_broadcast() -> None:
    for loss in (nn.SmoothL1Loss(), nn.HuberLoss(), nn.BCELoss()):
        with pytest.raises(ValueError, match=r"got \(3,\) and \(3, 1\)"):
            loss(weft.ones(3), weft.ones(3, 1))
    with pytest.raises(ValueError, match=r"delta must be positive, got 0"):
        nn.HuberLoss(delta=0)(weft.ones(3), weft.ones(3))


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(3, 4, 3), (0, 4, 6, 6)),
        (nn.Conv2d(3, 4, 1), (0, 4, 8, 8)),
        (nn.Conv2d(3, 3, 3, groups=3), (0, 3, 6, 6)),
        (nn.MaxPool2d(2), (0, 3, 4, 4)),
        (nn.AdaptiveMaxPool2d(2), (0, 3, 2, 2)),
        (nn.AvgPool2d(2), (0, 3, 4, 4)),
    ],
)
def test_an_empty_batch_goes_through_forward_and_backward(layer, shape):
    x = weft.zeros(0, 3, 8, 8, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert tuple(out.shape) == shape
    assert tuple(x.grad.shape) == (0, 3, 8, 8)
    assert all(not p.grad.any() for p in layer.parameters())
