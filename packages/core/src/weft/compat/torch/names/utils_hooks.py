"""``torch.utils.hooks``: the handle by which a hook is removed."""

from weft._core.hooks import RemovableHandle

__all__ = ["RemovableHandle"]
