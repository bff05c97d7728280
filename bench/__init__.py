"""Measures GreenScale beside simple yardsticks, in one run: `python -m bench`."""
