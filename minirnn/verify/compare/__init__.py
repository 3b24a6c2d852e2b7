"""A user's numbers beside a run's, and the slips that explain a difference."""
