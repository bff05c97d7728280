"""`greenscale logs`: what the workers of a workload say."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from greenscale_cli import endpoint, options
from greenscale_cli.choose import choose, file_variables, pick
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import CommandError, Exit, errors_reported
from greenscale_cli.formatting import harmless
from greenscale_cli.streams import readable
from greenscale_jobs import JobClient
from greenscale_jobs.connection.address import names_redis

LOOK_SECONDS = 0.3
"""How often the files are looked at for more."""

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="WORKLOAD",
        help="Its name, or namespace/name; may be left out where there is only one.",
        autocompletion=options.workload_names,
        show_default=False,
    ),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")]


def logs(
    workload: Name = None,
    *,
    follow: Follow = False,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Print what the workers say: beside `greenscale local` from its files, in a cluster by kubectl.

    $ greenscale logs --follow

    $ greenscale logs greenscale-system/greenscale-worker
    """
    with errors_reported():
        folder = None if _is_elsewhere(redis, run_dir) else _folder(run_dir)
        if folder:
            with contextlib.suppress(KeyboardInterrupt):
                _print_files(folder, workload, follow=follow)
            return
        namespace, slash, name = (workload or "").rpartition("/")
        if not slash:
            with JobClient(choose(redis, run_dir).address) as client:
                told = pick(client.workloads(), workload)
            namespace, name = told.namespace, told.name
        _become_kubectl(namespace, name, follow=follow)


def _is_elsewhere(redis: str | None, run_dir: Path) -> bool:
    """Return whether the workers meant are not those of a local instance."""
    return bool(redis) or names_redis(os.environ) or (names_redis(file_variables()) and endpoint.read(run_dir) is None)


def _folder(run_dir: Path) -> Path | None:
    """Return where a local instance of this or a parent directory keeps its logs, also one that has ended."""
    kept = (folder / run_dir / "logs" for folder in endpoint.places(run_dir))
    return next((place for place in kept if os.path.isdir(place)), None)  # noqa: PTH112 - raises for no name


def _print_files(folder: Path, workload: str | None, *, follow: bool) -> None:
    name = (workload or "*").rpartition("/")[2]
    read: dict[Path, int] = {}
    while True:
        # A worker's file is called by the workload and a number; beside them lie Redis' and the page's.
        for file in sorted(folder.glob(f"{name}-[0-9]*.log"), key=lambda file: file.stat().st_mtime):
            for line in _more(file, read):
                print(readable(f"[{file.stem}] {harmless(line)}"), flush=True)  # noqa: T201
        if not follow:
            break
        time.sleep(LOOK_SECONDS)
    if not read:
        raise CommandError(f"no worker of {workload or 'any workload'} has written to {folder} yet", Exit.UNKNOWN)


def _more(file: Path, read: dict[Path, int]) -> Iterator[str]:
    """Yield the whole lines that have come since the last time."""
    with file.open("rb") as opened:
        opened.seek(read.setdefault(file, 0))
        for line in opened:
            if not line.endswith(b"\n"):
                break
            read[file] += len(line)
            yield line.decode(errors="replace").rstrip("\n")


def _become_kubectl(namespace: str, name: str, *, follow: bool) -> None:
    """Hand over to kubectl, whose exit status is then ours."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CommandError(
            "the logs of a cluster are read with kubectl, which is not on the PATH: install it "
            "(https://kubernetes.io/docs/tasks/tools/)",
            Exit.USAGE,
        )
    labels = f"app.kubernetes.io/name=greenscale-worker,app.kubernetes.io/instance={name}"
    words = ["logs", f"--namespace={namespace}", f"--selector={labels}", "--container=worker", "--prefix", "--tail=-1"]
    sys.stdout.flush()
    os.execv(kubectl, ["kubectl", *words, *(["--follow", "--max-log-requests=50"] if follow else [])])  # noqa: S606
