"""What stands for names that weft has nothing for: importing them works, calling them says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn


def refusal(sentence: str, error: type[Exception] = NotImplementedError) -> Callable[..., NoReturn]:
    """Return a function that takes anything and raises ``error`` with the sentence."""

    def refuse(*args: Any, **settings: Any) -> NoReturn:
        raise error(sentence)

    return refuse


class Refused:
    """A class for annotations and ``isinstance`` alone: making one raises its sentence."""

    module: ClassVar[str]
    sentence: ClassVar[str]

    def __init__(self, *args: Any, **settings: Any) -> None:
        raise NotImplementedError(f"{self.module}.{type(self).__name__}: {self.sentence}")
