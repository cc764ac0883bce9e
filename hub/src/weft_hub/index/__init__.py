"""Indexes: entries read as data and judged strictly, from folders, addresses and the package."""

from weft_hub.index._reading import Index, builtin_index, judge, read_entry, schema, spdx_problem

__all__ = ["Index", "builtin_index", "judge", "read_entry", "schema", "spdx_problem"]
