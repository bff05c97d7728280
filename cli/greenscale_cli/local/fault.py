"""What stops local mode from starting."""


class LocalFault(Exception):
    """Local mode cannot go on; the text names the remedy."""
