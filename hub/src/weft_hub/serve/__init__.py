"""`weft-hub serve`: a read-only mirror of an index and its files, for a lab or an air-gapped site.

Needs the extra `weft-hub[serve]`; nothing else of weft-hub imports this package.

    contents.py      what may be served: made of the index once, looked up by name ever after
    blobs.py         files of the cache, each verified before its first byte leaves
    conditions.py    preconditions and ranges of a request, as RFC 9110 has them
    replies.py       one file as an answer: whole, a range, or only its headers
    huggingface.py   the read endpoints that Hugging Face's client asks
    app.py           the paths, and what every request passes through
    server.py        the sockets: bounds on headers, connections and time; a graceful end
"""

from weft_hub.serve.server import Mirror

__all__ = ["Mirror"]
