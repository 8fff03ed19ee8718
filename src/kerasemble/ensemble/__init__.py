"""Members and a fitted combiner become one plain Keras model."""
