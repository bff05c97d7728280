"""What is wrong with the environment of a worker that asks an OpenAI-compatible server."""

from collections.abc import Mapping

from greenscale_worker.environment import certificate_faults, key_fault, proxy_faults, url_fault

BASE_URL = "OPENAI_BASE_URL"
"""The address that paths are appended to."""


def connection_problems(
    api_key: str | None, environment: Mapping[str, str], *, addresses: Mapping[str, str | None]
) -> list[str]:
    """Return what cannot be used, each as a sentence. `addresses`: by the variables that name them."""
    problems = [
        f"{variable} {fault}"
        for variable, url in addresses.items()
        if url and (fault := url_fault(url, base=variable == BASE_URL))
    ]
    if fault := key_fault(api_key or ""):
        problems.append(f"OPENAI_API_KEY {fault}")
    return [*problems, *proxy_faults(environment), *certificate_faults(environment)]
