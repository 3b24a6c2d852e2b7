"""A run as a program over numbers: statements, each an entry of an array, in loops."""
