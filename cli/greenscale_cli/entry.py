"""Where the `greenscale` command begins. A missing package is reported in one line, with the extra that brings it."""

import sys

USAGE = 2
"""`exits.Exit.USAGE`, which cannot be imported without typer."""


def main() -> None:
    """Run the command."""
    try:
        from greenscale_cli.main import main as run  # noqa: PLC0415 - imports typer

        run()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("greenscale_"):
            raise
        text = f"greenscale: the package {error.name} is missing: pip install 'greenscale[cli]'"
        print(text, file=sys.stderr)  # noqa: T201
        sys.exit(USAGE)
