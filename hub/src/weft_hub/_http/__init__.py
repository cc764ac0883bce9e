"""The hub over HTTP: one client with its rules, and downloads in pieces that survive what breaks.

options.py    how the network is used, read from the environment
addresses.py  which addresses may be asked, and where a redirect may lead
tokens.py     a token for each host, in a file that only its owner can read
waiting.py    what is tried again, when, and when to give up
session.py    one request by way of requests, and its failures in our words
causes.py     what lies at the bottom of an error of a library
answer.py     what a server answered: its status, its length, its bytes
client.py     redirects, tokens, and small documents
lease.py      the range that one worker fetches
ranges.py     what an answer says about a range
pace.py       how fast a download goes, and so how many connections it is worth
download.py   one large file in pieces over several connections
express.py    many small files by one thread, as long as all goes well; loaded when it is needed
wanted.py     one of them
lane.py       one connection for them
route.py      how a host is reached: directly, by a proxy, over TLS
plain_answer.py  the head of an answer, read strictly and fast
"""

from __future__ import annotations

from weft_hub._http.answer import Document
from weft_hub._http.client import Client
from weft_hub._http.download import Download
from weft_hub._http.options import Options

__all__ = ["Client", "Document", "Download", "Options"]
