"""What an experiment has besides its model."""
