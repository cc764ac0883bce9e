"""Folded batch norms and fused models compute what the layers do, and nothing else changes."""

from __future__ import annotations

import copy
import pickle

import pytest

import weft
from weft import nn
from weft._backend.cpu import switches
from weft._core import watching
from weft._core.errors import CaptureError
from weft.nn import functional as F
from weft.nn.utils import fusion
from weft.testing import assert_close


def settled(model):
    """Give batch norms moments and scales as training leaves them, and return the model."""
    weft.manual_seed(7)
    for module in model.modules():
        if getattr(module, "running_mean", None) is not None:
            with weft.no_grad():
                module.running_mean.copy_(weft.randn(module.num_features) * 0.3)
                module.running_var.copy_(weft.rand(module.num_features) + 0.5)
                if module.weight is not None:
                    module.weight.copy_(weft.rand(module.num_features) + 0.5)
                if module.bias is not None:
                    module.bias.copy_(weft.randn(module.num_features) * 0.3)
    return model.eval()


def assert_near(got, wanted):
    scale = max(wanted.abs().max().item(), 1e-3)
    assert_close(got, wanted, rtol=0, atol=1e-5 * scale, check_stride=False)


def agree(model, *inputs, **named):
    """Assert that a fused copy gives what the model gives, twice over; return the copy."""
    fused = fusion.fuse_for_inference(model)
    with weft.no_grad():
        wanted = model(*inputs, **named)
        for _ in range(2):
            assert_near(fused(*inputs, **named), wanted)
    return fused


def kinds(fused):
    """Return what the steps of the only program are."""
    (program,) = fused._programs.values()
    return [type(step[0]).__name__ for step in program._steps]


# --- folding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_folded_convolution_gives_what_the_two_layers_do(count, affine, bias):
    conv = getattr(nn, f"Conv{count}d")(6, 8, 3, groups=2, bias=bias)
    norm = getattr(nn, f"BatchNorm{count}d")(8, affine=affine)
    both = settled(nn.Sequential(conv, norm))
    x = weft.randn(2, 6, *(7,) * count)
    folded = fusion.fuse_conv_bn_eval(conv, norm)
    assert type(folded) is type(conv)
    assert_near(folded(x), both(x))


def test_a_folded_transposed_convolution_gives_what_the_two_layers_do():
    norm, x = settled(nn.BatchNorm2d(8)), weft.randn(2, 6, 5, 5)
    weight, bias = weft.randn(6, 8, 3, 3), weft.randn(8)
    folded = fusion.fuse_conv_bn_weights(
        weight, bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias, True
    )
    assert_near(F.conv_transpose2d(x, *folded), norm(F.conv_transpose2d(x, weight, bias)))


def test_a_folded_linear_layer_gives_what_the_two_layers_do():
    linear, norm = nn.Linear(6, 8), nn.BatchNorm1d(8)
    both = settled(nn.Sequential(linear, norm))
    x = weft.randn(5, 6)
    assert_near(fusion.fuse_linear_bn_eval(linear, norm)(x), both(x))


def test_folding_leaves_the_layers_as_they_are_and_gradients_where_they_were():
    conv, norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
    settled(nn.Sequential(conv, norm))
    conv.bias.requires_grad_(False)
    before = conv.weight.detach().clone()
    folded = fusion.fuse_conv_bn_eval(conv, norm)
    assert_close(conv.weight.detach(), before, rtol=0, atol=0)
    assert folded.weight.requires_grad
    assert not folded.bias.requires_grad
    folded(weft.randn(1, 3, 5, 5)).sum().backward()
    assert folded.weight.grad is not None
    assert conv.weight.grad is None


@pytest.mark.parametrize("which", [0, 1])
def test_folding_in_training_mode_is_refused(which):
    layers = [nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()]
    layers[which].train()
    with pytest.raises(RuntimeError, match=r"evaluation alone; call \.eval\(\) on both"):
        fusion.fuse_conv_bn_eval(*layers)


def test_folding_without_moments_or_of_other_channels_is_refused():
    linear = nn.Linear(3, 4).eval()
    with pytest.raises(ValueError, match="keeps no running moments"):
        fusion.fuse_linear_bn_eval(linear, nn.BatchNorm1d(4, track_running_stats=False).eval())
    with pytest.raises(ValueError, match="has 5 channels, but the layer gives 4"):
        fusion.fuse_linear_bn_eval(linear, nn.BatchNorm1d(5).eval())


# --- fused models ------------------------------------------------------------------------------

ACTIVATIONS = [
    nn.ReLU(), nn.ReLU(inplace=True), nn.ReLU6(), nn.LeakyReLU(0.2), nn.Sigmoid(), nn.SiLU(),
    nn.Tanh(), nn.ELU(0.7), nn.GELU(), nn.GELU(approximate="tanh"), nn.Hardswish(),
    nn.Hardsigmoid(), nn.Mish(), nn.Hardtanh(-0.5, 0.5),
]  # fmt: skip


