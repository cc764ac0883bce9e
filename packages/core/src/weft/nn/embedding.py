"""A table of vectors, looked up by number."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn import init
from weft.nn.module import Module
from weft.nn.parameter import Parameter


def row_within(who: str, padding_idx: int | None, num_embeddings: int) -> int | None:
    """The row of `padding_idx`, counted from the start.

    Raises:
        ValueError: there is no such row.
    """
    if padding_idx is None:
        return None
    if not -num_embeddings <= padding_idx < num_embeddings:
        raise ValueError(
            f"{who}: padding_idx must lie within the {num_embeddings} embeddings, got {padding_idx}"
        )
    return padding_idx % num_embeddings


def size_of_table(who: str, embeddings: Tensor) -> tuple[int, int]:
    """The number of vectors in a table that `who` is made from, and their length.

    Raises:
        ValueError: it is no matrix.
    """
    if embeddings.ndim != 2:
        raise ValueError(
            f"{who}.from_pretrained needs a matrix (num_embeddings, embedding_dim), got shape "
            f"{tuple(embeddings.shape)}"
        )
    rows, columns = embeddings.shape
    return rows, columns


class Embedding(Module):
    """Looks up a learned vector for each number.

    Args:
        num_embeddings: how many vectors there are.
        embedding_dim: their length.
        padding_idx: a number whose vector stays as it is: zero at first, and without gradient.
        max_norm: vectors that are longer are shortened to it, in place, when they are looked up.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide a vector's gradient by how often it was looked up.
        sparse: taken; the gradient is dense, and `weft.optim.SparseAdam` leaves rows alone that
            nothing looked up.
        _weight: the table; drawn when None.
        _freeze: whether the table is learned; it is when False.
        device: where the table lies.
        dtype: the table's dtype.

    Attributes:
        weight: (num_embeddings, embedding_dim), standard normal at first.

    Raises:
        ValueError: `padding_idx` or `_weight` does not fit the table.

    Source: PyTorch's `torch.nn.Embedding`.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: weft.dtype | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = row_within("Embedding", padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        shape = (num_embeddings, embedding_dim)
        if _weight is None:
            table = weft.empty(shape, device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not _freeze)
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != shape:
                raise ValueError(
                    f"Embedding: the given table must have shape {shape}, "
                    f"got {tuple(_weight.shape)}"
                )
            self.weight = Parameter(_weight, requires_grad=not _freeze)

    def reset_parameters(self) -> None:
        """Draw the table anew; the vector of `padding_idx` becomes zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with weft.no_grad():
                self.weight[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        return text + ", sparse=True" if self.sparse else text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An embedding whose table is `embeddings`, which it shares.

        Args:
            embeddings: (num_embeddings, embedding_dim).
            freeze: whether the table stays as it is.
            padding_idx: as for the constructor, and likewise the others.
            max_norm: see the constructor.
            norm_type: see the constructor.
            scale_grad_by_freq: see the constructor.
            sparse: see the constructor.

        Raises:
            ValueError: `embeddings` is no matrix.
        """
        rows, columns = size_of_table(cls.__name__, embeddings)
        return cls(
            rows,
            columns,
            padding_idx=padding_idx,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            sparse=sparse,
            _weight=embeddings,
            _freeze=freeze,
        )
