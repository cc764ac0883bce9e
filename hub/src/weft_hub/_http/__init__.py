"""The hub over HTTP: one client with its rules, and downloads in pieces that survive what breaks.

options.py    how the network is used, read from the environment
addresses.py  which addresses may be asked, and where a redirect may lead
tokens.py     a token for each host, in a file that only its owner can read
waiting.py    what is tried again, when, and when to give up
client.py     one request: redirects, tokens, time limits, and small documents
download.py   one large file in pieces over several connections
"""

from __future__ import annotations

from weft_hub._http.client import Client, Document
from weft_hub._http.download import Download
from weft_hub._http.options import Options

__all__ = ["Client", "Document", "Download", "Options"]
