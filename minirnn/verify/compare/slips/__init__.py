"""Slips: mistakes people make, each a row of a table: its name, what it is, the wrong and the right line, how to make it."""
