"""One client of the fault run: a download in a process of its own, which tells how it ended."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from multiprocessing.connection import Connection

PIECE = 32_768


def client(
    settings: Mapping[str, str], cache: str, index: str, most_bytes: int | None, told: Connection
) -> None:
    """Download `a/line` and tell what came of it; runs in a process of its own."""
    import weft_hub
    from weft_hub._http import download, waiting

    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ.update(settings)
    waiting.FIRST_WAIT_S = 0.005
    download.PIECE_BYTES = PIECE
    if most_bytes is not None:
        import resource
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    try:
        hub = weft_hub.Hub(cache=cache, index=index, offline=False)
        files = hub.download("a/line", progress=False).files
        content = b"".join(files[name].read_bytes() for name in sorted(files))
        told.send(("whole", hashlib.sha256(content).hexdigest()))
    except weft_hub.HubError as error:
        told.send((type(error).__name__, str(error)))
    except BaseException as error:
        told.send(("crash", f"{type(error).__name__}: {error}"))
