"""Starts the page in the image, `python -m greenscale_dashboard app.py`: on loopback only unless a login is set up."""

import argparse
import os
import sys

from greenscale_dashboard.settings import login_is_set, read_guard
from greenscale_jobs.connection.service_links import is_service_link

LOOPBACK_ONLY = """\
GreenScale's page listens on loopback only, because no login is set up. `kubectl port-forward` reaches it.
To serve it to others set GREENSCALE_PAGE_PASSWORD (in a cluster: the Secret `dashboard`), or [auth] in secrets.toml."""

USAGE = "python -m greenscale_dashboard app.py [options of Streamlit, such as --server.port=8501]"

ABOUT = """\
GreenScale's page, served by Streamlit: on every address if users must log in, else on loopback only. It reads these
variables, and the file .env of the working directory for those that are not set:

  REDIS_URL, or REDIS_HOST, REDIS_PORT, REDIS_DB, REDIS_USERNAME, REDIS_PASSWORD, REDIS_TLS, REDIS_CA
  GREENSCALE_QUEUE                    the list where no workload is known (default: jobs)
  GREENSCALE_PAGE_PASSWORD            the password to log in with (or .._PASSWORD_FILE: a file that holds it)
  GREENSCALE_PAGE_READONLY_PASSWORD   the same for read-only users (or .._READONLY_PASSWORD_FILE)
  GREENSCALE_PAGE_USERS, GREENSCALE_PAGE_READERS
                                      addresses that may change things, or only read, after Streamlit's own login
"""


def main() -> None:
    """Become Streamlit, on every address or on loopback."""
    parser = argparse.ArgumentParser(
        usage=USAGE,
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.parse_known_args()
    if not sys.argv[1:] or sys.argv[1].startswith("-"):
        parser.exit(2, "greenscale_dashboard: name the page's app.py first; --help has an example\n")
    try:
        guarded = read_guard().asks or login_is_set()
    except ValueError as error:
        sys.exit(f"greenscale_dashboard: {error}")
    if not guarded:
        print(LOOPBACK_ONLY, flush=True)  # noqa: T201
    port = "STREAMLIT_SERVER_PORT"
    if is_service_link(port, os.environ.get(port, "")):
        del os.environ[port]  # Kubernetes' variable of a Service called streamlit-server
    address = "0.0.0.0" if guarded else "127.0.0.1"  # noqa: S104
    command = [sys.executable, "-m", "streamlit", "run", *sys.argv[1:], f"--server.address={address}"]
    os.execv(sys.executable, command)  # noqa: S606


main()
