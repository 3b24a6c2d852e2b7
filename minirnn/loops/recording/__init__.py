"""Arrays that record what is done with them."""
