"""Slips: mistakes people make, each a row of a table: its name, what it is, the wrong and the right line, how to make it.

The first of several that explain the user's numbers is named first.
"""

from . import carried, gates, gradients, layers, outputs, recurrence, slopes, steps, weights

FORWARD = gates.FORWARD + recurrence.SLIPS + steps.SLIPS + layers.SLIPS + outputs.SLIPS + weights.SLIPS
BACKWARD = gates.BACKWARD + slopes.SLIPS + carried.SLIPS + gradients.SLIPS
