"""The six families: each derives most of an op's record from the little that an author writes."""
