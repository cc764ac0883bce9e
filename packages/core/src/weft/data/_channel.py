"""The two ends of the socket between a loader and one of its workers, and what a message is on it.

The loader's end never waits in the middle of a message: what the socket does not take is kept and
sent while waiting for answers. So a worker that waits until its answer is taken, and a loader that
waits until its request is taken, cannot wait for each other.
"""

from __future__ import annotations

import array
import socket
import struct
import weakref
from typing import Any

#: How long what is said of blocks, and the message, are; how many open files come with it.
_HEADER = struct.Struct("<IQI")
#: How many files the kernel takes at once (SCM_MAX_FD is 253).
_FILES = 200

#: The loader's ends in this process. A forked worker inherits those of all workers before it, and
#: closes them: otherwise it would keep their sockets open when this process is gone.
_ends: weakref.WeakSet[LoaderEnd] = weakref.WeakSet()


def close_inherited() -> None:
    """Close the ends that a forked worker has inherited."""
    for end in list(_ends):
        end.close()


class LoaderEnd:
    """The loader's end."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._out = bytearray()
        self._header = bytearray()
        self._files: list[int] = []
        self._said: Any = None
        self._body: Any = None
        self._got = 0
        _ends.add(self)

    def fileno(self) -> int:
        """Return the socket's number."""
        return self.socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def pending(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._out)

    def post(self, message: bytes) -> None:
        """Send a message, or as much of it as the socket takes, and the rest later."""
        self._out += _HEADER.pack(0, len(message), 0)
        self._out += message
        self.flush()

    def flush(self) -> None:
        """Send as much as the socket takes."""
        while self._out:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                return
            except OSError:  # the worker is gone, which whoever waits for its answer will see
                self._out.clear()
                return
            del self._out[:sent]

    def read(self) -> tuple[Any, Any, list[int]] | None:
        """Return what is said of blocks, a message and its files; None if it has not all come.

        Raises:
            EOFError: nothing more will come.
        """
        while self._body is None:
            if not self._read_header():
                return None
        for part in (self._said, self._body):
            start = 0 if part is self._said else len(self._said)
            while self._got < start + len(part):
                try:
                    count = self.socket.recv_into(memoryview(part)[self._got - start :])
                except BlockingIOError:
                    return None
                except OSError as error:
                    raise EOFError(str(error)) from error
                if not count:
                    raise EOFError("the other end was closed in the middle of a message")
                self._got += count
        found = self._said, self._body, self._files
        self._said = self._body = None
        self._files, self._got = [], 0
        return found

    def _read_header(self) -> bool:
        missing = _HEADER.size - len(self._header)
        try:
            if hasattr(self.socket, "recvmsg"):
                space = socket.CMSG_SPACE(4 * _FILES)
                data, others, _, _ = self.socket.recvmsg(missing, space)
            else:
                data, others = self.socket.recv(missing), []
        except BlockingIOError:
            return False
        except OSError as error:  # reset: the worker died with requests unread
            raise EOFError(str(error)) from error
        if not data:
            raise EOFError("the other end was closed")
        for level, kind, content in others:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
                self._files.extend(numbers)
        self._header += data
        if len(self._header) < _HEADER.size:
            return False
        said, body, _ = _HEADER.unpack(self._header)
        self._header.clear()
        if said or body:  # a header alone brings files
            self._said, self._body = bytearray(said), bytearray(body)
        return True


class WorkerEnd:
    """The worker's end."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._socket = sock

    def receive(self) -> Any:
        """Wait for a message; None if the loader is gone or needs no more."""
        header = self._exactly(_HEADER.size)
        return None if header is None else self._exactly(_HEADER.unpack(header)[1])

    def _exactly(self, size: int) -> Any:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            try:
                count = self._socket.recv_into(view)
            except ConnectionError:
                return None
            if not count:
                return None
            view = view[count:]
        return data

    def send(self, said: bytes, body: Any, files: list[int]) -> bool:
        """Send a message; return whether the other end is still there."""
        try:
            while len(files) > _FILES:
                socket.send_fds(self._socket, [_HEADER.pack(0, 0, _FILES)], files[:_FILES])
                files = files[_FILES:]
            header = _HEADER.pack(len(said), len(body), len(files))
            if files:
                socket.send_fds(self._socket, [header], files)
                self._socket.sendall(said)
                self._socket.sendall(body)
            elif len(body) < 65536:
                self._socket.sendall(b"".join((header, said, body)))
            else:
                self._socket.sendall(header + said)
                self._socket.sendall(body)
        except (BrokenPipeError, ConnectionError):
            return False
        return True
