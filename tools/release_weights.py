"""Make a release file of a training run: `python -m tools.release_weights CHECKPOINT FILE`.

The parameters and buffers of the run's model are rounded to float16, whole numbers excepted, and
written as safetensors; size and SHA-256, which an entry of the hub states, are printed. Half the
bytes matter here, since release files come inside the wheel of weft-hub: all of them together stay
below 1.5 MB.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import weft


def release(checkpoint: Path, file: Path) -> tuple[int, str]:
    """Write the model of a checkpoint of `examples/` to a safetensors file.

    Args:
        checkpoint: what `experiment.Run` saved.
        file: where to write.

    Returns:
        The size in bytes and the SHA-256 of what was written.

    Raises:
        ValueError: a value does not fit into float16.
    """
    state = weft.load(checkpoint)["parts"]["model"]
    half = {}
    for name, value in state.items():
        rounded = value.to(weft.float16) if value.dtype.is_floating_point else value
        if value.dtype.is_floating_point and not bool(weft.isfinite(rounded).all()):
            raise ValueError(f"{checkpoint}: {name} has values beyond float16's 65504")
        half[name] = rounded.contiguous()
    weft.io.save_safetensors(half, file)
    content = file.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def main() -> None:
    """Read the command line and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    size, sha256 = release(options.checkpoint, options.file)
    print(f'size = {size}\nsha256 = "{sha256}"')


if __name__ == "__main__":
    main()
