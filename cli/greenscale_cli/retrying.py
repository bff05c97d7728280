"""`greenscale jobs retry --all-dead`: asked about where a person sits, with a bar, and the ids on stdout."""

import sys
from collections.abc import Sequence

from greenscale_cli.bars import Bar
from greenscale_cli.ctrl_c import ctrl_c_later
from greenscale_cli.exits import CommandError, Exit
from greenscale_cli.streams import OutputLost
from greenscale_cli.terminal import is_screen
from greenscale_jobs import JobClient, QueueUnavailable

REST = "`greenscale jobs retry --all-dead` sends the others"


def retry_all(client: JobClient, *, sure: bool) -> None:
    """Send again what is dead now and print the ids, oldest first.

    Raises:
        CommandError: Somebody was asked, and does not want it; or it was ended by Ctrl-C or by Redis: the text says
            how many were sent until then.
    """
    dead = client.stats().dead
    if not dead:
        _note("no job is dead")
        return
    if not sure and sys.stdin.isatty() and sys.stderr.isatty():
        _ask(dead, client.keys.list_name)
    sent, left = 0, dead
    try:
        # What a step has sent is known only when it is over.
        with Bar("sending again", total=dead) as bar, ctrl_c_later() as heed_ctrl_c:

            def told(job_ids: Sequence[str], still_left: int) -> None:
                nonlocal sent, left
                sent, left = sent + len(job_ids), still_left
                bar.go_on(len(job_ids), total=sent + left, words=f"{sent} of {sent + left}")
                print("".join(f"{job_id}\n" for job_id in job_ids), end="", flush=True)  # noqa: T201
                heed_ctrl_c()

            client.redrive_all(on_step=told)
    except KeyboardInterrupt:
        raise CommandError(f"{sent} jobs were sent again, {left} are dead still: {REST}", Exit.INTERRUPTED) from None
    except OutputLost as lost:
        raise CommandError(f"{lost}; {sent} jobs were sent again, {left} are dead still: {REST}", Exit.OUTPUT) from None
    except QueueUnavailable as error:
        # Whether the step that got no answer was done is not known; what it sent is no longer dead.
        raise CommandError(
            f"at least {sent} of {dead} jobs were sent again: {error} Then {REST}", Exit.UNAVAILABLE
        ) from None
    if is_screen(sys.stderr):
        _note(f"{sent} sent again")


def _ask(dead: int, list_name: str) -> None:
    jobs = "The 1 dead job" if dead == 1 else f"All {dead} dead jobs"
    print(f"{jobs} of the list {list_name} will be sent again. Go on? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    # Ctrl-D is no yes.
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise CommandError("nothing was sent", Exit.USAGE)


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
