"""What every way of pruning shares: masks, hooks before forward, several ways for one tensor."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, TypeVar

import weft
from weft import Tensor
from weft._core.errors import ShapeError, did_you_mean
from weft.nn.module import Module
from weft.nn.utils._own_hooks import hooks_of, remove_hook

Self = TypeVar("Self", bound="BasePruningMethod")


class BasePruningMethod(ABC):
    """What every way of pruning shares: the mask, the hook before forward, putting it on and off.

    A subclass says its `PRUNING_TYPE` and writes `compute_mask`.

    Attributes:
        PRUNING_TYPE: "unstructured" chooses among the elements that are left; "structured" among
            the channels of `dim` that are left; "global" among all.

    Source: PyTorch's `torch.nn.utils.prune.BasePruningMethod`.
    """

    PRUNING_TYPE: ClassVar[str]
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The new mask.

        Args:
            t: the importance of each element.
            default_mask: the mask so far, of the same shape; what it leaves out stays out.
        """

    def apply_mask(self, module: Module) -> Tensor:
        """The pruned tensor: what is learned, times the mask."""
        name = self._tensor_name
        mask, learned = getattr(module, name + "_mask"), getattr(module, name + "_orig")
        return learned * mask.to(learned.dtype)

    @classmethod
    def apply(
        cls: type[Self],
        module: Module,
        name: str,
        *args: Any,
        importance_scores: Tensor | None = None,
        **kwargs: Any,
    ) -> BasePruningMethod:
        """Prune a parameter, further if it is pruned already.

        The module learns `NAME_orig` then, has the buffer `NAME_mask`, and computes NAME before
        each forward.

        Args:
            module: the module.
            name: the parameter.
            args: for the constructor of this class.
            importance_scores: the importance of each element; its value when None.
            kwargs: for the constructor of this class.

        Returns:
            The hook; a `PruningContainer` where it is pruned further.

        Raises:
            ValueError: there is no such parameter.
            weft.ShapeError: the scores have another shape than the parameter.
        """
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        old = list(hooks_of(module, BasePruningMethod, name))
        if not old and module._parameters.get(name) is None:
            raise ValueError(
                f"{cls.__name__}: {type(module).__name__} has no parameter "
                f"{name!r}{did_you_mean(name, module._parameters)}"
            )
        value = getattr(module, name)
        scores = value if importance_scores is None else importance_scores
        if tuple(scores.shape) != tuple(value.shape):
            raise ShapeError(
                f"{cls.__name__}: importance_scores must have the shape {tuple(value.shape)} of "
                f"{name!r} of {type(module).__name__}, got {tuple(scores.shape)}"
            )
        if old:
            last = old[-1]
            container = last if isinstance(last, PruningContainer) else PruningContainer(last)
            container.add_pruning_method(method)
            method = container
            default = getattr(module, name + "_mask").detach().clone()
        else:
            default = weft.ones_like(value.detach())
        with weft.no_grad():  # before anything is changed: it may raise
            mask = method.compute_mask(scores.detach(), default_mask=default)
        for hook in old:
            remove_hook(module, hook)
        if not old:
            delattr(module, name)
            module.register_parameter(name + "_orig", value)
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self,
        t: Tensor,
        default_mask: Tensor | None = None,
        importance_scores: Tensor | None = None,
    ) -> Tensor:
        """The pruned form of a tensor that belongs to no module.

        Args:
            t: the tensor.
            default_mask: the mask so far; all ones when None.
            importance_scores: the importance of each element; its value when None.
        """
        scores = t if importance_scores is None else importance_scores
        if tuple(scores.shape) != tuple(t.shape):
            raise ShapeError(
                f"prune: importance_scores must have the tensor's shape {tuple(t.shape)}, got "
                f"{tuple(scores.shape)}"
            )
        default = weft.ones_like(t.detach()) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=default)

    def remove(self, module: Module) -> None:
        """Make the parameter a plain one again, with the zeros that it has."""
        name = self._tensor_name
        pruned = self.apply_mask(module).detach()
        if name in module.__dict__:
            delattr(module, name)
        learned = module._parameters[name + "_orig"]
        assert learned is not None  # for `apply` put it there
        learned.data = pruned
        delattr(module, name + "_orig")
        delattr(module, name + "_mask")
        setattr(module, name, learned)


class PruningContainer(BasePruningMethod):
    """Ways of pruning one tensor, one after the other; each chooses among what those before left.

    Args:
        args: the ways; one by one, or one iterable of them.

    Raises:
        TypeError: one is no `BasePruningMethod`.
        ValueError: they prune tensors of several names.
    """

    PRUNING_TYPE = "container"

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        methods = args
        if len(args) == 1 and isinstance(args[0], Iterable):
            methods = tuple(args[0])
        for i, method in enumerate(methods):
            if i == 0 and isinstance(method, BasePruningMethod):
                self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a way at the end."""
        if not isinstance(method, BasePruningMethod):
            raise TypeError(
                f"PruningContainer expects a BasePruningMethod, got {type(method).__name__}"
            )
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"PruningContainer prunes {self._tensor_name!r}, got a method for "
                f"{method._tensor_name!r}"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask after the last way, which chooses among what is left."""
        method = self._pruning_methods[-1]
        new = default_mask.to(t.dtype).clone()
        if method.PRUNING_TYPE == "unstructured":
            chosen: Any = new == 1
        elif method.PRUNING_TYPE == "structured":
            dim = dim_of(method, t)
            others = [d for d in range(t.ndim) if d != dim]
            left = new.sum(others) != 0
            chosen = (*(slice(None),) * dim, left)
        elif method.PRUNING_TYPE == "global":
            chosen = (slice(None),) * t.ndim
        else:
            raise ValueError(
                f"{type(method).__name__}: PRUNING_TYPE must be unstructured, structured or "
                f"global, got {method.PRUNING_TYPE!r}"
            )
        new[chosen] = method.compute_mask(t[chosen], default_mask=new[chosen]).to(new.dtype)
        return new


def dim_of(method: Any, t: Tensor) -> int:
    """The dim of a method's channels, from 0."""
    dim: int = method.dim
    if not -t.ndim <= dim < t.ndim:
        raise IndexError(
            f"{type(method).__name__}: dim must be in [{-t.ndim}, {t.ndim - 1}] for shape "
            f"{tuple(t.shape)}, got {dim}"
        )
    return dim % t.ndim
