"""The file side of a model: what it is, and how it is read. Keras is imported only when a model is."""
