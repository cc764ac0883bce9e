"""The table of addresses in which machine code finds what it calls: what stands where."""

from __future__ import annotations

#: What stands where in the table of addresses.
TABLE_ENTRIES = (
    "data_offset",  # of an array's address of memory in its Python object
    "none",  # the address of None
    "PyLong_AsLongLong",
    "PyFloat_AsDouble",
    "PyLong_FromLong",
    "PyEval_SaveThread",
    "PyEval_RestoreThread",
    "GOMP_parallel",
    "omp_get_thread_num",
    "omp_get_num_threads",
    "sched_yield",
    "threads",  # how many to use at most
)
