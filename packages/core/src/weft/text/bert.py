"""BERT's encoder, with the parameter names of published checkpoints.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2018), section 3;
names and defaults as in the checkpoints that are published as ``BertModel``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import weft
import weft.nn.functional as F
from weft import nn

from .pooling import Pooling
from .projection import Projection

if TYPE_CHECKING:
    from weft import Tensor

# By the names of `hidden_act`; the last three are one function.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "relu": F.relu,
    "gelu_new": functools.partial(F.gelu, approximate="tanh"),
    "gelu_fast": functools.partial(F.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": functools.partial(F.gelu, approximate="tanh"),
}


@dataclass(frozen=True)
class BertConfig:
    """The sizes of an encoder, by the keys of the ``config.json`` beside published weights."""

    vocab_size: int = 30522
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    hidden_act: str = "gelu"

    def __post_init__(self) -> None:
        if self.hidden_act not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ValueError(f"hidden_act must be one of {known}, but is {self.hidden_act!r}")

    @classmethod
    def from_file(cls, path: Path) -> BertConfig:
        """Read the keys that are sizes; the others are about training."""
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{one.name: told[one.name] for one in fields(cls) if one.name in told})


class Embeddings(nn.Module):
    """The sum of what a piece is, where it stands and in which sentence, normalised."""

    position_ids: Tensor

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, width)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, width)
        self.LayerNorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        positions = weft.arange(config.max_position_embeddings).unsqueeze(0)
        self.register_buffer("position_ids", positions)

    def forward(self, ids: Tensor) -> Tensor:
        """Embed ids, (batch, time) int64: (batch, time, hidden)."""
        positions = self.position_ids[:, : ids.shape[1]]
        first_sentence = self.token_type_embeddings.weight[0]
        summed = self.word_embeddings(ids) + self.position_embeddings(positions) + first_sentence
        return self.LayerNorm(summed)


class SelfAttention(nn.Module):
    """Attention of each piece to those that are text, in several heads."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """Attend: x (batch, time, hidden), seen (batch, 1, 1, time) bool."""
        batch, time, width = x.shape

        def parted(layer: nn.Module) -> Tensor:
            heads = layer(x).view(batch, time, self.heads, width // self.heads)
            return heads.transpose(1, 2)  # (batch, heads, time, width of a head)

        joined = F.scaled_dot_product_attention(
            parted(self.query), parted(self.key), parted(self.value), attn_mask=seen
        )
        return joined.transpose(1, 2).reshape(batch, time, width)


class AddAndNormalise(nn.Module):
    """A linear layer whose result is added to what it branched from, then normalised."""

    def __init__(self, inputs: int, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, x: Tensor, branched_from: Tensor) -> Tensor:
        return self.LayerNorm(self.dense(x) + branched_from)


class Layer(nn.Module):
    """Attention, then two linear layers with GELU between."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        # A ModuleDict names its modules as checkpoints do: one of them is called "self".
        self.attention = nn.ModuleDict(
            {"self": SelfAttention(config), "output": AddAndNormalise(config.hidden_size, config)}
        )
        self.intermediate = nn.ModuleDict(
            {"dense": nn.Linear(config.hidden_size, config.intermediate_size)}
        )
        self.output = AddAndNormalise(config.intermediate_size, config)
        self.hidden_act = config.hidden_act

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        x = self.attention["output"](self.attention["self"](x, seen), x)
        return self.output(ACTIVATIONS[self.hidden_act](self.intermediate["dense"](x)), x)


class Bert(nn.Module):
    """BERT's encoder: ids of pieces to one vector for each piece.

    Args:
        config: the sizes.

    Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (2018), section
    3; the names of parameters are those of published ``BertModel`` checkpoints.

    Example:
        >>> import weft
        >>> model = weft.text.bert(
        ...     vocab_size=50,
        ...     hidden_size=24,
        ...     num_hidden_layers=2,
        ...     num_attention_heads=3,
        ...     intermediate_size=48,
        ... )
        >>> ids = weft.tensor([[2, 7, 3, 0]])
        >>> tuple(model(ids, ids != 0).shape)
        (1, 4, 24)
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        if config.hidden_size % config.num_attention_heads:
            raise ValueError(
                f"Bert: hidden_size must be divisible by num_attention_heads, got "
                f"{config.hidden_size} and {config.num_attention_heads}"
            )
        self.config = config
        self.longest = config.max_position_embeddings
        # How sentences are pooled; a published encoder was trained for one way.
        self.pooling = Pooling()
        self.projection = Projection()
        self.embeddings = Embeddings(config)
        layers = [Layer(config) for _ in range(config.num_hidden_layers)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(layers)})
        # Sentence encoders do not use it, but their checkpoints carry it.
        self.pooler = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.hidden_size)})

    def forward(self, ids: Tensor, is_text: Tensor) -> Tensor:
        """Encode.

        Args:
            ids: (batch, time) int64.
            is_text: (batch, time) bool; False where a row was filled up.

        Returns:
            (batch, time, hidden).

        Raises:
            ValueError: more pieces than there are positions.
        """
        if ids.shape[-1] > self.longest:
            raise ValueError(
                f"{type(self).__name__}: takes at most {self.longest} pieces, got ids of shape "
                f"{tuple(ids.shape)}"
            )
        x = self.embeddings(ids)
        seen = is_text[:, None, None, :]
        for layer in self.encoder["layer"]:
            x = layer(x, seen)
        return x

    def embed(self, ids: Tensor, is_text: Tensor) -> Tensor:
        """Return a vector for each text, as `pooling` says: the mean, of length 1, unless set.

        What that gives goes through `projection`, which most encoders do not have.

        Args:
            ids: (batch, time) int64.
            is_text: (batch, time) bool; False where a row was filled up.

        Returns:
            (batch, hidden), as many times hidden as `pooling` has modes, or as wide as the
            last layer of `projection` is.
        """
        return self.projection(self.pooling(self(ids, is_text), is_text))


def bert(**sizes: Any) -> Bert:
    """Return a fresh encoder in evaluation mode, without pretrained weights.

    Pretrained: ``weft_hub.load("text/all-minilm-l6-v2")``.

    Args:
        sizes: those of `BertConfig`, by name; BERT base's where left out.

    Raises:
        TypeError: a size that `BertConfig` does not have.
    """
    return Bert(BertConfig(**sizes)).eval()


def mean_embedding(model: Bert, ids: Tensor, is_text: Tensor) -> Tensor:
    """Return a vector of length 1 for each text: the mean of its pieces' vectors, normalised.

    Args:
        model: the encoder.
        ids: (batch, time) int64.
        is_text: (batch, time) bool; False where a row was filled up.

    Returns:
        (batch, hidden).
    """
    return Pooling()(model(ids, is_text), is_text)
