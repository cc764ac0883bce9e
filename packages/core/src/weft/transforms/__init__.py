"""Interpreters of the op catalogue, one a file: the tape, forward mode, batching."""
