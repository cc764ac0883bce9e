"""The layers that the benchmarks' networks are made of, over JAX, in PyTorch's layouts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.rivals import jax_functions as functional
from benchmarks.rivals.jax_module import Module, Parameter

__all__ = [
    *("BatchNorm2d", "Conv2d", "GELU", "LSTM", "LSTMCell", "LayerNorm", "Linear", "MaxPool2d"),
    *("Module", "Parameter", "ReLU", "ReLU6", "Sequential", "functional"),
]


class Sequential(Module):
    """One module after the other."""

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for number, module in enumerate(modules):
            self._modules[str(number)] = module

    def forward(self, x: Any) -> Any:
        for module in self._modules.values():
            x = module(x)
        return x


class Linear(Module):
    """A matrix product and a bias."""

    weight: Any
    bias: Any

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.weight = Parameter(jnp.zeros((outside, inside)))
        self.bias = Parameter(jnp.zeros(outside))

    def forward(self, x: Any) -> Any:
        return x @ self.weight.T + self.bias


class Conv2d(Module):
    """A convolution of images with channels first."""

    weight: Any
    bias: Any

    def __init__(
        self, inside: int, outside: int, window: int, stride: int = 1, padding: int = 0,
        *, groups: int = 1, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = Parameter(jnp.zeros((outside, inside // groups, window, window)))
        if bias:
            self.bias = Parameter(jnp.zeros(outside))
        self.settings = ((stride, stride), ((padding, padding), (padding, padding)), groups)

    def forward(self, x: Any) -> Any:
        stride, padding, groups = self.settings
        out = lax.conv_general_dilated(
            x, self.weight, stride, padding, feature_group_count=groups,
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
        )  # fmt: skip
        return out + self.bias[:, None, None] if "bias" in self._trained else out


class BatchNorm2d(Module):
    """Batch normalisation with running statistics."""

    weight: Any
    bias: Any
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(jnp.ones(channels)), Parameter(jnp.zeros(channels))
        self._kept.update(
            running_mean=jnp.zeros(channels),
            running_var=jnp.ones(channels),
            num_batches_tracked=jnp.zeros((), jnp.int32),
        )
        self.settings = (eps, momentum)

    def forward(self, x: Any) -> Any:
        eps, momentum = self.settings
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
            count = x.size // x.shape[1]
            unbiased = var * (count / (count - 1))
            self.running_mean = self.running_mean * (1 - momentum) + momentum * mean
            self.running_var = self.running_var * (1 - momentum) + momentum * unbiased
            self.num_batches_tracked = self.num_batches_tracked + 1
        scale = self.weight * lax.rsqrt(var + eps)
        return x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]


class LayerNorm(Module):
    """Normalisation over the last dim."""

    weight: Any
    bias: Any

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight, self.bias = Parameter(jnp.ones(width)), Parameter(jnp.zeros(width))
        self.eps = eps

    def forward(self, x: Any) -> Any:
        centred = x - x.mean(-1, keepdims=True)
        var = (centred * centred).mean(-1, keepdims=True)
        return centred * lax.rsqrt(var + self.eps) * self.weight + self.bias


class MaxPool2d(Module):
    """The greatest in each window."""

    def __init__(self, window: int, stride: int, padding: int) -> None:
        super().__init__()
        self.settings = (window, stride, padding)

    def forward(self, x: Any) -> Any:
        window, stride, padding = self.settings
        sides = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        return lax.reduce_window(
            x, -jnp.inf, lax.max, (1, 1, window, window), (1, 1, stride, stride), sides
        )


class LSTMCell(Module):
    """One step of an LSTM, gates in PyTorch's order."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        for kind, size in (("ih", inside), ("hh", width)):
            setattr(self, f"weight_{kind}", Parameter(jnp.zeros((4 * width, size))))
        for kind in ("ih", "hh"):
            setattr(self, f"bias_{kind}", Parameter(jnp.zeros(4 * width)))

    def forward(self, x: Any, state: tuple[Any, Any]) -> tuple[Any, Any]:
        h, c = state
        drive = x @ self.weight_ih.T + self.bias_ih + self.bias_hh
        return functional.lstm_step(drive, h, c, self.weight_hh)


class LSTM(Module):
    """Layers of LSTM over (time, batch, features), from states of zero."""

    def __init__(self, inside: int, width: int, layers: int = 1) -> None:
        super().__init__()
        self.width, self.layers = width, layers
        for layer in range(layers):
            size = width if layer else inside
            setattr(self, f"weight_ih_l{layer}", Parameter(jnp.zeros((4 * width, size))))
            setattr(self, f"weight_hh_l{layer}", Parameter(jnp.zeros((4 * width, width))))
            setattr(self, f"bias_ih_l{layer}", Parameter(jnp.zeros(4 * width)))
            setattr(self, f"bias_hh_l{layer}", Parameter(jnp.zeros(4 * width)))

    def forward(self, x: Any) -> tuple[Any, tuple[Any, Any]]:
        last = []
        for layer in range(self.layers):
            get = lambda name, layer=layer: getattr(self, f"{name}_l{layer}")
            # The input's part of all steps is one product, before the steps begin.
            drives = x @ get("weight_ih").T + get("bias_ih") + get("bias_hh")
            zeros = jnp.zeros((x.shape[1], self.width))
            weight = get("weight_hh")

            def step(state: Any, drive: Any, weight: Any = weight) -> Any:
                h, c = functional.lstm_step(drive, state[0], state[1], weight)
                return (h, c), h

            state, x = lax.scan(step, (zeros, zeros), drives)
            last.append(state)
        return x, (jnp.stack([h for h, _ in last]), jnp.stack([c for _, c in last]))


def _of_function(name: str, function: Callable[..., Any]) -> type[Module]:
    class Layer(Module):
        def __init__(self, *settings: Any) -> None:
            super().__init__()
            self.settings = settings

        def forward(self, x: Any) -> Any:
            return function(x, *self.settings)

    Layer.__name__ = name
    return Layer


ReLU = _of_function("ReLU", jax.nn.relu)
ReLU6 = _of_function("ReLU6", lambda x: jnp.clip(x, 0.0, 6.0))
GELU = _of_function(
    "GELU", lambda x, approximate="none": jax.nn.gelu(x, approximate=approximate == "tanh")
)
