"""A run as a program in C, and the compiler that makes a library of it."""
