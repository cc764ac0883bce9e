"""Parametrisations that are there to be used: orthogonal matrices, lengths apart, stretch 1."""

from __future__ import annotations

from typing import Any

import weft
from weft import Tensor
from weft._core.errors import ShapeError, did_you_mean
from weft.nn import functional as F
from weft.nn.module import Module
from weft.nn.utils import parametrize
from weft.nn.utils._matrices import as_matrix, stretched_dim
from weft.ops.norms import norm_except_dim

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]

_MAPS = ("matrix_exp", "cayley", "householder")
_ITERATIONS_AT_FIRST = 15


class _Orthogonal(Module):
    """Matrices (..., n, k) with orthonormal columns, or rows if n < k, from any matrices.

    With A = tril(X) - tril(X)ᴴ the matrix is exp(A), or Cayley's (1 - A/2)⁻¹ (1 + A/2); or it is
    the product of the Householder reflections below X's diagonal, its columns' signs on it. With a
    buffer `base` the result is base · Q, and X = 0 stands for the matrix that was there at first.
    """

    base: Tensor | None

    def __init__(
        self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True
    ) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError(
                "orthogonal: the householder map takes no complex tensors; take matrix_exp or "
                "cayley"
            )
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.register_buffer("base", None)
        if use_trivialization:
            self.register_buffer("base", weight.detach().clone())
            self.right_inverse(weight)  # whose side effect is the right base

    def forward(self, X: Tensor) -> Tensor:
        n, k = X.shape[-2:]
        turned = n < k
        if turned:
            X, n, k = X.mT, k, n
        if self.orthogonal_map == "householder":
            below = X.tril(-1)
            factors = 2.0 / (1.0 + (below * below).sum(-2))
            Q = weft.linalg.householder_product(below, factors)
            # the diagonal holds the columns' signs, which are not learned
            signs = X.detach().diagonal(dim1=-2, dim2=-1).sign()
            Q = Q * signs.unsqueeze(-2)
        else:
            A = X.tril()
            if n != k:
                A = weft.cat([A, A.new_zeros((*tuple(A.shape)[:-2], n, n - k))], -1)
            A = A - A.adjoint()
            if self.orthogonal_map == "matrix_exp":
                Q = weft.linalg.matrix_exp(A)
            else:
                one = weft.eye(n, dtype=A.dtype, device=A.device)
                Q = weft.linalg.solve(one - 0.5 * A, one + 0.5 * A)
            if n != k:
                Q = Q[..., :k]
        if self.base is not None:
            Q = self.base @ Q
        return Q.mT if turned else Q

    def right_inverse(self, Q: Tensor) -> Tensor:
        """What is learned for a matrix; without a base only Householder's map can be inverted."""
        if tuple(Q.shape) != tuple(self.shape):
            raise ShapeError(
                f"orthogonal: expected a matrix or batch of matrices of shape "
                f"{tuple(self.shape)}, got {tuple(Q.shape)}"
            )
        given = Q
        n, k = Q.shape[-2:]
        turned = n < k
        if turned:
            Q, n, k = Q.mT, k, n
        if self.base is None:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    f"orthogonal: a value cannot be assigned with {self.orthogonal_map} and "
                    f"use_trivialization=False; take use_trivialization=True or householder"
                )
            A, factors = weft.geqrf(Q)
            signs = A.diagonal(dim1=-2, dim2=-1).sgn()
            signs = weft.where(factors == 0, -signs, signs)  # a reflection that does nothing
            A = A.tril(-1) + _on_diagonal(signs, n) + A.triu(1)
            return A.mT if turned else A
        if n == k:
            base = Q.clone() if _is_orthogonal(Q) else _made_orthogonal(Q)
        else:
            noise = weft.randn((*tuple(Q.shape)[:-2], n, n - k), dtype=Q.dtype, device=Q.device)
            base = _made_orthogonal(weft.cat([Q, noise], -1))
        self.base = base
        # -1 and not 0 on the diagonal: Householder's map takes the signs from there
        signs = -given.new_ones((*tuple(given.shape)[:-2], k))
        return _on_diagonal(signs, *given.shape[-2:])


def _on_diagonal(values: Tensor, rows: int, columns: int | None = None) -> Tensor:
    """Matrices (..., rows, columns) with values on the diagonal and zeros elsewhere."""
    length = values.shape[-1]
    columns = length if columns is None else columns
    place = weft.eye(rows, columns, dtype=values.dtype, device=values.device)
    along = values.unsqueeze(-1) if rows <= columns else values.unsqueeze(-2)
    return place * along


def _is_orthogonal(Q: Tensor) -> bool:
    n, k = Q.shape[-2:]
    one = weft.eye(k, dtype=Q.dtype, device=Q.device)
    return weft.allclose(Q.adjoint() @ Q, one, atol=10.0 * n * weft.finfo(Q.dtype).eps)


