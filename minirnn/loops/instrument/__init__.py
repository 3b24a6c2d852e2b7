"""A user's function, rewritten so that its run can be recorded."""
