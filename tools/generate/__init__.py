"""Generators: what is written from the op catalogue, each with a check that it is up to date."""
