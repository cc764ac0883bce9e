"""Small files asked for by a thread of its own, which is left behind if it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from weft_hub._http import Client
from weft_hub._http.wanted import Wanted
from weft_hub.errors import HubError

if TYPE_CHECKING:
    from weft_hub._http.express import Express

_BEAT_S = 0.25


class Watched:
    """Asks for `wanted`, which are all at one origin; see `Express`.

    Args:
        client: whose options, tokens and slots are used.
        wanted: the files.
        got: called with the key and the bytes of each file that comes, by another thread; it
            returns whether they are right.
        asked: called with the key of each file that is asked for, by another thread.
        plain_http: the user named this host, so it may be asked without encryption.
    """

    def __init__(
        self,
        client: Client,
        wanted: Sequence[Wanted],
        *,
        got: Callable[[Any, bytes], bool],
        asked: Callable[[Any], None] = lambda _: None,
        plain_http: bool,
    ) -> None:
        self._client = client
        self._wanted = wanted
        self._plain_http = plain_http
        self._got, self._asked = got, asked
        self._failure: BaseException | None = None
        self._left = False
        self._at_work = threading.Lock()

    def run(self) -> dict[Any, Wanted]:
        """Ask until all has come that comes without trouble; then nothing is called any more.

        Returns:
            What is at another origin, by its key.

        Raises:
            BaseException: what `got` or `asked` raised, but for a HubError: who asks with all
                rules meets that again, and says it.
        """
        from weft_hub._http.express import Express  # loads what opens sockets

        express = Express(
            self._client, self._wanted, asked=self._ask, got=self._take, plain_http=self._plain_http
        )
        thread = threading.Thread(target=self._get, args=(express,), daemon=True)
        options = self._client.options
        limit = options.connect_timeout_s + options.stall_timeout_s
        try:
            thread.start()
            while thread.is_alive() and time.monotonic() - express.touched < limit:
                thread.join(_BEAT_S)
        finally:
            with self._at_work:
                self._left = True
            express.stop()
        if self._failure is not None:
            raise self._failure
        return {one.key: one for one in list(express.moved)}

    # ---- its thread

    def _get(self, express: Express) -> None:
        try:
            express.run()
        except HubError:
            pass
        except BaseException as error:
            self._failure = self._failure or error

    def _ask(self, key: Any) -> None:
        with self._at_work:
            if not self._left:
                self._asked(key)

    def _take(self, key: Any, content: bytes) -> bool:
        with self._at_work:
            return not self._left and self._got(key, content)
