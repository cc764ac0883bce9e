"""One file in pieces over several connections, into a part that survives what breaks.

The first request asks for one range. If the server answers with it, more connections take the
other ranges; if it ignores ranges, the one connection takes everything. Whatever breaks is asked
for again from where it broke, with pauses that grow. The thread that called hashes what has
arrived, tells the progress and watches for connections that bring nothing: a worker that hangs,
wherever it hangs, is left behind and can no longer write.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from weft_hub._files.spans import Span
from weft_hub._http.answer import Answer
from weft_hub._http.client import Client
from weft_hub._http.lease import Cancelled, Lease
from weft_hub._http.pace import Pace
from weft_hub._http.ranges import StartOver, end_of_range, validator_in
from weft_hub._http.waiting import Patience, Retry
from weft_hub.cache._part import Part
from weft_hub.errors import DigestMismatchError, SizeMismatchError, SourceError
from weft_hub.progress import Progress, Stage, Step

PIECE_BYTES = 16 << 20
"""A file is asked for in pieces of at least this; a smaller one over one connection."""
_PIECES_EACH = 4  # pieces for each connection, so that a slow one does not hold up the rest
_LEAST_CHUNK, _FIRST_CHUNK, _MOST_CHUNK = 1 << 10, 1 << 14, 1 << 20
_HASH_AT_ONCE = 8 << 20
_SAVE_EVERY_S = 1.0
_BEAT_S = 0.25
_MOST_STARTS = 3


class Download:
    """Fills `part` from `url`; `run` returns when its digest is right.

    Args:
        client: who asks.
        url: the address.
        part: what is filled; bytes that are there from an earlier try are kept.
        uri: the source as messages and progress name it.
        name: the name of the file.
        progress: called with each step, from the thread that calls `run`.
        authorization: a header for the host of `url`, in place of a kept token.
        plain_http: the user named the host of `url`, so it may be asked without encryption.
    """

    def __init__(
        self,
        client: Client,
        url: str,
        part: Part,
        *,
        uri: str,
        name: str,
        progress: Progress,
        authorization: str | None = None,
        plain_http: bool = False,
    ) -> None:
        self._client = client
        self._url = url
        self._part = part
        self._uri = uri
        self._name = name
        self._progress = progress
        self._authorization = authorization
        self._plain_http = plain_http
        self._patience = Patience(uri, client.options.retries)
        self._pace = Pace(client.options.connections)
        self._changed = threading.Condition()
        # ---- guarded by `_changed`
        self._todo: deque[Span] = deque()
        self._active: set[Lease] = set()
        self._failure: BaseException | None = None
        self._ranges: bool | None = None  # whether the server keeps ranges; None: not known yet

    def run(self) -> None:
        """Fetch what is missing and check everything.

        Raises:
            SourceError: the server cannot give the file.
            SizeMismatchError, DigestMismatchError: it gives another one.
            CacheError: the part cannot be written.
        """
        part = self._part
        starts = 0
        while True:
            try:
                self._gather()
                got = part.digest()
            except StartOver as why:
                starts += 1
                if starts >= _MOST_STARTS:
                    raise SourceError(f"{self._uri}: {why}, again and again") from None
                part.clear()
                self._ranges = False
                continue
            if got == part.sha256:
                break
            if not part.mixed:
                part.discard()
                raise DigestMismatchError(
                    f"{self._name} from {self._uri}", expected=part.sha256, got=got
                )
            # Bytes of an earlier try, perhaps of another source, were kept: they may be at fault.
            part.clear()
        self._tell("verify", part.size)

    # ---- the thread that called

    def _gather(self) -> None:
        """Let workers fetch until nothing is missing."""
        self._failure = None
        self._plan()
        saved = beat = time.monotonic()
        self._tell("download", self._part.spans.total)
        try:
            while True:
                with self._changed:
                    failure, idle = self._failure, not self._active
                if failure is not None:
                    raise failure
                behind = self._part.hash_on(_HASH_AT_ONCE)
                self._part.flush_on()
                # The last worker may still be about to find that the server sends too much.
                if idle and self._part.is_whole and not behind:
                    break
                self._recruit()
                self._watch()
                now = time.monotonic()
                if now - beat >= _BEAT_S:
                    beat = now
                    self._tell("download", self._part.spans.total)
                if now - saved >= _SAVE_EVERY_S:
                    saved = now
                    self._part.save()
                if not behind:
                    with self._changed:
                        if self._failure is None and self._active:
                            self._changed.wait(0.05)
            self._tell("download", self._part.size)
        finally:
            self._stop_all()
            if not self._part.is_whole:  # what is whole is named or thrown away at once
                self._part.save()

    def _plan(self) -> None:
        """Cut what is missing into pieces."""
        size, most = self._part.size, self._client.options.connections
        piece = max(PIECE_BYTES, -(-size // (most * _PIECES_EACH)))
        if self._ranges is False or most == 1 or size <= PIECE_BYTES:
            piece = size
        gaps = [(0, size)] if self._ranges is False else self._part.spans.missing(size)
        pieces = [
            (at, min(at + piece, stop)) for start, stop in gaps for at in range(start, stop, piece)
        ]
        with self._changed:
            self._todo = deque(pieces)

    def _recruit(self) -> None:
        """Start workers: one until the server has shown that it keeps ranges, then what pays."""
        while True:
            with self._changed:
                if self._part.is_whole:
                    return
                if self._failure is not None or (not self._todo and self._active):
                    return
                count = len(self._active)
                first = count == 0
                if not first and (self._ranges is not True or count >= self._worth()):
                    return
            if not self._client.slots.acquire(blocking=first, timeout=0.2 if first else None):
                return  # the other files have them all
            with self._changed:
                if not self._todo:
                    # No worker and no failure, but bytes are missing: a server gave less than a
                    # whole piece. What is missing is planned again.
                    self._todo.extend(self._part.spans.missing(self._part.size))
                if not self._todo:
                    self._client.slots.release()
                    return
                lease = Lease(self._todo.popleft())
                self._active.add(lease)
            threading.Thread(target=self._work, args=(lease,), daemon=True).start()

    def _worth(self) -> int:
        return self._pace.connections(self._part.spans.total, time.monotonic())

    def _watch(self) -> None:
        """Leave workers behind that bring nothing: in a lookup, in headers, or drop by drop."""
        options = self._client.options
        limit = options.connect_timeout_s + options.stall_timeout_s
        now = time.monotonic()
        with self._changed:
            stuck = [lease for lease in self._active if now - lease.touched > limit]
        for lease in stuck:
            if self._part.is_whole:
                return self._stop_all()
            self._patience.wait_s(Retry(f"a connection brought nothing for {limit:g} s"))
            lease.cancel()
            with self._changed:
                if lease in self._active:
                    self._retire(lease)
                    if lease.at < lease.stop:
                        self._todo.appendleft((lease.at, lease.stop))

    def _stop_all(self) -> None:
        with self._changed:
            leases = list(self._active)
        for lease in leases:
            lease.cancel()
        with self._changed:
            for lease in leases:
                self._retire(lease)
            self._todo.clear()

    def _retire(self, lease: Lease) -> None:
        """Strike a worker off; `_changed` is held."""
        self._active.discard(lease)
        if lease.has_slot:
            lease.has_slot = False
            self._client.slots.release()
        self._changed.notify_all()

    def _tell(self, stage: Stage, done: int) -> None:
        self._progress(Step(stage, self._name, done, self._part.size, self._uri))

    # ---- the workers' threads

    def _work(self, lease: Lease) -> None:
        try:
            while True:
                self._fetch(lease)
                with self._changed:
                    if lease.cancelled.is_set() or self._failure is not None or not self._todo:
                        return
                    lease.at, lease.stop = self._todo.popleft()
        except Cancelled:
            pass
        except BaseException as error:
            self._fail(lease, error)
        finally:
            with self._changed:
                self._retire(lease)

    def _fail(self, lease: Lease, error: BaseException) -> None:
        with self._changed:
            if self._failure is None and not lease.cancelled.is_set():
                self._failure = error

    def _fetch(self, lease: Lease) -> None:
        """Fetch the range of `lease`, and try again as long as that makes sense."""
        while lease.at < lease.stop:
            lease.touched = time.monotonic()
            try:
                self._attempt(lease)
            except Retry as retry:
                if lease.cancelled.is_set():
                    raise Cancelled from retry
                wait = self._patience.wait_s(retry, lease)
                lease.touched = time.monotonic() + wait
                if lease.cancelled.wait(wait):
                    raise Cancelled from retry

    def _attempt(self, lease: Lease) -> None:
        part = self._part
        whole = (lease.at == 0 and lease.stop == part.size) or self._ranges is False
        if whole and lease.at > 0:  # without ranges a broken transfer starts from the beginning
            part.clear()
            lease.at = 0
        headers = {} if whole else {"Range": f"bytes={lease.at}-{lease.stop - 1}"}
        if not whole and part.validator and part.source == self._url:
            headers["If-Range"] = part.validator
        with self._client.get(
            self._url,
            what=self._uri,
            headers=headers,
            authorization=self._authorization,
            plain_http=self._plain_http,
        ) as answer:
            lease.answer = answer
            lease.touched = time.monotonic()
            try:
                if answer.status == 200:
                    stop = self._take_whole(lease, answer, asked_whole=whole)
                else:
                    stop = self._take_range(lease, answer, asked_whole=whole)
                self._copy(lease, answer, stop)
            finally:
                lease.answer = None

    def _take_whole(self, lease: Lease, answer: Answer, *, asked_whole: bool) -> int:
        """Prepare `lease` for a whole file, asked for or not, and return where it ends."""
        size = self._part.size
        if answer.length is not None and answer.length != size:
            raise SizeMismatchError(self._what, expected=size, got=answer.length)
        if not asked_whole:
            with self._changed:
                if len(self._active) > 1:
                    raise StartOver("the server keeps ranges for some requests and not for others")
                self._todo.clear()
                self._ranges = False
                self._part.clear()
                lease.at, lease.stop = 0, size
        self._part.remember(self._url, validator_in(answer.headers))
        return size

    def _take_range(self, lease: Lease, answer: Answer, *, asked_whole: bool) -> int:
        """Check that a range is the one that was asked for, and return where it ends."""
        asked = None if asked_whole else (lease.at, lease.stop)
        stop = end_of_range(answer, asked, self._part.size, self._what)
        validator = validator_in(answer.headers)
        if self._part.source == self._url and self._part.validator not in (None, validator):
            raise StartOver("the file changed at the server")
        self._part.remember(self._url, validator)
        with self._changed:
            if self._ranges is None:
                self._ranges = True
                self._changed.notify_all()
        return stop

    def _copy(self, lease: Lease, answer: Answer, stop: int) -> None:
        chunk = _FIRST_CHUNK
        while lease.at < stop:
            began = time.monotonic()
            memory = lease.memory(min(chunk, stop - lease.at))
            count = answer.read_into(memory)
            if not count:
                raise Retry(f"the connection ended at byte {lease.at} of {self._part.size}")
            lease.write(self._part, memory[:count])
            self._patience.got(count)
            took = time.monotonic() - began
            # Large reads are fast, small ones notice early that a connection only drips.
            if took < 0.02:
                chunk = min(2 * chunk, _MOST_CHUNK)
            elif took > 0.5:
                chunk = max(chunk // 4, _LEAST_CHUNK)
            if self._part.is_whole or self._part.can_hash(_HASH_AT_ONCE):
                with self._changed:
                    self._changed.notify_all()
        if answer.length is None and self._goes_on(answer):
            got = self._part.size + 1
            raise SizeMismatchError(self._what, expected=self._part.size, got=got, at_least=True)

    def _goes_on(self, answer: Answer) -> bool:
        try:
            return bool(answer.read(1))
        except Retry:  # it does not say where the file ends; the digest will say whether it did
            return False

    @property
    def _what(self) -> str:
        return f"{self._name} from {self._uri}"
