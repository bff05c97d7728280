"""The arguments of a program that takes all its settings from the environment: --help, and no other."""

from collections.abc import Sequence


def refuse_arguments(arguments: Sequence[str], *, program: str, about: str) -> None:
    """Return if there are none; else exit: with 0 and `about` where help is asked for, with 2 for anything else."""
    if not arguments:
        return
    import argparse  # noqa: PLC0415 - a worker that wakes for a job has none, and does not wait for the import

    parser = argparse.ArgumentParser(
        prog=f"python -m {program.replace('-', '_')}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.parse_known_args(arguments)
    message = f"it takes no arguments ({arguments[0]}): all settings come from the environment"
    parser.exit(2, f"{program}: {message}, --help lists the variables\n")
