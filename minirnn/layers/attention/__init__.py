"""Layers that weigh the steps of a sequence by how well they fit a query."""
