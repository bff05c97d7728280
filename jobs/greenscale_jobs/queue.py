"""The job queue for asyncio: what workers, the operator and local mode use."""

from greenscale_jobs import event_stream, producer, reader, searching
from greenscale_jobs.asyncio_runner import awaited, awaited_events
from greenscale_jobs.maintenance import Maintenance
from greenscale_jobs.worker_side import WorkerSide


class JobQueue(WorkerSide, Maintenance):
    """One queue, with the methods of all who use it.

    Methods raise QueueUnavailable while Redis cannot be used; the caller may try again. `clock` gives Unix seconds in
    place of Redis' own time; only tests need it. A `connection` is shared with other queues and closed by whoever
    made it.
    """

    # What a producer does.
    submit = awaited(producer.submit)
    submit_many = awaited(producer.submit_many)
    cancel = awaited(producer.cancel)
    redrive = awaited(producer.redrive)
    redrive_all = awaited(producer.redrive_all)

    # What anyone may read.
    stats = awaited(reader.stats)
    job = awaited(reader.job)
    jobs = awaited(reader.jobs)
    search = awaited(searching.search)
    events = awaited_events(event_stream.events)
    next_events = awaited(event_stream.next_events)
    result = awaited(event_stream.result)
    starts = awaited(reader.starts)
    history = awaited(reader.history)
    workloads = awaited(reader.workloads)
    resource = awaited(reader.resource)
    eviction_danger = awaited(reader.eviction_danger)
    ping = awaited(reader.ping)
