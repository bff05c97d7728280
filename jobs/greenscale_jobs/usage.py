"""What a program that its environment tells everything answers to arguments."""

import sys
from collections.abc import Sequence


def refuse_arguments(arguments: Sequence[str], *, program: str, about: str) -> None:
    """Return if there are none; else end, with `about` where help is asked for, or with 2: started is started."""
    if not arguments:
        return
    if {"-h", "--help"} & set(arguments):
        print(about, end="")  # noqa: T201
        sys.exit(0)
    told = f"{program}: it takes no arguments ({arguments[0]}): its environment tells it everything"
    print(f"{told}, --help names the variables", file=sys.stderr)  # noqa: T201
    sys.exit(2)
