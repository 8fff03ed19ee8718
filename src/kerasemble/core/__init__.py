"""What everything else stands on: errors, arrays, tasks, labels, predictions, metrics. NumPy only."""
