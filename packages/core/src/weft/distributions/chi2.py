"""The chi-squared distribution."""

from __future__ import annotations

from typing import Any

from weft import Tensor
from weft.distributions import constraints
from weft.distributions.gamma import Gamma
from weft.distributions.utils import broadcast_all

__all__ = ["Chi2"]


class Chi2(Gamma):
    r"""Chi-squared distribution: of the sum of squares of so many standard normal numbers.

    It is the gamma distribution of concentration df / 2 and rate 1 / 2.

    Args:
        df: the degrees of freedom, (...) or a number, above 0.
        validate_args: whether parameters and values are checked.

    Example:
        >>> weft.distributions.Chi2(3.0).variance
        tensor(6.)
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Any, validate_args: bool | None = None) -> None:
        (df,) = broadcast_all(df)
        super().__init__(0.5 * df, 0.5, validate_args=validate_args)
        self._check_properties()

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(Chi2, _instance))

    @property
    def df(self) -> Tensor:
        """The degrees of freedom."""
        return self.concentration * 2
