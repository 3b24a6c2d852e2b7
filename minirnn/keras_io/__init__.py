"""Keras models in and out: files without Keras, live models with it."""
