"""`python -m kerasemble`: the command line."""

from kerasemble.cli import main

main()