def _made_orthogonal(A: Tensor) -> Tensor:
    """The orthogonal factor of A = QR for which R has a positive diagonal."""
    X, factors = weft.geqrf(A)
    Q = weft.linalg.householder_product(X, factors)
    return Q * X.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a weight orthogonal (unitary if complex): its columns orthonormal, or rows if n < k.

    Args:
        module: the module; its class becomes one of its own.
        name: the weight, (..., n, k).
        orthogonal_map: "matrix_exp", "cayley" or "householder"; when None, the first for square and
            complex matrices and the last for others.
        use_trivialization: whether what is learned is relative to the weight as it was, made
            orthogonal, which is then a buffer `parametrizations.NAME.0.base`.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor, it is no matrix, the map is unknown, or it is
            "householder" and the weight complex.

    Source: Lezcano-Casado, arXiv:1909.09501; PyTorch's
    `torch.nn.utils.parametrizations.orthogonal`.

    Example:
        >>> layer = weft.nn.utils.parametrizations.orthogonal(weft.nn.Linear(20, 40))
        >>> Q = layer.weight
        >>> weft.dist(Q.mT @ Q, weft.eye(20)).item() < 1e-4
        True
    """
    weight = _tensor_of(module, name, "orthogonal")
    if weight.ndim < 2:
        raise ValueError(
            f"orthogonal: {name} must be a matrix or a batch of them, got shape "
            f"{tuple(weight.shape)}"
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            f"orthogonal: orthogonal_map must be one of {', '.join(_MAPS)}, got "
            f"{orthogonal_map!r}{did_you_mean(str(orthogonal_map), _MAPS)}"
        )
    orth = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, orth, unsafe=True)


class _WeightNorm(Module):
    """Weights as direction times length: v · g / ‖v‖, the norm over all dims but one."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """The length and the direction of a weight."""
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn the length of a weight apart from its direction, as g · v / ‖v‖.

    Args:
        module: the module; its class becomes one of its own. It learns
            `parametrizations.NAME.original0`, the length g, and `original1`, the direction v.
        name: the weight.
        dim: the dim for each index of which there is a length; None for one length in all.

    Returns:
        The module. It loads a `state_dict` with `NAME_g` and `NAME_v` too.

    Raises:
        ValueError: there is no such tensor.

    Source: Salimans and Kingma, arXiv:1602.07868; PyTorch's
    `torch.nn.utils.parametrizations.weight_norm`.
    """
    _tensor_of(module, name, "weight_norm")
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def translate(state_dict: Any, prefix: str, *_: Any) -> None:
        for old, new in (("_g", "original0"), ("_v", "original1")):
            key = f"{prefix}{name}{old}"
            if key in state_dict:
                state_dict[f"{prefix}parametrizations.{name}.{new}"] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(translate)
    return module


class _SpectralNorm(Module):
    """Weights divided by their largest singular value, followed by iterations of the power method.

    Args:
        weight: the weight as it is at first.
        n_power_iterations: iterations at each use in training.
        dim: the dim of the outputs: all others are one when the weight is read as a matrix.
        eps: what norms are at least.
    """

    _u: Tensor
    _v: Tensor

    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(
                f"spectral_norm: dim must be in [{-weight.ndim}, {weight.ndim - 1}], got {dim}"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}"
            )
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim)
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                drawn = weft.randn(size, dtype=matrix.dtype, device=matrix.device)
                self.register_buffer(name, F.normalize(drawn, dim=0, eps=eps))
            self._power_method(matrix, _ITERATIONS_AT_FIRST)

    def _power_method(self, matrix: Tensor, iterations: int) -> None:
        with weft.no_grad():
            for _ in range(iterations):
                self._u.copy_(F.normalize(matrix @ self._v, dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.adjoint() @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix.detach(), self.n_power_iterations)
        # copies: a later call writes to the buffers, and this one's backward reads them
        u, v = self._u.clone(), self._v.clone()
        return weight / weft.vdot(u, matrix @ v)

    def right_inverse(self, value: Tensor) -> Tensor:
        """The value itself: it is divided again when it is used."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, so that the layer stretches nothing.

    The value is followed by the power method, which goes on at each use in training; its vectors
    are the buffers `parametrizations.NAME.0._u` and `_v`.

    Args:
        module: the module; its class becomes one of its own.
        name: the weight; a vector is divided by its norm.
        n_power_iterations: iterations at each use in training.
        eps: what norms are at least.
        dim: the dim of the outputs; 1 for transposed convolutions and 0 for others when None.

    Returns:
        The module.

    Raises:
        ValueError: there is no such tensor, or `n_power_iterations` is not positive.
        IndexError: `dim` is out of range.

    Source: Miyato et al., arXiv:1802.05957; PyTorch's
    `torch.nn.utils.parametrizations.spectral_norm`.
    """
    weight = _tensor_of(module, name, "spectral_norm")
    at = stretched_dim(module) if dim is None else dim
    norm = _SpectralNorm(weight, n_power_iterations, at, eps)
    return parametrize.register_parametrization(module, name, norm)


def _tensor_of(module: Module, name: str, who: str) -> Tensor:
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        known = [*module._parameters, *module._buffers]
        raise ValueError(
            f"{who}: {type(module).__name__} has no parameter or buffer "
            f"{name!r}{did_you_mean(name, known)}"
        )
    return tensor
