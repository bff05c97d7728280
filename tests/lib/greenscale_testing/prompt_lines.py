"""Files of prompts for the command, and what became of them."""

from greenscale_jobs import JobClient, JobState


def lines(count: int) -> str:
    return "".join(f"prompt {number}\n" for number in range(1, count + 1))


def waiting(client: JobClient) -> list[str | None]:
    return [job.prompt for job in client.jobs(JobState.WAITING, limit=1000).jobs]
