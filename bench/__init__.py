"""Measures GreenScale beside floors and peers; README.md says how, and what came out."""

import sys
from pathlib import Path

# The bench uses the tests' Redis, cluster and browser. Nothing is imported: the Pythons of all peers run this line too.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "lib"))
