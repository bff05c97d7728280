"""What the operator or local mode would put on the board."""

from greenscale_jobs import Fleet, JobQueue, Resource, WorkloadStatus


async def publish(queue: JobQueue, *statuses: WorkloadStatus, resources: dict[str, Resource] | None = None) -> None:
    """Show workloads to page and command; `resources` are by `<namespace>/<name>`."""
    async with Fleet(queue.address) as fleet:
        await fleet.put_workloads(statuses, resources)
