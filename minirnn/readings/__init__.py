"""Readings: plain functions of a trace or of its fold. None imports another; `symbols` serves those that typeset."""
