"""The component form: every entry by its indices, and its numbers."""
