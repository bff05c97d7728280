"""The command: all checks, as a table or one JSON document."""

import dataclasses
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version

import typer

from greenscale_cli import options
from greenscale_cli.choose import choose_redis, file_variables
from greenscale_cli.doctor.finding import Finding, Verdict, fault, ok
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import CommandError, Exit, errors_reported
from greenscale_jobs.version import __version__

STYLES = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAULT: "bold red", Verdict.UNCHECKED: "dim"}


def doctor(
    *,
    output: options.OutputOption = options.Output.TABLE,
    redis: options.Redis = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Check Redis, the clock, and the cluster of the kubeconfig; each fault with its remedy.

    Exit status 1 if there is a fault; warnings do not count.

    $ greenscale doctor

    $ greenscale doctor -o json | jq '.[] | select(.verdict == "fault")'
    """
    with errors_reported():
        redis_url = redis
        file = file_variables()

        def check_redis() -> Iterator[Finding]:
            from greenscale_cli.doctor.queue_checks import check_queue  # noqa: PLC0415

            try:
                chosen = choose_redis(redis_url, run_dir, os.environ, file)
            except CommandError as error:
                yield fault("redis", str(error))
            else:
                yield from check_queue(chosen.address)

        from greenscale_cli.doctor.cluster_checks import check_cluster  # noqa: PLC0415

        findings = [_versions(), *check_redis(), *check_cluster()]
        _show(findings, output)
    if any(found.verdict is Verdict.FAULT for found in findings):
        raise typer.Exit(Exit.FAILED)


def _versions() -> Finding:
    versions = f"GreenScale {__version__}, redis-py {version('redis')}, Python {platform.python_version()}"
    return ok("versions", versions)


def _show(findings: list[Finding], output: options.Output) -> None:
    from rich.text import Text  # noqa: PLC0415

    from greenscale_cli.formatting import harmless  # noqa: PLC0415
    from greenscale_cli.tables import show, show_json, table  # noqa: PLC0415

    if output is options.Output.JSON:
        show_json([dataclasses.asdict(found) for found in findings])
        return
    rows = [
        (
            harmless(found.check),
            Text(found.verdict, style=STYLES[found.verdict]),
            harmless(f"{found.found}. {found.remedy}" if found.remedy else found.found),
        )
        for found in findings
    ]
    show(table(("CHECK", "VERDICT", "FOUND"), rows, wrapped={"CHECK", "FOUND"}))
