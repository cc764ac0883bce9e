"""Distribution: the base of all, with shapes, checks and what each may offer."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, NoReturn, Self

import weft
from weft import Size, Tensor
from weft.distributions._checking import check_constraint, check_value_shape
from weft.distributions.constraints import is_dependent
from weft.distributions.utils import whole_shape

__all__ = ["Distribution"]


class _Lacking:
    """An attribute that each distribution must define itself."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        raise NotImplementedError(f"{type(instance).__name__} has no {self.name}")


class Distribution:
    """Base of probability distributions.

    A draw has the shape `sample_shape + batch_shape + event_shape`: `sample_shape` is asked of
    `sample`, `batch_shape` counts independent distributions with parameters of their own, and
    `event_shape` is the shape of one draw from one of them.

    Args:
        batch_shape: the shape of the parameters.
        event_shape: the shape of one draw.
        validate_args: whether parameters and values are checked; by default as
            `set_default_validate_args` said.

    Raises:
        ValueError: a parameter does not satisfy its constraint.

    Attributes:
        arg_constraints: the constraint of each parameter, by name.
        support: the constraint that draws satisfy.
        has_rsample: whether draws are differentiable by the parameters.
        has_enumerate_support: whether `enumerate_support` lists all values.

    Source: the class has the names and meanings of PyTorch's `torch.distributions`.
    """

    has_rsample: Any = False
    has_enumerate_support: Any = False
    arg_constraints: Any = _Lacking("arg_constraints")
    support: Any = _Lacking("support")
    _validate_args: bool = __debug__
    #: What a subclass needs to be made anew of, by the names of its attributes.
    _expanded: ClassVar[tuple[str, ...]] = ()

    @staticmethod
    def set_default_validate_args(value: bool) -> None:
        """Say whether distributions check their arguments unless they are told.

        Args:
            value: True, the default, or False. Python's `-O` makes it False.

        Raises:
            ValueError: it is neither.
        """
        if value not in (True, False):
            raise ValueError(f"set_default_validate_args: expected True or False, got {value!r}")
        Distribution._validate_args = value

    def __init__(
        self, batch_shape: Any = (), event_shape: Any = (), validate_args: bool | None = None
    ) -> None:
        self._batch_shape = Size(batch_shape)
        self._event_shape = Size(event_shape)
        if validate_args is not None:
            self._validate_args = validate_args
        if not self._validate_args:
            return
        try:
            constraints = self.arg_constraints
        except NotImplementedError:
            warnings.warn(
                f"{type(self).__name__} has no arg_constraints, so that its parameters are not "
                f"checked; define them, or pass validate_args=False",
                stacklevel=3,
            )
            return
        for name, constraint in constraints.items():
            if is_dependent(constraint) or name not in self.__dict__:
                continue  # what is not in the dict is computed of what is
            check_constraint(type(self).__name__, name, getattr(self, name), constraint)

    def _check_properties(self, only: Any = None) -> None:
        """Check parameters that are properties: those of what a distribution is made of.

        Args:
            only: names of which to check; all if None.
        """
        if not self._validate_args:
            return
        for name, constraint in self.arg_constraints.items():
            if only is None or name in only:
                check_constraint(type(self).__name__, name, getattr(self, name), constraint)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Self:
        """Return the same distribution for a larger batch; the parameters are views.

        Args:
            batch_shape: the new batch shape, to which the old one must broadcast.
            _instance: for subclasses: the instance to fill.

        Returns:
            Distribution: of the same class.
        """
        owner = next((c for c in type(self).__mro__ if "_expanded" in vars(c)), Distribution)
        if owner is Distribution:
            self._lacks("expand")
        new = self._get_checked_instance(owner, _instance)
        shape = Size(batch_shape)
        for name in self._expanded:
            if name in self.__dict__:
                setattr(new, name, getattr(self, name).expand(tuple(shape)))
        return self._finished(new, shape, self.event_shape)

    def _finished(self, new: Any, batch_shape: Any, event_shape: Any) -> Any:
        """Give an instance that `expand` fills its shapes and this one's way of checking."""
        Distribution.__init__(new, batch_shape, event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def batch_shape(self) -> Size:
        """The shape of the parameters: how many independent distributions there are."""
        return self._batch_shape

    @property
    def event_shape(self) -> Size:
        """The shape of one draw, which is not made of independent parts."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The mean, of shape `batch_shape + event_shape`."""
        self._lacks("mean")

    @property
    def mode(self) -> Tensor:
        """The value of the largest density or probability."""
        self._lacks("mode")

    @property
    def variance(self) -> Tensor:
        """The variance, of shape `batch_shape + event_shape`."""
        self._lacks("variance")

    @property
    def stddev(self) -> Tensor:
        """The standard deviation: the root of the variance."""
        return self.variance.sqrt()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draw, without gradient.

        Args:
            sample_shape: how many, as a shape.

        Returns:
            Tensor: `sample_shape + batch_shape + event_shape`.
        """
        with weft.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draw so that gradients flow to the parameters.

        Args:
            sample_shape: how many, as a shape.

        Returns:
            Tensor: `sample_shape + batch_shape + event_shape`.

        Raises:
            NotImplementedError: `has_rsample` is False.
        """
        self._lacks("rsample")

    def sample_n(self, n: int) -> Tensor:
        """Draw n times; an old name of `sample((n,))`."""
        warnings.warn(
            "sample_n is deprecated: call sample((n,)) instead", FutureWarning, stacklevel=2
        )
        return self.sample(Size((n,)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density, or of the probability, at values.

        Args:
            value: broadcasts with `batch_shape + event_shape`.

        Returns:
            Tensor: the common shape, less the event's.

        Raises:
            ValueError: a value is not in the support, and arguments are checked.
        """
        self._lacks("log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of drawing at most each value.

        Args:
            value: broadcasts with `batch_shape`.
        """
        self._lacks("cdf")

    def icdf(self, value: Tensor) -> Tensor:
        """Return the quantiles: the inverse of `cdf`.

        Args:
            value: probabilities, in [0, 1]; broadcasts with `batch_shape`.
        """
        self._lacks("icdf")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return all values of a discrete distribution along a new first dim.

        Args:
            expand: whether they are repeated over the batch; else its dims have length 1.

        Returns:
            Tensor: `(values,) + batch_shape + event_shape`.

        Raises:
            NotImplementedError: `has_enumerate_support` is False.
        """
        self._lacks("enumerate_support")

    def entropy(self) -> Tensor:
        """Return the entropy in nats, of shape `batch_shape`."""
        self._lacks("entropy")

    def perplexity(self) -> Tensor:
        """Return the exponential of the entropy, of shape `batch_shape`."""
        return weft.exp(self.entropy())

    def _extended_shape(self, sample_shape: Any = ()) -> Size:
        """Return the shape of draws. A sample shape is often given as one number's tuple."""
        return whole_shape(sample_shape, self._batch_shape, self._event_shape)

    def _validate_sample(self, value: Tensor) -> None:
        """Raise unless a value has a draw's shape and is in the support."""
        who = type(self).__name__
        check_value_shape(who, value, self._batch_shape, self._event_shape)
        try:
            support = self.support
        except NotImplementedError:
            warnings.warn(
                f"{who} has no support, so that values are not checked; define it, or pass "
                f"validate_args=False",
                stacklevel=3,
            )
            return
        check_constraint(who, "value", value, support)

    def _get_checked_instance(self, cls: Any, _instance: Any = None) -> Any:
        """Return an empty instance for `expand`.

        Raises:
            NotImplementedError: a subclass with arguments of its own inherits `expand`.
        """
        if _instance is None and type(self).__init__ is not cls.__init__:
            raise NotImplementedError(
                f"{type(self).__name__} has an __init__ of its own and so needs an expand of its "
                f"own"
            )
        return type(self).__new__(type(self)) if _instance is None else _instance

    def _lacks(self, what: str) -> NoReturn:
        raise NotImplementedError(f"{type(self).__name__} has no {what}")

    def __repr__(self) -> str:
        names = [name for name in self.arg_constraints if name in self.__dict__]
        told = []
        for name in names:
            value = self.__dict__[name]
            told.append(f"{name}: {value if value.numel() == 1 else value.shape}")
        return f"{type(self).__name__}({', '.join(told)})"
