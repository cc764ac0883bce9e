"""A model from its entry: the factories, tasks and preprocessing of installed packages."""
