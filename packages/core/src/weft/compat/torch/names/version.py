"""``torch.version``: the version of PyTorch whose names are followed, and what it was built for."""

__version__ = "2.13.0+weft"
cuda: str | None = None
hip: str | None = None
xpu: str | None = None
debug = False
git_version = "weft"
