"""Repositories that the real libraries write, small and random, and what these answer."""
