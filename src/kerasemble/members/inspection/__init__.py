"""What a model file is, found out without running it and without Keras: the order is one of safety."""
