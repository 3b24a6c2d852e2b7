"""Layers that look at some steps beside each other."""
