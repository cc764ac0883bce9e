"""What torch has and weft itself has no use for, one file for each module of torch."""
