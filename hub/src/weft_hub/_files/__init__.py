"""Bytes on disk and in archives: digests, spans, whole writes, one member of a wheel or tarball."""
