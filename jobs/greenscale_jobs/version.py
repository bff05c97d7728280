"""The version of GreenScale, set here alone: `pyproject.toml` reads it, and images are tagged with it."""

__version__ = "0.1.0"
