"""A run as a program."""
