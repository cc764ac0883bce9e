"""A table of vectors, looked up by number in bags that are joined at once."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn import init
from weft.nn.embedding import row_within, size_of_table
from weft.nn.module import Module
from weft.nn.parameter import Parameter


class EmbeddingBag(Module):
    """The sum, mean or largest of the learned vectors of each bag of numbers.

    Args:
        num_embeddings: how many vectors there are.
        embedding_dim: their length.
        max_norm: vectors that are longer are shortened to it, in place, when they are looked up.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide a vector's gradient by how often it was looked up.
        mode: "sum", "mean" or "max".
        sparse: taken; the gradient is dense, and `weft.optim.SparseAdam` leaves rows alone that
            nothing looked up.
        _weight: the table; drawn when None.
        include_last_offset: whether `offsets` ends with the number of all numbers.
        padding_idx: a number that counts in no bag: its vector is zero at first and has no
            gradient.
        device: where the table lies.
        dtype: the table's dtype.

    Attributes:
        weight: (num_embeddings, embedding_dim), standard normal at first.

    Raises:
        ValueError: `padding_idx` or `_weight` does not fit the table.

    Source: PyTorch's `torch.nn.EmbeddingBag`.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.padding_idx = row_within("EmbeddingBag", padding_idx, num_embeddings)
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        shape = (num_embeddings, embedding_dim)
        if _weight is None:
            self.weight = Parameter(weft.empty(shape, device=device, dtype=dtype))
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != shape:
                raise ValueError(
                    f"EmbeddingBag: the given table must have shape {shape}, "
                    f"got {tuple(_weight.shape)}"
                )
            self.weight = Parameter(_weight)

    def reset_parameters(self) -> None:
        """Draw the table anew; the vector of `padding_idx` becomes zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with weft.no_grad():
                self.weight[self.padding_idx] = 0

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """One vector for each bag: (bags, embedding_dim), zeros for an empty one.

        Args:
            input: int64, (bags, n), each row a bag; or (n,), one bag after the other.
            offsets: (bags,), int64, where in `input` of one axis each bag begins.
            per_sample_weights: of the input's shape, a factor for each vector; for "sum" only.
        """
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            False,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """A bag whose table is `embeddings`, which it shares.

        Args:
            embeddings: (num_embeddings, embedding_dim).
            freeze: whether the table stays as it is.
            max_norm: as for the constructor, and likewise the others.
            norm_type: see the constructor.
            scale_grad_by_freq: see the constructor.
            mode: see the constructor.
            sparse: see the constructor.
            include_last_offset: see the constructor.
            padding_idx: see the constructor.

        Raises:
            ValueError: `embeddings` is no matrix.
        """
        rows, columns = size_of_table(cls.__name__, embeddings)
        made = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings,
            include_last_offset, padding_idx,
        )  # fmt: skip
        made.weight.requires_grad_(not freeze)
        return made
