"""Training as Keras trains: mini-batches, optimizer steps, callbacks, a history."""
