"""Independent witnesses for every number of a trace: one file each; `report` says what they found."""

from .verdict import verify

__all__ = ["verify"]