@pytest.mark.parametrize("act", ACTIVATIONS, ids=repr)
def test_each_activation_is_part_of_its_convolution(act):
    model = settled(nn.Sequential(nn.Conv2d(16, 24, 3, bias=False), nn.BatchNorm2d(24), act))
    fused = agree(model, weft.randn(2, 16, 12, 12) * 3)
    assert kinds(fused) == ["FusedConvolution"]


class Block(nn.Module):
    """As in residual networks, with the shortcut on either side of the sum."""

    def __init__(self, channels, flipped=False):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.flipped = flipped

    def forward(self, x):
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        if self.flipped:
            return self.relu(x + out)
        out += x
        return self.relu(out)


@pytest.mark.parametrize("flipped", [True, False])
def test_a_sum_with_a_shortcut_is_part_of_the_convolution(flipped):
    model = settled(nn.Sequential(nn.Conv2d(3, 16, 1), Block(16, flipped), Block(16, flipped)))
    fused = agree(model, weft.randn(2, 3, 9, 9))
    assert kinds(fused) == ["FusedConvolution"] * 5


def test_what_others_still_read_is_not_overwritten():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)
            self.third = nn.Conv2d(16, 16, 1)

        def forward(self, x):
            x1 = self.first(x)  # of the user's input, which stays as it is
            y = self.second(x1) + x
            z = self.third(y) + y
            return z + y, y[:, :2], F.relu(x1), x

    model = settled(Model())
    x = weft.randn(2, 16, 9, 9)
    before = x.clone()
    fused = fusion.fuse_for_inference(model)
    with weft.no_grad():
        for got, wanted in zip(fused(x), model(x), strict=True):
            assert_near(got, wanted)
    assert fused(x)[3] is x
    assert_close(x, before, rtol=0, atol=0)


def test_a_later_convolution_reads_a_value_before_it_is_overwritten():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.a, self.b = (nn.Conv2d(16, 16, 1) for _ in range(3))

        def forward(self, x):
            x = self.stem(x)
            late = self.b(x)  # it would run at the last sum, after x is gone
            early = self.a(x) + x
            return F.relu(late + early)

    agree(settled(Model()), weft.randn(2, 16, 9, 9))


@pytest.mark.parametrize(
    ("pad", "steps"),
    [((0, 1, 2, 1), 1), ((1, 1, 1, 1, 0, 8), 2), ((-1, 2, 1, 1), 2), ((1, 1), 1)],
)
def test_zeros_around_images_are_padding_of_the_convolution(pad, steps):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(16 if len(pad) == 6 else 8, 12, 3, 2, padding=1)

        def forward(self, x):
            return self.conv(F.pad(x, pad))

    fused = agree(settled(Model()), weft.randn(2, 8, 9, 10))
    assert len(kinds(fused)) == steps


@pytest.mark.parametrize("flag", ["onednn", "codegen"])
def test_without_the_libraries_a_fused_model_is_right_too(flag, monkeypatch):
    monkeypatch.setattr(switches, flag, False)
    agree(settled(nn.Sequential(nn.Conv2d(3, 16, 1), Block(16))), weft.randn(2, 3, 9, 9))


@pytest.mark.parametrize("dtype", [weft.float64, weft.bfloat16, weft.float16])
def test_other_dtypes(dtype):
    model = settled(nn.Sequential(nn.Conv2d(8, 16, 3), nn.BatchNorm2d(16), nn.ReLU())).to(dtype)
    x = weft.randn(2, 8, 9, 9).to(dtype)
    fused = fusion.fuse_for_inference(model)
    with weft.no_grad():
        got, wanted = fused(x), model(x)
    tolerance = {weft.float64: 1e-12, weft.bfloat16: 5e-2, weft.float16: 5e-3}[dtype]
    assert got.dtype is dtype
    assert_close(got, wanted, rtol=tolerance, atol=tolerance, check_stride=False)


def test_models_that_are_not_of_images():
    model = settled(
        nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.GELU(), nn.LayerNorm(16))
    )
    agree(model, weft.randn(5, 6))


def test_view_and_flatten_after_convolutions():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.fc = nn.Conv2d(3, 16, 3), nn.Linear(16 * 49, 4)

        def forward(self, x):
            x = self.conv(x)
            return self.fc(x.view(x.size(0), -1)) + self.fc(x.flatten(1))

    agree(settled(Model()), weft.randn(2, 3, 9, 9))


def test_each_shape_of_input_has_its_own_program():
    model = settled(nn.Sequential(nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.AdaptiveAvgPool2d(1)))
    fused = fusion.fuse_for_inference(model)
    for shape in ((1, 3, 9, 9), (2, 3, 9, 9), (1, 3, 12, 8), (0, 3, 9, 9)):
        x = weft.randn(*shape)
        with weft.no_grad():
            assert_close(fused(x), model(x), rtol=1e-5, atol=1e-5, check_stride=False)
    assert len(fused._programs) == 4
    last = weft.randn(2, 3, 9, 9).to(memory_format=weft.channels_last)
    with weft.no_grad():
        assert_near(fused(last), model(last))


