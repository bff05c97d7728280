"""How an image starts the page, `python -m greenscale_dashboard app.py`: reachable only if somebody must log in."""

import os
import sys

from greenscale_dashboard.settings import login_is_set, read_guard

ALONE = """\
GreenScale's page listens on loopback only, for nobody would have to log in. `kubectl port-forward` reaches it.
To serve it to others set GREENSCALE_PAGE_PASSWORD (in a cluster: the Secret `dashboard`), or [auth] in secrets.toml."""


def main() -> None:
    """Become Streamlit, on every address or on loopback."""
    try:
        guarded = read_guard().asks or login_is_set()
    except ValueError as error:
        sys.exit(f"greenscale_dashboard: {error}")
    if not guarded:
        print(ALONE, flush=True)  # noqa: T201
    address = "0.0.0.0" if guarded else "127.0.0.1"  # noqa: S104
    command = [sys.executable, "-m", "streamlit", "run", *sys.argv[1:], f"--server.address={address}"]
    os.execv(sys.executable, command)  # noqa: S606


main()
