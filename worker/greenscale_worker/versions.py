"""What a worker says of a job that a newer version of GreenScale wrote."""

from importlib.metadata import version

from greenscale_jobs import NewerItem
from greenscale_jobs.records import ITEM_VERSION
from greenscale_worker.errors import NewerVersion


def newer_version(error: NewerItem) -> NewerVersion:
    """Return why this worker cannot run the job, with the remedy in the resource's terms."""
    return NewerVersion(
        "NewerVersion",
        f"jobs of version {error.version} wait, and this worker (GreenScale {version('greenscale')}) reads up to "
        f"version {ITEM_VERSION}: set spec.worker.image to the operator's version, or remove it",
    )
