"""Side-by-side measurements: `nox -s bench`, or `python -m benchmarks [NAME ...]`."""
