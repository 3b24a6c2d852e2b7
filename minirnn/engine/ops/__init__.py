"""The operations, one block each."""
