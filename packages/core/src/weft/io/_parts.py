"""The states of a training run's parts and of random generators, as plain values and arrays."""

from __future__ import annotations

import copy
import random
from typing import Any

import weft
from weft._backend import np


def state_of(who: str, name: str, part: Any) -> Any:
    """Return the state of a part.

    Raises:
        TypeError: it has none.
    """
    if hasattr(part, "state_dict") and hasattr(part, "load_state_dict"):
        return part.state_dict()
    if isinstance(part, weft.Generator):
        return part.get_state()
    if isinstance(part, np.random.Generator):
        return part.bit_generator.state
    if isinstance(part, np.random.RandomState):
        return part.get_state(legacy=False)
    if isinstance(part, random.Random):
        return _python_state(part.getstate())
    raise TypeError(
        f"{who}: a part must have state_dict and load_state_dict, or be a random generator, but "
        f"{name} is {type(part).__name__}; plain values go into extra="
    )


def set_state(who: str, name: str, part: Any, state: Any) -> None:
    """Give a part the state that `state_of` returned.

    Raises:
        TypeError: it can have none.
    """
    if hasattr(part, "state_dict") and hasattr(part, "load_state_dict"):
        # A module copies; what keeps tensors as they are gets its own, apart from the mapped file.
        part.load_state_dict(state if hasattr(part, "named_parameters") else owned(state))
    elif isinstance(part, weft.Generator):
        part.set_state(state)
    elif isinstance(part, np.random.Generator):
        part.bit_generator.state = state
    elif isinstance(part, np.random.RandomState):
        part.set_state(state)
    elif isinstance(part, random.Random):
        part.setstate(_python_tuple(state))
    else:
        state_of(who, name, part)  # which says what is wrong


def owned(value: Any) -> Any:
    """Return a state with tensors in memory of their own, those of one memory still of one."""
    return copy.deepcopy(value)


def random_state() -> dict[str, Any]:
    """Return the state of the global generators: weft's, NumPy's and Python's."""
    return {
        "weft": weft.get_rng_state(),
        "numpy": np.random.get_state(legacy=False),
        "python": _python_state(random.getstate()),
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Give the global generators the state that `random_state` returned."""
    weft.set_rng_state(state["weft"])
    np.random.set_state(state["numpy"])
    random.setstate(_python_tuple(state["python"]))


def _python_state(state: tuple[Any, ...]) -> dict[str, Any]:
    """Return the state of Python's generator: 624 words and a place in them, in one array."""
    version, words, gauss = state
    return {"version": version, "words": np.array(words, np.uint32), "gauss": gauss}


def _python_tuple(state: dict[str, Any]) -> tuple[Any, ...]:
    return state["version"], tuple(state["words"].tolist()), state["gauss"]
