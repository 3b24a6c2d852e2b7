"""Outside witnesses: none of them uses the derivatives it judges."""
