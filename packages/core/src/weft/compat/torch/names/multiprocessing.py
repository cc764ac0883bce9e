"""``torch.multiprocessing``: Python's, which weft's tensors travel through."""

from multiprocessing import *  # noqa: F403 - under torch's name, the whole of it

sharing_strategy = "file_descriptor"


def get_sharing_strategy() -> str:
    """Return how tensors are shared."""
    return sharing_strategy


def set_sharing_strategy(new_strategy: str) -> None:
    """Do nothing: there is one way."""


def get_all_sharing_strategies() -> set[str]:
    """Return the one way there is."""
    return {sharing_strategy}
