"""What figures were measured on, and with which versions."""

import os
import platform
import re


def machine() -> dict[str, str]:
    """Return this machine, how busy it is, and the Python."""
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "load before": load_average(),
        "python": platform.python_version(),
    }


def load_average() -> str:
    """Return how many processes wanted a core in the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


def locked_version(package: str, lock: str) -> str:
    """Return the version that a lock file's text has of a package."""
    found = re.search(rf"^{re.escape(package)}==(\S+)", lock, re.MULTILINE)
    return found[1] if found else "?"
