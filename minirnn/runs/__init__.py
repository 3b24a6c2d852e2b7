"""One run of a network on data: what is asked for, its nodes and numbers, its loss, and how it is run again."""
