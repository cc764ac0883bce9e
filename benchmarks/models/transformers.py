"""Transformers: ViT-small for images of 224 pixels, and one block of GPT-2 small."""

from __future__ import annotations

from typing import Any


def vit_small(lib: Any) -> Any:
    """Return the vision transformer of width 384, 12 layers and 6 heads over patches of 16 pixels.

    Source: Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words"; the small size is that of
    Touvron et al. 2020, "Training data-efficient image transformers", table 1.
    """
    nn = lib.nn
    width, patch, side = 384, 16, 224
    count = (side // patch) ** 2

    class ViT(nn.Module):  # type: ignore[name-defined]  # the base is an argument's
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, width, patch, patch)
            self.token = nn.Parameter(lib.zeros(1, 1, width))
            self.places = nn.Parameter(lib.zeros(1, count + 1, width))
            self.blocks = nn.Sequential(*(block(lib, width, 6, causal=False) for _ in range(12)))
            self.norm = nn.LayerNorm(width, 1e-6)
            self.head = nn.Linear(width, 1000)

        def forward(self, x: Any) -> Any:
            batch = x.shape[0]
            x = lib.permute(self.patches(x).reshape(batch, width, count), (0, 2, 1))
            x = lib.cat((lib.broadcast_to(self.token, (batch, 1, width)), x), 1) + self.places
            return self.head(self.norm(self.blocks(x))[:, 0])

    return ViT()


def gpt2_block(lib: Any) -> Any:
    """Return one block of GPT-2 small: width 768, 12 heads, each token sees those before it.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".
    """
    return block(lib, 768, 12, causal=True, approximate="tanh")


def block(lib: Any, width: int, heads: int, *, causal: bool, approximate: str = "none") -> Any:
    """Return attention and a perceptron, each behind a norm and beside a shortcut."""
    nn = lib.nn

    class Block(nn.Module):  # type: ignore[name-defined]  # the base is an argument's
        def __init__(self) -> None:
            super().__init__()
            self.norm1 = nn.LayerNorm(width, 1e-6)
            self.qkv = nn.Linear(width, 3 * width)
            self.out = nn.Linear(width, width)
            self.norm2 = nn.LayerNorm(width, 1e-6)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(approximate), nn.Linear(4 * width, width)
            )

        def forward(self, x: Any) -> Any:
            batch, length, _ = x.shape
            qkv = self.qkv(self.norm1(x)).reshape(batch, length, 3, heads, width // heads)
            qkv = lib.permute(qkv, (2, 0, 3, 1, 4))
            mixed = nn.functional.scaled_dot_product_attention(
                qkv[0], qkv[1], qkv[2], is_causal=causal
            )
            x = x + self.out(lib.permute(mixed, (0, 2, 1, 3)).reshape(batch, length, width))
            return x + self.mlp(self.norm2(x))

    return Block()
