"""The `greenscale` command."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from greenscale_cli import jobs, logs, options, status, streams, submit
from greenscale_cli.doctor.command import doctor
from greenscale_cli.endpoint import DEFAULT_RUN_DIR
from greenscale_cli.exits import HELP, Exit

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Scale AI workloads to zero, safely: a durable job queue, a worker that sleeps, and a command for both.",
    epilog=HELP,
)
app.command()(submit.submit)
app.command()(status.status)
app.command()(logs.logs)
app.command()(doctor)
app.add_typer(jobs.app, name="jobs")


@app.command()
def local(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A GreenScaleWorkload; default: examples/local.yaml.")
    ] = None,
    *,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Also start the page.")] = True,
    try_prompt: Annotated[
        str | None, typer.Option("--try", metavar="PROMPT", help="Send this prompt when the instance runs.")
    ] = None,
    run_dir: options.RunDir = DEFAULT_RUN_DIR,
) -> None:
    """Run a workload on this machine, without a cluster: Redis, workers, the page.

    Without a file the engine is Echo, or OpenAI if OPENAI_API_KEY is set.

    $ greenscale local examples/local.yaml --try "Hello"
    """
    from greenscale_cli.local.command import missing_package, run  # noqa: PLC0415

    if missing := missing_package():
        _print_error(f"local mode needs the package {missing}: pip install 'greenscale[local]'")
        raise typer.Exit(Exit.USAGE)
    raise typer.Exit(run(file, page=page, run_dir=run_dir, try_prompt=try_prompt))


@app.command()
def render(file: Annotated[Path, typer.Argument(metavar="FILE", help="A GreenScaleWorkload.")]) -> None:
    """Print the objects of a workload in a cluster: Deployment, ScaledObject, TriggerAuthentication.

    $ greenscale render examples/openai.yaml | kubectl diff -f -
    """
    import yaml  # noqa: PLC0415

    from greenscale_operator import manifest, schedules, schema, workload  # noqa: PLC0415
    from greenscale_operator.scalers.keda import Keda  # noqa: PLC0415

    try:
        loaded = workload.parse(schema.load(file))
        schedules.check(loaded.scaling.schedules)
        manifests = manifest.manifests(loaded, Keda())
    except (schema.InvalidFile, workload.InvalidWorkload) as error:
        _print_error(str(error))
        raise typer.Exit(Exit.USAGE) from None
    yaml.safe_dump_all(manifests, sys.stdout, sort_keys=False)


@app.command()
def version() -> None:
    """Print the versions of GreenScale, Python and redis-py.

    $ greenscale version
    """
    import platform  # noqa: PLC0415
    from importlib.metadata import version as version_of  # noqa: PLC0415

    from greenscale_jobs.version import __version__  # noqa: PLC0415

    print(f"greenscale {__version__} (Python {platform.python_version()}, redis-py {version_of('redis')})")  # noqa: T201


def main() -> None:
    """Run the command."""
    streams.prepare()
    sys.exit(_run())


def _run() -> int | str | None:
    """Run the command and return its exit status; no user error ends in a traceback."""
    status: int | str | None = None
    try:
        try:
            app()
        except SystemExit as end:
            status = end.code
        sys.stdout.flush()
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except streams.OutputLost as lost:
        streams.drop_stdout()
        if not status:
            _print_error(str(lost))
        return status or Exit.OUTPUT
    except OSError as error:
        _print_error(f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return Exit.USAGE
    return status


def _print_error(text: str) -> None:
    print(f"greenscale: {text}", file=sys.stderr)  # noqa: T201
