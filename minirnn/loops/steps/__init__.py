"""Which variable a quantity belongs to, and which step of time."""
