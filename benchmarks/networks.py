"""Whole networks: inference, gradients and steps of training, beside compiled rivals too."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.measure import Row, main
from benchmarks.models import convolutional, small, transformers
from benchmarks.models.running import gradients, inference, training
from benchmarks.models.weights import fill
from benchmarks.rivals import turns
from benchmarks.rivals.case import Case, Maker
from benchmarks.rivals.inputs import integers, normal

#: Outputs of networks: sums of many terms in other orders.
TOLERANCE = 1e-3
#: Fifty layers of drawn weights amplify rounding: gradients in float32 lie two percent apart
#: whatever kernels run, NumPy's too, and after two steps of training so do the losses.
AFTER_STEPS = 5e-2


@dataclass(frozen=True)
class Network:
    """A network and what it is fed with: floating inputs of these shapes."""

    build: Callable[[Any], Any]
    shapes: tuple[tuple[int, ...], ...]
    #: How many classes it tells apart; 0 where its outputs are no scores.
    classes: int = 0
    #: By which rule it is trained.
    rule: str = "SGD"


def _images(batch: int) -> tuple[tuple[int, ...], ...]:
    return ((batch, 3, 224, 224),)


_resnet18 = functools.partial(convolutional.resnet, depth=18)
_resnet50 = functools.partial(convolutional.resnet, depth=50)
_lstm = functools.partial(small.lstm, width=256, layers=2)


def _perceptron(lib: Any) -> Any:
    return small.mlp(lib, 784, 1024, 10)


def _tiny_perceptron(lib: Any) -> Any:
    return small.mlp(lib, 64, 64, 64, 10)


#: What is run forward alone.
INFERENCE: dict[str, Network] = {
    **{
        f"{name}, batch {batch}": Network(build, _images(batch), 1000, rule)
        for name, build, rule in (
            ("MobileNetV2", convolutional.mobilenet_v2, "SGD"),
            ("ResNet-18", _resnet18, "SGD"),
            ("ResNet-50", _resnet50, "SGD"),
            ("ViT-small", transformers.vit_small, "AdamW"),
        )
        for batch in (1, 8)
    },
    "GPT-2-small block, 256 tokens": Network(transformers.gpt2_block, ((1, 256, 768),)),
    "two-layer LSTM of width 256, 50 steps, batch 8": Network(_lstm, ((50, 8, 256),)),
    "LSTM cell of width 64, batch 8": Network(
        functools.partial(small.lstm_cell, width=64), ((8, 64), (8, 64), (8, 64))
    ),
}
#: What is run forward and backward.
GRADIENTS: dict[str, Network] = {
    "GPT-2-small block, 256 tokens": INFERENCE["GPT-2-small block, 256 tokens"],
    "two-layer LSTM of width 256, 50 steps, batch 8": (
        INFERENCE["two-layer LSTM of width 256, 50 steps, batch 8"]
    ),
    "LSTM cell of width 64, batch 8": INFERENCE["LSTM cell of width 64, batch 8"],
}
#: What makes a step of training.
TRAINING: dict[str, Network] = {
    "ResNet-18, batch 8": INFERENCE["ResNet-18, batch 8"],
    "ViT-small, batch 8": INFERENCE["ViT-small, batch 8"],
    "MLP 784-1024-10, batch 32": Network(_perceptron, ((32, 784),), 10),
    "MLP 784-1024-10, batch 512": Network(_perceptron, ((512, 784),), 10),
    "MLP of width 64, batch 8": Network(_tiny_perceptron, ((8, 64),), 10),
}
#: Networks of convolutions, which PyTorch runs faster in another layout.
CONVOLUTIONAL = ("MobileNetV2", "ResNet")


def network(lib: Any, name: str) -> tuple[Any, tuple[Any, ...]]:
    """Return a network of :data:`INFERENCE` and its inputs."""
    return _made(lib, INFERENCE[name])


def _made(lib: Any, wanted: Network, layout: str = "") -> tuple[Any, tuple[Any, ...]]:
    model = fill(lib, wanted.build(lib))
    inputs = tuple(normal(lib, *shape, seed=n) for n, shape in enumerate(wanted.shapes))
    if layout:
        model = model.to(memory_format=lib.channels_last)
        inputs = tuple(x.contiguous(memory_format=lib.channels_last) for x in inputs)
    return model, inputs


def _inference(wanted: Network, layout: str, lib: Any) -> Callable[[], Any]:
    model, inputs = _made(lib, wanted, layout)
    return inference(lib, model, *inputs)


def _fused_inference(wanted: Network, lib: Any) -> Callable[[], Any]:
    """Norms folded and activations joined beforehand, as onnxruntime does it when it loads."""
    model, inputs = _made(lib, wanted)
    return inference(lib, lib.nn.utils.fusion.fuse_for_inference(model.eval()), *inputs)


def _loss(wanted: Network, lib: Any, outputs: Any) -> Any:
    if wanted.classes:
        labels = integers(lib, wanted.classes, outputs.shape[0], seed=7)
        return lib.nn.functional.cross_entropy(outputs, labels)
    first = outputs[0] if isinstance(outputs, tuple) else outputs
    return (first * first).mean()


def _gradients(wanted: Network, layout: str, lib: Any) -> Callable[[], Any]:
    model, inputs = _made(lib, wanted, layout)
    return gradients(lib, model, functools.partial(_loss, wanted), *inputs)


def _training(wanted: Network, layout: str, lib: Any) -> Callable[[], Any]:
    model, inputs = _made(lib, wanted, layout)
    loss = functools.partial(_loss, wanted)
    return training(lib, model, loss, *inputs, rule=wanted.rule)


def _exported(name: str, lib: Any) -> Callable[[], Any]:
    call: Callable[[], Any] = lib.session("benchmarks.networks", name)[0]
    return call


def _makers(name: str, wanted: Network, make: Callable[..., Any]) -> dict[str, Maker]:
    plain = functools.partial(make, wanted, "")
    makers: dict[str, Maker] = {"weft": plain, "torch": plain}
    if name.startswith(CONVOLUTIONAL):
        other = functools.partial(make, wanted, "channels_last")
        makers |= {"weft channels_last": other, "torch channels_last": other}
    makers["jax.jit"] = plain
    return makers


def inference_case(name: str, wanted: Network) -> Case:
    """Return the case of a network's forward pass; onnxruntime runs those of :data:`INFERENCE`."""
    makers = _makers(name, wanted, _inference)
    if name.startswith(CONVOLUTIONAL):
        makers["weft fused"] = functools.partial(_fused_inference, wanted)
    if name in INFERENCE:
        makers["onnxruntime"] = functools.partial(_exported, name)
    return Case(f"{name}, inference", makers, tolerance=TOLERANCE)


def gradients_case(name: str, wanted: Network) -> Case:
    """Return the case of a network's forward and backward pass."""
    makers = _makers(name, wanted, _gradients)
    return Case(f"{name}, forward and backward", makers, tolerance=TOLERANCE)


def training_case(name: str, wanted: Network) -> Case:
    """Return the case of a step of training; the third's loss shows what the first two changed."""
    makers = _makers(name, wanted, _training)
    tolerance = AFTER_STEPS if name.startswith("ResNet-50") else TOLERANCE
    return Case(f"{name}, training step", makers, tolerance=tolerance, calls=3)


def cases() -> Iterator[Case]:
    """Yield every network in every way that it is run."""
    yield from (inference_case(name, wanted) for name, wanted in INFERENCE.items())
    yield from (gradients_case(name, wanted) for name, wanted in GRADIENTS.items())
    yield from (training_case(name, wanted) for name, wanted in TRAINING.items())


def rows() -> Iterator[Row]:
    """Measure the cases."""
    yield from turns.measured_as_asked(__spec__.name)


if __name__ == "__main__":
    main(rows)
