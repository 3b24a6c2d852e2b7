"""Layers that go from step to step, and what they compute at each."""
