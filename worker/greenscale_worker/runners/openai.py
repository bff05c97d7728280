"""OpenAI, or any server that is compatible with it, by its address."""

from collections.abc import Mapping
from typing import ClassVar, Self

import msgspec

from greenscale_worker.chat_completions.problems import connection_problems
from greenscale_worker.environment import OPENAI_URL, Proxy, proxy_for
from greenscale_worker.runner import CommonSettings, Runner, RunnerSettings


class OpenAISettings(RunnerSettings, frozen=True, kw_only=True):
    """`base_url` None is OpenAI's own address. `proxy`: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY."""

    engine: ClassVar[str] = "OpenAI"
    variables: ClassVar[Mapping[str, str]] = {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"}

    api_key: str | None = None
    base_url: str | None = None
    proxy: Proxy | None = None

    def __repr__(self) -> str:
        """Show no key and no address."""
        return "OpenAISettings()"

    def completed(self, environment: Mapping[str, str], problems: list[str]) -> Self:
        """Find the proxy on the way to the engine."""
        wrong = connection_problems(self.api_key, environment, addresses={self.variables["base_url"]: self.base_url})
        problems += wrong
        if wrong:
            return self
        try:
            return msgspec.structs.replace(self, proxy=proxy_for(self.base_url or OPENAI_URL, environment))
        except ValueError as error:
            problems.append(str(error))
            return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """The key and the addresses, which may have one in them."""
        proxy = self.proxy.url if self.proxy else None
        return tuple(filter(None, (self.api_key, self.base_url, proxy)))

    def make(self, common: CommonSettings) -> Runner:
        """Return a client of that address."""
        from greenscale_worker.chat_completions.client import ChatClient  # noqa: PLC0415 - takes long

        return ChatClient(common, api_key=self.api_key, base_url=self.base_url, proxy=self.proxy)
