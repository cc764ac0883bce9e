"""A model for the index: its folder made, checked, and put into a checkout."""
