"""Spectral normalisation by a hook before forward: PyTorch's older way.

`weft.nn.utils.parametrizations.spectral_norm` is the newer one.
"""

from __future__ import annotations

from typing import Any, TypeVar

import weft
from weft import Tensor
from weft.nn import functional as F
from weft.nn.module import Module
from weft.nn.parameter import Parameter
from weft.nn.utils._matrices import as_matrix, stretched_dim
from weft.nn.utils._own_hooks import found, remove_hook

__all__ = ["SpectralNorm", "remove_spectral_norm", "spectral_norm"]

Model = TypeVar("Model", bound=Module)


class SpectralNorm:
    """The hook that divides a weight by its largest singular value before every forward.

    Args:
        name: the weight.
        n_power_iterations: iterations of the power method at each forward in training.
        dim: the dim of the outputs.
        eps: what norms are at least.

    Raises:
        ValueError: `n_power_iterations` is not positive.
    """

    _version = 1  # 1: `NAME_v` is a buffer, and `NAME` itself is not saved

    def __init__(
        self,
        name: str = "weight",
        n_power_iterations: int = 1,
        dim: int = 0,
        eps: float = 1e-12,
    ) -> None:
        if n_power_iterations <= 0:
            raise ValueError(
                f"spectral_norm: n_power_iterations must be positive, got {n_power_iterations}"
            )
        self.name = name
        self.dim = dim
        self.n_power_iterations = n_power_iterations
        self.eps = eps

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        """The weight divided by its largest stretch, as far as that is known."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = as_matrix(weight, self.dim)
        if do_power_iteration:
            with weft.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.mT @ u, dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix @ v, dim=0, eps=self.eps))
            # copies: the next forward writes to the buffers, and this one's backward reads them
            u, v = u.clone(), v.clone()
        return weight / weft.dot(u, matrix @ v)

    @staticmethod
    def apply(
        module: Module, name: str, n_power_iterations: int, dim: int, eps: float
    ) -> SpectralNorm:
        """Put what is learned and the power method's vectors in the place of a weight.

        Raises:
            RuntimeError: there is such a hook for the weight already.
        """
        if found(module, SpectralNorm, name) is not None:
            raise RuntimeError(
                f"spectral_norm: {name!r} of {type(module).__name__} is normalised already"
            )
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"spectral_norm: {name!r} of {type(module).__name__} is None")
        rows, columns = as_matrix(weight.detach(), dim).shape
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        # a plain attribute for who reads the weight before the first forward
        setattr(module, name, weight.detach())
        for vector, size in (("_u", rows), ("_v", columns)):
            drawn = weft.randn(size, dtype=weight.dtype, device=weight.device)
            module.register_buffer(name + vector, F.normalize(drawn, dim=0, eps=eps))
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(_Saving(hook))
        module._register_load_state_dict_pre_hook(_Loading(hook))
        return hook

    def remove(self, module: Module) -> None:
        """Make the weight a parameter again, with the value that it has."""
        with weft.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for suffix in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + suffix)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


class _Saving:
    """The hook that writes the version of what is saved, where PyTorch looks for it."""

    def __init__(self, norm: SpectralNorm) -> None:
        self.norm = norm

    def __call__(self, module: Any, state_dict: Any, prefix: str, local_metadata: Any) -> None:
        versions = local_metadata.setdefault("spectral_norm", {})
        versions[self.norm.name + ".version"] = self.norm._version


class _Loading:
    """The hook that makes `NAME_v` for a state_dict from before version 1, which lacks it."""

    def __init__(self, norm: SpectralNorm) -> None:
        self.norm = norm

    def __call__(self, state_dict: Any, prefix: str, local_metadata: Any, *_: Any) -> None:
        name = self.norm.name
        version = local_metadata.get("spectral_norm", {}).get(name + ".version")
        key = prefix + name
        old = all(key + suffix in state_dict for suffix in ("_orig", "", "_u"))
        if (version is not None and version >= 1) or not old:
            return
        with weft.no_grad():
            learned, weight, u = (
                state_dict[key + "_orig"],
                state_dict.pop(key),
                state_dict[key + "_u"],
            )
            matrix = as_matrix(learned, self.norm.dim)
            v = weft.linalg.pinv(matrix) @ u
            # the stretch that had been found: u · (W v), for which the scale of v is free
            state_dict[key + "_v"] = v * ((learned / weight).mean() / weft.dot(u, matrix @ v))


def spectral_norm(
    module: Model,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Model:
    """Divide a weight by its largest singular value, by a hook before forward.

    Args:
        module: the module, which learns `NAME_orig`, keeps the power method's vectors in the
            buffers `NAME_u` and `NAME_v`, and whose NAME is computed before each forward.
        name: the weight.
        n_power_iterations: iterations of the power method at each forward in training.
        eps: what norms are at least.
        dim: the dim of the outputs; 1 for transposed convolutions and 0 for others when None.

    Returns:
        The module.

    Raises:
        RuntimeError: the weight is normalised so already.
        ValueError: `n_power_iterations` is not positive.
        KeyError: there is no such parameter.

    Source: Miyato et al., arXiv:1802.05957; PyTorch's `torch.nn.utils.spectral_norm`.
    `weft.nn.utils.parametrizations.spectral_norm` computes the weight whenever it is read.
    """
    at = stretched_dim(module) if dim is None else dim
    SpectralNorm.apply(module, name, n_power_iterations, at, eps)
    return module


def remove_spectral_norm(module: Model, name: str = "weight") -> Model:
    """Undo `spectral_norm`; the weight keeps its value.

    Raises:
        ValueError: the weight is not normalised so.

    Source: PyTorch's `torch.nn.utils.remove_spectral_norm`.
    """
    hook = found(module, SpectralNorm, name)
    if hook is None:
        raise ValueError(
            f"remove_spectral_norm: {name!r} of {type(module).__name__} is not normalised by "
            f"spectral_norm"
        )
    hook.remove(module)
    remove_hook(module, hook)
    for which, kind in (("_state_dict_hooks", _Saving), ("_load_state_dict_pre_hooks", _Loading)):
        table: Any = getattr(module, which)
        for key in [k for k, held in table.items() if isinstance(held, kind) and held.norm is hook]:
            del table[key]
    return module
