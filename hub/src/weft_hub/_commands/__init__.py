"""The commands of `weft-hub`, a file for each group."""
