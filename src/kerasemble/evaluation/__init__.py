"""An honest estimate of what a combination gains. NumPy only."""