def test_arguments_by_name_and_results_in_nests():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, x, *, scale=1.0, more=None):
            y = self.conv(x) * scale
            if more is not None:
                y = y + more["bias"]
            return {"y": y, "n": 3, "weight": self.conv.bias}

    model = settled(Model())
    fused = fusion.fuse_for_inference(model)
    x, more = weft.randn(1, 3, 5, 5), {"bias": weft.ones(8, 1, 1)}
    for named in ({}, {"scale": 2.0}, {"scale": 2.0, "more": more}):
        with weft.no_grad():
            got, wanted = fused(x, **named), model(x, **named)
        assert got.keys() == wanted.keys()
        assert got["n"] == 3
        assert_near(got["y"], wanted["y"])
        assert_near(got["weight"], wanted["weight"])
    with pytest.raises(TypeError, match="expected tensors, numbers and strings"):
        fused(x, more=object())


# --- what stays as it is -----------------------------------------------------------------------


def test_hooks_and_training_of_the_original_go_on():
    model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()))
    seen = []
    model[1].register_forward_hook(lambda *_: seen.append(1))
    x = weft.randn(2, 3, 9, 9)
    fused = fusion.fuse_for_inference(model)
    before = fused(x)
    seen.clear()
    model(x)
    assert seen == [1]
    model.train()
    model(x).sum().backward()
    assert model[0].weight.grad is not None
    with weft.no_grad():
        model[0].weight.zero_()
    assert_close(fused(x), before, rtol=0, atol=0)


def test_what_hooks_do_to_results_is_part_of_the_program():
    model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    model[0].register_forward_hook(lambda module, args, output: output * 2)
    agree(model, weft.randn(2, 3, 9, 9))


def test_a_gradient_of_the_input_is_that_of_the_model():
    model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.SiLU()))
    fused = fusion.fuse_for_inference(model)
    x = weft.randn(2, 3, 9, 9, requires_grad=True)
    (wanted,) = weft.autograd.grad(model(x).square().sum(), x)
    (got,) = weft.autograd.grad(fused(x).square().sum(), x)
    assert_near(got, wanted)
    mapped = weft.func.vmap(fused)(x.detach()[None])
    assert_near(mapped[0], model(x).detach())
    assert not fused(x.detach()).requires_grad


def test_training_mode_is_refused():
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout())
    with pytest.raises(RuntimeError, match=r"'Sequential' is in training mode; call \.eval\(\)"):
        fusion.fuse_for_inference(model)
    model.eval()
    model[1].train()
    with pytest.raises(RuntimeError, match="'1' is in training mode"):
        fusion.fuse_for_inference(model)
    fused = fusion.fuse_for_inference(model.eval())
    with pytest.raises(RuntimeError, match="for inference alone; train the model"):
        fused.train()
    assert not fused.eval().training


def test_state_dict_is_the_models_and_loading_is_seen():
    model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    fused = fusion.fuse_for_inference(model)
    x = weft.randn(1, 3, 9, 9)
    fused(x)
    assert list(fused.state_dict()) == [f"model.{name}" for name in model.state_dict()]
    other = settled(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    fused.model.load_state_dict(other.state_dict())
    fused.refresh()
    assert_near(fused(x), other(x).detach())
    fused.load_state_dict({f"model.{name}": value for name, value in model.state_dict().items()})
    assert_near(fused(x), model(x).detach())
    fused.double()
    assert fused(x.double()).dtype is weft.float64


def test_copies_and_pickles():
    model = settled(nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)))
    fused = fusion.fuse_for_inference(model)
    x = weft.randn(1, 3, 9, 9)
    wanted = fused(x)
    for again in (copy.deepcopy(fused), pickle.loads(pickle.dumps(fused))):
        assert_near(again(x), wanted)


class Reads(nn.Module):
    def forward(self, x):
        return x * 2 if x.sum() > 0 else x


class Writes(nn.Module):
    def forward(self, x):
        return x.relu_()


class WritesThroughAView(nn.Module):
    def forward(self, x):
        y = x * 2
        y[0].zero_()
        return y


class Draws(nn.Module):
    def forward(self, x):
        return x + weft.rand(3)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (Reads(), "reads numbers out of a tensor"),
        (Writes(), "not the function's alone"),
        (WritesThroughAView(), "writes"),
        (Draws(), "draws random numbers"),
    ],
    ids=lambda a: type(a).__name__,
)
def test_what_is_no_program_is_refused_in_words(model, why):
    fused = fusion.fuse_for_inference(model.eval())
    with pytest.raises(CaptureError, match=f"{type(model).__name__} cannot be fused: .*{why}"):
        fused(weft.ones(3))


def test_who_watches_ops_sees_those_of_the_model():
    fused = fusion.fuse_for_inference(settled(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())))
    seen = []

    def look(op, args, params, result):
        seen.append(op.name)

    watching.watch(look)
    try:
        fused(weft.randn(1, 3, 9, 9))
    finally:
        watching.unwatch(look)
    assert seen[-2:] == ["convolve_bias", "relu"]
