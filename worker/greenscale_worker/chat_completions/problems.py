"""What is wrong with the environment of a worker that asks an OpenAI-compatible server."""

from collections.abc import Mapping

from greenscale_worker.environment import certificate_problems, key_problem, proxy_problems, url_problem

BASE_URL = "OPENAI_BASE_URL"
"""The address that paths are appended to."""


def connection_problems(
    api_key: str | None, environment: Mapping[str, str], *, addresses: Mapping[str, str | None]
) -> list[str]:
    """Return what cannot be used, each as a sentence. `addresses`: by the variables that name them."""
    problems = [
        f"{variable} {problem}"
        for variable, url in addresses.items()
        if url and (problem := url_problem(url, base=variable == BASE_URL))
    ]
    if problem := key_problem(api_key or ""):
        problems.append(f"OPENAI_API_KEY {problem}")
    return [*problems, *proxy_problems(environment), *certificate_problems(environment)]
