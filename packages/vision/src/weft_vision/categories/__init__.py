"""Names of the classes that models were trained on, read from data files on first use."""

from weft_vision.categories._imagenet import imagenet_1k, imagenet_1k_synonyms

__all__ = ["imagenet_1k", "imagenet_1k_synonyms"]
