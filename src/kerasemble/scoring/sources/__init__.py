"""The data side: rows from wherever they lie, in one form."""
