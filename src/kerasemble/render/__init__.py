"""Results as people see them; the numbers are made elsewhere."""
