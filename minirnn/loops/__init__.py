"""The user's own loop, unedited: a function of NumPy run on arrays that record, and what is read from that."""
