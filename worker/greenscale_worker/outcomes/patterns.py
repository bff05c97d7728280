"""Patterns for errors that each engine words differently, for texts in lower case. Sources: `docs/engines.md`."""

import re


def any_of(*patterns: str) -> re.Pattern[str]:
    """Return a pattern that finds any of these."""
    return re.compile("|".join(patterns))


def exactly(text: str) -> re.Pattern[str]:
    """Return a pattern for this text and no other."""
    return re.compile(rf"^{re.escape(text)}$")


NO_CREDIT = any_of(
    r"insufficient[_ ](user[_ ]|account[_ ])?(quota|balance|credits?|funds)|exceeded_current_quota_error",
    r"billing_(hard_limit|not_active)|billing hard limit|check your billing",
    r"budget[_ ]?(has been |was |limit )?exceeded|exceeded[_ ]?(your |its |the )?budget|over (your |its |the )?budget",
    r"credit balance is too low|(no|out of|run out of|used all( available)?) credits",
    r"payment[_ ]required|\barrearage\b|in arrears|spend(ing)?[_ ]limit",
    "余额不足|额度不足|欠费",
)

TOO_LONG = any_of(
    r"context_?length_?exceeded|contextwindowexceeded|exceed_context_size|string_above_max_length|tokens_limit_reached",
    r"max_prompt_tokens_exceeded|maximum context length|model'?s context length|available context size",
    r"context (window|size|length)[^|]{0,40}(exceed|limit)|exceed[^|]{0,60}context (window|size|length)",
    r"(prompt|input)s? (is|are|was)? ?too long|too many input tokens|reduce the length of",
    r"(input|prompt)[^|]{0,60}exceeds?[^|]{0,40}(maximum|limit)[^|]{0,40}token",
    r"must be reduced in order to run|range of input length|inputs.{0,40}max_new_tokens.{0,20}must be",
)

LARGER_THAN_LIMIT = any_of(r"request too large for|must be reduced in order to run")

FILTERED = any_of(
    r"content[_ -]?(policy|filter|management)|responsibleai|data_?inspection_?failed|content exists risk",
    r"moderation|\bflagged\b|usage polic|safety (system|setting|filter|polic)|prohibited_content|guardrail",
    r"invalid_prompt",
    r"\b(recitation|blocklist|spii)\b|(sensitive|inappropriate|unsafe) content",
)

BAD_KEY = any_of(
    r"(invalid|incorrect|wrong|missing|expired|unknown|revoked|no)[_ -]?(x-)?(api|access|auth)[_ -]?(key|token)",
    r"api[_ -]?key[_ ](is |was |has )?(not[_ ]valid|invalid|incorrect|expired|missing|required|revoked|service_block)",
    r"authentication[_ ]?(error|failed|required)|unauthenticated|invalid_authentication|account_deactivated",
)

NO_MODEL = any_of(
    r"(model|deployment)_?not_?(found|exist|available|supported)|(invalid|unknown|no_?such)_?model\b|model_decommissioned",
    r"\b(model|deployment)s?\b[^|]{0,120}?(not found|not exist|no longer (available|exist)|decommissioned|not a valid|"
    r"is (invalid|unknown|not (available|loaded|served|deployed|recognized)))",
    r"(invalid|not a valid|unknown|unrecognized|no such|could not find|cannot find|unable to access) "
    r"(the |real |requested )*model",
    r"no (endpoints|available channel|healthy deployments?)[^|]{0,20} for |not supported by any provider",
    r"\| ?model: |^model: ",
)

RATE_LIMIT = any_of(
    r"rate[_ ]?limit|too[_ ]?many[_ ]?requests|resource_?exhausted|throttl|slow_down|requests per (min|sec|day)",
)

OVERLOAD = any_of(r"overloaded|server[_ ](is )?busy|queue is full|too busy|at capacity|capacity[_ ]exceeded")

LOADING = any_of(
    r"load(ing|s) (the )?model|(still|currently) loading|is loading|\bunavailable\b|no healthy|not ready|warming up",
    r"no deployments available|starting up",
)

WANTS_TLS = any_of(r"plain http request|http request to an https|requires? (tls|https)\b")

NO_ROUTE = any_of(
    r"unexpected endpoint|404 page not found|cannot (post|get) /|no route|no handler|no such (route|endpoint|path)",
    r"(unknown|invalid) (request )?(url|path|endpoint|route)|(url|path|endpoint|route|page)[^|]{0,40} not found",
    r"does not support chat completion|only supports? (get|post)|not implemented",
)

NOT_SERVED = any_of(
    r"(location|country|region)[^|]{0,40}(not (supported|available|allowed)|unsupported)|unsupported_country",
    r"chat template|not a chat model|not support chat|(embedding|rerank|completion)s? model|api version",
)

FILTER_ENDING = any_of(
    r"content.?filter|\bsafety\b|_safety\b|prohibited|recitation|blocklist|\bspii\b|sensitive|guardrail|moderation",
)

BAD_ENDING = any_of(
    r"abort|error|cancel|fail|time_?d?_?out|interrupt|preempt|shutdown|shutting",
    r"^(insufficient_system_resources?|malformed_.*|unexpected_tool_call|other|finish_reason_unspecified|unspecified)$",
)

LENGTH_ENDING = any_of(r"^(length|max_?tokens|max_output_tokens|model_length)$")

UNKNOWN_NAME = any_of(
    r"unsupported|unknown|unrecognized|extra_forbidden|extra (input|field)s|no longer supported|deprecated",
    r"not (permitted|allowed|supported|recognized)|does not support|unexpected|additional propert|cannot find field",
    r"no such field|use '?max_",
)

STATUS_WITHIN: tuple[tuple[int, re.Pattern[str]], ...] = (
    (400, FILTERED),
    (429, RATE_LIMIT),
    (529, OVERLOAD),
    (401, BAD_KEY),
    (403, any_of(r"permission|forbidden|access[_ ]denied")),
    (404, any_of(r"not_?found")),
    (504, any_of(r"time_?d?[_ ]?out|deadline_exceeded")),
    (503, LOADING),
    (400, any_of(r"invalid_?(request|argument|parameter|prompt|value)|bad_?request|validation_?error|value_?error")),
)
"""The status that an error within an answer stands for, where it has none itself; else 500."""
