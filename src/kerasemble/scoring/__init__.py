"""The data side: reading it, and running each member over it once."""
