"""Model files that others wrote for PyTorch, run on weft unchanged: same weights, same results.

Each is imported twice from where it is installed: for torch, and within weft's alias.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import weft
from weft.compat.torch import alias

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::SyntaxWarning"),
    pytest.mark.filterwarnings("ignore:`torch.nn.utils.weight_norm` is:FutureWarning"),
]


@dataclass(frozen=True)
class ModelFile:
    """A model file of another package: how its model is made, what it gets, what is compared."""

    module: str
    build: Callable[[Any], Any]
    inputs: tuple[np.ndarray[Any, Any], ...]
    results: Callable[[Any], list[Any]]
    tolerance: float = 1e-4
    #: A file to load by itself, because its package imports what is not installed.
    alone: bool = False

    def load(self) -> Any:
        """Import the file, for whichever ``torch`` there is now."""
        if not self.alone:
            return importlib.import_module(self.module)
        package, _, name = self.module.rpartition(".")
        spec = importlib.util.find_spec(package)
        assert spec is not None, f"{package} is not installed"
        assert spec.submodule_search_locations is not None
        file = Path(spec.submodule_search_locations[0]) / f"{name}.py"
        own = importlib.util.spec_from_file_location(f"{package}_{name}", file)
        assert own is not None
        assert own.loader is not None
        module = importlib.util.module_from_spec(own)
        own.loader.exec_module(module)
        return module


_random = np.random.default_rng(0)
_words = _random.integers(1, 90, (2, 12))
_photo = _random.standard_normal((2, 3, 64, 64)).astype(np.float32)


def _gpt(file: Any) -> Any:
    config = file.GPT2Config(90, n_positions=16, n_ctx=16, n_embd=48, n_layer=3, n_head=4)
    return file.GPT2LMHeadModel(config)


def _bert(file: Any) -> Any:
    return file.BertForMaskedLM(file.BertConfig(90, 48, 3, 4, 96, max_position_embeddings=16))


def _flow(solve: Any) -> Any:
    """Return a module that integrates a small network over time."""
    lib = importlib.import_module("torch")  # within the alias weft's

    class Field(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = lib.nn.Sequential(lib.nn.Linear(2, 16), lib.nn.Tanh(), lib.nn.Linear(16, 2))

        def forward(self, t: Any, y: Any) -> Any:
            return self.net(y**3)

    class Flow(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.field = Field()

        def forward(self, y: Any) -> Any:
            return solve(self.field, y, lib.linspace(0, 1, 5), rtol=1e-6, atol=1e-6)

    return Flow()


def _images(file: Any) -> Any:
    """Return a module that sends images through functions of kornia."""
    lib = importlib.import_module("torch")

    class Images(lib.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = lib.nn.Conv2d(3, 3, 1)

        def forward(self, given: Any) -> list[Any]:
            x = lib.sigmoid(self.mix(given))
            return [
                file.filters.gaussian_blur2d(x, (5, 5), (1.5, 1.5)),
                file.filters.sobel(x),
                file.filters.median_blur(x, (3, 3)),
                file.color.rgb_to_hsv(x),
                file.color.rgb_to_lab(x),
                file.geometry.rotate(x, lib.tensor([30.0, -10.0])),
                file.metrics.ssim(x, given, 5),
                file.feature.harris_response(x),
                file.morphology.dilation(x, lib.ones(3, 3)),
                file.geometry.pyrdown(x),
                file.enhance.equalize_clahe(x, grid_size=(2, 2)),
            ]

    return Images()


FILES = {
    "GPT": ModelFile(
        "pytorch_pretrained_bert.modeling_gpt2", _gpt, (_words,), lambda out: [out[0]]
    ),
    "transformer encoder": ModelFile(
        "pytorch_pretrained_bert.modeling",
        _bert,
        (_words, (_words > 45).astype(np.int64), (_words > 9).astype(np.int64)),
        lambda out: [out],
    ),
    "ResNet": ModelFile(
        "pytorchcv.models.resnet",
        lambda file: file.get_resnet(blocks=10, width_scale=0.25, num_classes=7),
        (_random.standard_normal((2, 3, 224, 224)).astype(np.float32),),
        lambda out: [out],
    ),
    "U-Net": ModelFile(
        "unet",
        lambda file: file.UNet2D(
            in_channels=3, out_classes=4, num_encoding_blocks=3, out_channels_first_layer=8,
            padding=1, normalization="batch", upsampling_type="linear", residual=True,
        ),
        (_photo,),
        lambda out: [out],
    ),
    "U-Net with transposed convolutions": ModelFile(
        "unet",
        lambda file: file.UNet2D(
            in_channels=3, out_classes=4, num_encoding_blocks=2, out_channels_first_layer=8,
            padding=1, normalization="instance", preactivation=True, activation="LeakyReLU",
        ),
        # Not _photo itself: a value of it lies so near a kink that torch's gradient in float32
        # departs from its own in float64 by 4e-4 of the largest one (weft's by 4e-6).
        (-_photo,),
        lambda out: [out],
    ),
    "ViT": ModelFile(
        "vit_pytorch.vit",
        lambda file: file.ViT(
            image_size=64, patch_size=16, num_classes=7, dim=48, depth=3, heads=4, mlp_dim=96
        ),
        (_photo,),
        lambda out: [out],
        alone=True,
    ),
    "LSTM language model": ModelFile(
        "espnet2.lm.seq_rnn_lm",
        lambda file: file.SequentialRNNLM(90, unit=48, nlayers=2, tie_weights=True),
        (_words,),
        lambda out: [out[0], *out[1]],
    ),
    "vocoder with weight normalisation": ModelFile(
        "espnet2.gan_tts.hifigan.hifigan",
        lambda file: file.HiFiGANGenerator(
            in_channels=6, channels=16, upsample_scales=[4, 2], upsample_kernel_sizes=[8, 4],
            resblock_kernel_sizes=[3], resblock_dilations=[[1, 3]],
        ),
        (_random.standard_normal((2, 6, 9)).astype(np.float32),),
        lambda out: [out],
    ),
    "neural ODE, written in place behind the tape's back": ModelFile(
        "torchdiffeq",
        lambda file: _flow(file.odeint),
        (_random.standard_normal((4, 2)).astype(np.float32),),
        lambda out: [out],
    ),
    "neural ODE by the adjoint": ModelFile(
        "torchdiffeq",
        lambda file: _flow(file.odeint_adjoint),
        (_random.standard_normal((4, 2)).astype(np.float32),),
        lambda out: [out],
    ),
    "EfficientNet with strides of one number": ModelFile(
        "efficientnet_pytorch",
        lambda file: file.EfficientNet.from_name(
            "efficientnet-b0", num_classes=7, drop_connect_rate=0.0
        ),
        (_photo,),
        lambda out: [out],
        tolerance=2e-4,  # a bias before a norm has a slope of 0, and rounding remains
    ),
    "transformer with keys and values projected": ModelFile(
        "linformer",
        lambda file: file.Linformer(dim=32, seq_len=12, depth=2, heads=2, k=6, reversible=False),
        (_random.standard_normal((2, 12, 32)).astype(np.float32),),
        lambda out: [out],
    ),
    "image filters, geometry and losses": ModelFile(
        "kornia",
        lambda file: _images(file),
        (_random.uniform(0.1, 0.9, (2, 3, 24, 24)).astype(np.float32),),
        lambda out: out,
    ),
    "text encoder with packed sequences": ModelFile(
        "espnet.nets.pytorch_backend.tacotron2.encoder",
        lambda file: file.Encoder(
            90, embed_dim=24, elayers=2, eunits=16, econv_layers=2, econv_filts=3, econv_chans=24
        ),
        (_words, np.array([12, 7])),
        lambda out: [out[0]],
    ),
}  # fmt: skip


def _inputs(case: ModelFile, library: Any) -> list[Any]:
    values = [library.tensor(value) for value in case.inputs]
    for value in values:
        if value.dtype.is_floating_point:
            value.requires_grad_()
    return values


def _run(case: ModelFile, library: Any, model: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the model's results, and the gradients of its inputs and parameters."""
    inputs = _inputs(case, library)
    extra = [None] if case.module.startswith("espnet2") else []
    results = case.results(model(*inputs, *extra))
    sum((result * result).mean() for result in results).backward()
    gradients = {name: one.grad for name, one in model.named_parameters()}
    gradients.update({f"input {i}": value.grad for i, value in enumerate(inputs)})
    found = {name: one.numpy() for name, one in gradients.items() if one is not None}
    return [result.detach().numpy() for result in results], found


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("name", FILES)
def test_a_model_file_for_pytorch_gives_the_same_on_weft(name: str, training: bool) -> None:
    case = FILES[name]
    torch.manual_seed(0)
    theirs = case.build(case.load())
    assert isinstance(theirs, torch.nn.Module)
    with alias(afresh=("einops",)):
        ours = case.build(case.load())
        assert isinstance(ours, weft.nn.Module)
        state = {key: weft.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
        assert ours.state_dict().keys() == state.keys()
        ours.load_state_dict(state)
        for model in (theirs, ours):
            model.train(training)
            for part in model.modules():  # what is random is not compared
                if type(part).__name__.startswith("Dropout"):
                    part.p = 0.0
        got, got_gradients = _run(case, weft, ours)
    wanted, wanted_gradients = _run(case, torch, theirs)
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=case.tolerance * np.abs(b).max())
    assert got_gradients.keys() == wanted_gradients.keys()
    for key, b in wanted_gradients.items():
        scale = max(np.abs(b).max(), 1e-3)
        np.testing.assert_allclose(
            got_gradients[key], b, rtol=0, atol=case.tolerance * scale, err_msg=key
        )


def test_both_worlds_are_as_they_were_afterwards() -> None:
    before = importlib.import_module("pytorch_pretrained_bert.modeling")
    with alias():
        inside = importlib.import_module("pytorch_pretrained_bert.modeling")
        assert inside is not before
        assert inside.nn.Module is weft.nn.Module
    assert importlib.import_module("pytorch_pretrained_bert.modeling") is before
    assert before.nn.Module is torch.nn.Module
    with alias():
        assert importlib.import_module("pytorch_pretrained_bert.modeling") is inside
