"""What stops local mode from starting."""


class LocalModeError(Exception):
    """Local mode cannot go on; the text names the remedy."""
