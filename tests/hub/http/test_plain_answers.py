"""The head of an answer is read strictly: what leaves a doubt is refused, and never guessed at."""

from __future__ import annotations

import http.client
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft_hub._http.plain_answer import Head, read_head

PLAIN = Head(200, 5, None, False)
NO_LENGTH = Head(200, None, None, True)
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5", PLAIN),
        (b"HTTP/1.1 200\r\ncontent-LENGTH:5\r\nX: y", PLAIN),
        (b"HTTP/1.1 200 \r\nContent-Length: \t5 \t", PLAIN),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 5", Head(200, 5, None, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close", Head(200, 5, None, True)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: Keep-Alive", PLAIN),
        (b"HTTP/1.1 200 OK", NO_LENGTH),
        (b"HTTP/1.1 200 OK\r\n" + CHUNKED + b"\r\nContent-Length: 5", NO_LENGTH),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0", Head(302, 0, "/x", False)),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 5", PLAIN),
        (b"HTTP/1.1 200 OK\r\nX-Name: caf\xc3\xa9\r\nContent-Length: 5", PLAIN),
    ],
)  # fmt: skip
def test_a_plain_head_says(head: bytes, said: Head) -> None:
    assert read_head(head) == said


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"200 OK\r\nContent-Length: 5",
        b"HTTP/2 200 OK\r\nContent-Length: 5",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 6",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0x5",
        b"HTTP/1.1 200 OK\r\nContent-Length: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1234567890123456789012",
        b"HTTP/1.1 200 OK\r\nContent-Length : 5",
        b"HTTP/1.1 200 OK\r\n Content-Length: 5",
        b"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\n: no name\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nX: y\rContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    ],
)
def test_a_head_that_leaves_a_doubt_is_refused(head: bytes) -> None:
    assert read_head(head) is None


FIELDS = st.tuples(
    st.sampled_from([b"Content-Length", b"X", b"Connection", b"Content-Type", b"x-content-length"]),
    st.sampled_from([b": ", b":", b" :", b":\t"]),
    st.sampled_from([b"5", b"close", b"", b"a b", b"\xff", b"12 ", b"keep-alive"]),
)


@given(st.lists(FIELDS, max_size=5), st.sampled_from([b"\r\n", b"\n", b"\r\n "]))
@settings(max_examples=300, derandomize=True, deadline=None)
def test_what_is_taken_means_the_same_to_the_standard_library(
    fields: list[tuple[bytes, bytes, bytes]], end: bytes
) -> None:
    head = b"HTTP/1.1 200 OK" + b"".join(end + b"".join(field) for field in fields)
    said = read_head(head)
    if said is None:
        return

    class Given:
        def makefile(self, mode: str) -> io.BytesIO:
            return io.BytesIO(head + b"\r\n\r\n")

    answer = http.client.HTTPResponse(Given())  # type: ignore[arg-type]  # it needs no more of a socket
    answer.begin()
    assert (said.status, said.length) == (answer.status, answer.length)
    assert said.ends >= answer.will_close
