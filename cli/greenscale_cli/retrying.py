"""`greenscale jobs retry --all-dead`: asks on a terminal, draws a bar, and prints the ids on stdout."""

import sys
from collections.abc import Sequence

from greenscale_cli.bars import Bar
from greenscale_cli.ctrl_c import ctrl_c_later
from greenscale_cli.exits import CommandError, Exit
from greenscale_cli.streams import OutputLost
from greenscale_cli.terminal import is_screen
from greenscale_jobs import JobClient, QueueUnavailable

REST = "`greenscale jobs retry --all-dead` retries the rest"


def retry_all(client: JobClient, *, sure: bool) -> None:
    """Retry all jobs that are dead now and print their ids, oldest first.

    Raises:
        CommandError: The answer to the question was no; or Ctrl-C or Redis ended it: the text says how many jobs were
            retried until then.
    """
    dead = client.stats().dead
    if not dead:
        _note("no dead jobs")
        return
    if not sure and sys.stdin.isatty() and sys.stderr.isatty():
        _ask(dead, client.keys.list_name)
    retried, left = 0, dead
    try:
        # What a step has retried is known only at its end.
        with Bar("retrying", total=dead) as bar, ctrl_c_later() as raise_if_pressed:

            def on_step(job_ids: Sequence[str], still_left: int) -> None:
                nonlocal retried, left
                retried, left = retried + len(job_ids), still_left
                bar.advance(len(job_ids), total=retried + left, text=f"{retried} of {retried + left}")
                print("".join(f"{job_id}\n" for job_id in job_ids), end="", flush=True)  # noqa: T201
                raise_if_pressed()

            client.redrive_all(on_step=on_step)
    except KeyboardInterrupt:
        raise CommandError(f"{retried} jobs retried, {left} still dead: {REST}", Exit.INTERRUPTED) from None
    except OutputLost as lost:
        raise CommandError(f"{lost}; {retried} jobs retried, {left} still dead: {REST}", Exit.OUTPUT) from None
    except QueueUnavailable as error:
        # It is unknown whether the step without an answer was done; the jobs that it retried are no longer dead.
        raise CommandError(
            f"at least {retried} of {dead} jobs retried: {error} Then {REST}", Exit.UNAVAILABLE
        ) from None
    if is_screen(sys.stderr):
        _note(f"{retried} retried")


def _ask(dead: int, list_name: str) -> None:
    jobs = "The 1 dead job" if dead == 1 else f"All {dead} dead jobs"
    print(f"{jobs} of the list {list_name} will be retried. Continue? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    # Ctrl-D means no.
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was retried", Exit.USAGE)


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
