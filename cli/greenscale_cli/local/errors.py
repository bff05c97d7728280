"""What keeps local mode from running."""


class LocalModeError(Exception):
    """Local mode cannot go on; the text names the remedy."""
