"""The job queue for scripts, the command and the page: submit, read, cancel, redrive. No asyncio.

client = JobClient(RedisAddress("localhost"))
job_id = client.submit("Why is the sky blue?")
print(client.result(job_id).result)
"""

from greenscale_jobs import event_stream, producer, reader, searching
from greenscale_jobs.blocking_runner import BlockingQueue, blocking, blocking_events


class JobClient(BlockingQueue):
    """One queue, with the methods of producers and readers. Safe to share between threads.

    Methods raise QueueUnavailable while Redis cannot be used; the caller may try again.
    """

    # What a producer does.
    submit = blocking(producer.submit)
    submit_many = blocking(producer.submit_many)
    cancel = blocking(producer.cancel)
    redrive = blocking(producer.redrive)
    redrive_all = blocking(producer.redrive_all)

    # What anyone may read.
    stats = blocking(reader.stats)
    job = blocking(reader.job)
    jobs = blocking(reader.jobs)
    search = blocking(searching.search)
    events = blocking_events(event_stream.events)
    next_events = blocking(event_stream.next_events)
    result = blocking(event_stream.result)
    starts = blocking(reader.starts)
    history = blocking(reader.history)
    workloads = blocking(reader.workloads)
    resource = blocking(reader.resource)
    eviction_danger = blocking(reader.eviction_danger)
    ping = blocking(reader.ping)
