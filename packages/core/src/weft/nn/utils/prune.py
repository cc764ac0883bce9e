"""Pruning: parameters of which some elements or channels are left out, by a mask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import weft
from weft import Tensor
from weft.nn.module import Module
from weft.nn.utils._own_hooks import found, pre_hooks, remove_hook
from weft.nn.utils._pruning import BasePruningMethod, PruningContainer
from weft.nn.utils._pruning_methods import (
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    RandomStructured,
    RandomUnstructured,
)
from weft.nn.utils.convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]

Model = TypeVar("Model", bound=Module)


def identity(module: Model, name: str) -> Model:
    """Prune nothing: the parameter is computed from `NAME_orig` and a mask of ones.

    Args:
        module: the module.
        name: the parameter.

    Returns:
        The module.

    Source: PyTorch's `torch.nn.utils.prune.identity`.
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Model, name: str, amount: float) -> Model:
    """Leave out elements of a parameter at random.

    Args:
        module: the module, which learns `NAME_orig` then, has the buffer `NAME_mask` and computes
            NAME before each forward. A parameter that is pruned already is pruned further, of what
            is left.
        name: the parameter.
        amount: an int, how many; or a float in [0, 1], which share.

    Returns:
        The module.

    Raises:
        ValueError: there is no such parameter; or the amount is negative, or more than there is.
        TypeError: the amount is no number.

    Source: PyTorch's `torch.nn.utils.prune.random_unstructured`.

    Example:
        >>> layer = weft.nn.utils.prune.random_unstructured(
        ...     weft.nn.Linear(2, 3), "weight", amount=1
        ... )
        >>> layer.weight_mask.sum()
        tensor(5.)
    """
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: Model, name: str, amount: float, importance_scores: Tensor | None = None
) -> Model:
    """Leave out the elements of a parameter of least magnitude.

    Args:
        module, name, amount: as for `random_unstructured`.
        importance_scores: what is compared instead of the magnitudes' values, of the parameter's
            shape.

    Returns:
        The module.

    Raises:
        ValueError: there is no such parameter; or the amount is negative, or more than there is.
        TypeError: the amount is no number.
        weft.ShapeError: the scores have another shape.

    Source: PyTorch's `torch.nn.utils.prune.l1_unstructured`.
    """
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Model, name: str, amount: float, dim: int) -> Model:
    """Leave out whole channels of a parameter at random.

    Args:
        module, name: as for `random_unstructured`.
        amount: an int, how many channels; or a float in [0, 1], which share of them.
        dim: the dim of the channels.

    Returns:
        The module.

    Raises:
        ValueError: as for `random_unstructured`; or the parameter has one dim.
        IndexError: the dim is out of range.

    Source: PyTorch's `torch.nn.utils.prune.random_structured`.
    """
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Model,
    name: str,
    amount: float,
    n: Any,
    dim: int,
    importance_scores: Tensor | None = None,
) -> Model:
    """Leave out the channels of a parameter of least norm.

    Args:
        module, name, amount, dim: as for `random_structured`.
        n: the order of the norm: a number, or "fro" or "nuc".
        importance_scores: what the norms are of instead of the values, of the parameter's shape.

    Returns:
        The module.

    Raises:
        ValueError, IndexError: as for `random_structured`.
        weft.ShapeError: the scores have another shape.

    Source: PyTorch's `torch.nn.utils.prune.ln_structured`.
    """
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Model, name: str, mask: Tensor) -> Model:
    """Leave out the elements of a parameter for which a mask is zero.

    Args:
        module, name: as for `random_unstructured`.
        mask: ones and zeros, or bool, of the parameter's shape.

    Returns:
        The module.

    Raises:
        weft.ShapeError: the mask has another shape.

    Source: PyTorch's `torch.nn.utils.prune.custom_from_mask`.
    """
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: Mapping[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters as if they were one, so that each loses what it deserves.

    Args:
        parameters: pairs of a module and the name of its parameter.
        pruning_method: a class of methods that choose among elements, such as `L1Unstructured`.
        importance_scores: for some pairs the importance of each element, instead of its value.
        kwargs: for the constructor of the method, such as `amount`.

    Raises:
        TypeError: the parameters are no pairs, the scores no dict, or the method does not choose
            among elements.
        weft.ShapeError: scores have another shape than their parameter.

    Source: PyTorch's `torch.nn.utils.prune.global_unstructured`.

    Example:
        >>> prune = weft.nn.utils.prune
        >>> net = weft.nn.Sequential(weft.nn.Linear(4, 4), weft.nn.Linear(4, 2))
        >>> pairs = [(net[0], "weight"), (net[1], "weight")]
        >>> prune.global_unstructured(pairs, prune.L1Unstructured, amount=12)
        >>> int(net[0].weight_mask.sum() + net[1].weight_mask.sum())
        12
    """
    who = "global_unstructured"
    if not isinstance(parameters, Iterable):
        raise TypeError(
            f"{who} expects pairs of a module and a name, got {type(parameters).__name__}"
        )
    given = {} if importance_scores is None else importance_scores
    if not isinstance(given, Mapping):
        raise TypeError(f"{who}: importance_scores must be a dict, got {type(given).__name__}")
    if pruning_method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            f"{who}: pruning_method must choose among elements, but {pruning_method.__name__} is "
            f"{pruning_method.PRUNING_TYPE}"
        )
    pairs = list(parameters)
    values = [getattr(module, name).detach() for module, name in pairs]
    scores = [given.get(pair, value) for pair, value in zip(pairs, values, strict=True)]
    for (module, name), value, score in zip(pairs, values, scores, strict=True):
        if tuple(score.shape) != tuple(value.shape):
            raise weft.ShapeError(
                f"{who}: importance_scores of {name!r} of {type(module).__name__} must have its "
                f"shape {tuple(value.shape)}, got {tuple(score.shape)}"
            )
    masks = [
        getattr(module, name + "_mask", weft.ones_like(value))
        for (module, name), value in zip(pairs, values, strict=True)
    ]
    method = pruning_method(**kwargs)
    method._tensor_name = "all"
    with weft.no_grad():
        mask = PruningContainer(method).compute_mask(
            parameters_to_vector([score.detach() for score in scores]), parameters_to_vector(masks)
        )
    begin = 0
    for (module, name), value in zip(pairs, values, strict=True):
        own = mask[begin : begin + value.numel()].reshape(value.shape)
        begin += value.numel()
        custom_from_mask(module, name, own)


def remove(module: Model, name: str) -> Model:
    """Make a pruned parameter a plain one, with the zeros that it has; nothing is undone.

    Args:
        module: the module, which loses `NAME_orig`, `NAME_mask` and the hook.
        name: the parameter.

    Returns:
        The module.

    Raises:
        ValueError: it is not pruned.

    Source: PyTorch's `torch.nn.utils.prune.remove`.
    """
    hook = found(module, BasePruningMethod, name)
    if hook is None:
        raise ValueError(f"prune.remove: {name!r} of {type(module).__name__} is not pruned")
    hook.remove(module)
    remove_hook(module, hook)
    return module


def is_pruned(module: Module) -> bool:
    """Whether a parameter of a module, or of one below it, is pruned.

    Source: PyTorch's `torch.nn.utils.prune.is_pruned`.

    Example:
        >>> layer = weft.nn.Linear(2, 3)
        >>> weft.nn.utils.prune.is_pruned(layer)
        False
    """
    return any(
        isinstance(hook, BasePruningMethod)
        for each in module.modules()
        for hook in pre_hooks(each).values()
    )
