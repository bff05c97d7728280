"""`greenscale logs`: the logs of a workload's workers."""

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

POLL_SECONDS = 0.3
"""How often the files are read for new lines."""

Name = Annotated[
    str | None,
    typer.Argument(
        metavar="WORKLOAD",
        help="Name, or namespace/name; optional if there is only one workload.",
        autocompletion=options.workload_names,
        show_default=False,
    ),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Keep printing until Ctrl-C.")]


def logs(
    workload: Name = None,
    *,
    follow: Follow = False,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Print the workers' logs: from files with `greenscale local`, through kubectl in a cluster.

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
                chosen = pick(client.workloads(), workload)
            namespace, name = chosen.namespace, chosen.name
        _become_kubectl(namespace, name, follow=follow)


def _is_elsewhere(redis: str | None, run_dir: Path) -> bool:
    """Return whether the workers are not those of a local instance."""
    return bool(redis) or names_redis(os.environ) or (names_redis(file_variables()) and endpoint.read(run_dir) is None)


def _folder(run_dir: Path) -> Path | None:
    """Return the log folder of a local instance, running or ended, of this or a parent directory."""
    kept = (folder / run_dir / "logs" for folder in endpoint.places(run_dir))
    return next((place for place in kept if os.path.isdir(place)), None)  # noqa: PTH112 - raises for no name


def _print_files(folder: Path, workload: str | None, *, follow: bool) -> None:
    name = (workload or "*").rpartition("/")[2]
    read: dict[Path, int] = {}
    while True:
        # A worker's file is named after the workload and a number; Redis' and the page's logs are in the same folder.
        for file in sorted(folder.glob(f"{name}-[0-9]*.log"), key=lambda file: file.stat().st_mtime):
            for line in _more(file, read):
                print(readable(f"[{file.stem}] {harmless(line)}"), flush=True)  # noqa: T201
        if not follow:
            break
        time.sleep(POLL_SECONDS)
    if not read:
        raise CommandError(f"no worker of {workload or 'any workload'} has written to {folder} yet", Exit.UNKNOWN)


def _more(file: Path, read: dict[Path, int]) -> Iterator[str]:
    """Yield the complete lines that are new since the last call."""
    with file.open("rb") as opened:
        opened.seek(read.setdefault(file, 0))
        for line in opened:
            if not line.endswith(b"\n"):
                break
            read[file] += len(line)
            yield line.decode(errors="replace").rstrip("\n")


def _become_kubectl(namespace: str, name: str, *, follow: bool) -> None:
    """Replace this process by kubectl; its exit status becomes ours."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise CommandError(
            "reading logs from a cluster needs kubectl, which is not on the PATH: install it "
            "(https://kubernetes.io/docs/tasks/tools/)",
            Exit.USAGE,
        )
    labels = f"app.kubernetes.io/name=greenscale-worker,app.kubernetes.io/instance={name}"
    arguments = [
        "logs",
        f"--namespace={namespace}",
        f"--selector={labels}",
        "--container=worker",
        "--prefix",
        "--tail=-1",
    ]
    sys.stdout.flush()
    os.execv(kubectl, ["kubectl", *arguments, *(["--follow", "--max-log-requests=50"] if follow else [])])  # noqa: S606
