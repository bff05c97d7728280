"""`greenscale jobs retry --all-dead`: asked about where a person sits, with a bar, and the ids on stdout."""

import sys
from collections.abc import Sequence

from greenscale_cli.bars import Bar
from greenscale_cli.exits import Exit, Fault
from greenscale_cli.terminal import is_screen
from greenscale_jobs import JobClient


def retry_all(client: JobClient, *, sure: bool) -> None:
    """Send again what is dead now and print the ids, oldest first.

    Raises:
        Fault: Somebody was asked, and does not want it; or Ctrl-C, the text says how many were sent until then.
    """
    dead = client.stats().dead
    if not dead:
        _note("no job is dead")
        return
    if not sure and sys.stdin.isatty() and sys.stderr.isatty():
        _ask(dead, client.keys.list_name)
    sent = 0
    try:
        with Bar("sending again", total=dead) as bar:

            def told(job_ids: Sequence[str], left: int) -> None:
                nonlocal sent
                sent += len(job_ids)
                bar.go_on(len(job_ids), total=sent + left, words=f"{sent} of {sent + left}")
                print("".join(f"{job_id}\n" for job_id in job_ids), end="", flush=True)  # noqa: T201

            client.redrive_all(told=told)
    except KeyboardInterrupt:
        raise Fault(f"{sent} of {dead} were sent again, the others are dead still", Exit.INTERRUPTED) from None
    if is_screen(sys.stderr):
        _note(f"{sent} sent again")


def _ask(dead: int, list_name: str) -> None:
    jobs = "The 1 dead job" if dead == 1 else f"All {dead} dead jobs"
    print(f"{jobs} of the list {list_name} will be sent again. Go on? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    # Ctrl-D is no yes.
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Fault("nothing was sent", Exit.USAGE)


def _note(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201
