"""What can be computed with the outputs of layers: operators, functions of `keras.ops`, indices."""
