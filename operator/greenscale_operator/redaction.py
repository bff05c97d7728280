"""A resource as anyone may see it: without the secrets that somebody wrote into it.

Pure. What is hidden too much can be read with kubectl, by who may; what is hidden too little is lost.
"""

import re
from typing import Any

HIDDEN = "(hidden: it may be a secret)"

LEFT_OUT = {"managedFields", "resourceVersion", "kubectl.kubernetes.io/last-applied-configuration"}
"""Noise, and a copy of the whole resource with its secrets."""

SECRET_NAME = re.compile(r"(password|passwd|passphrase|token|api[-_]?key|secret|credential|bearer)s?$", re.IGNORECASE)
"""How a field is called whose text is a secret, and an option whose next argument is one."""

SECRET_TEXT = re.compile(
    r"\b(sk|pk|rk)-\w[\w-]{7,}"  # OpenAI, Stripe and those who do as they do
    r"|\b(hf|ghp|gho|ghs|github_pat|glpat|xox[abp]|nvapi)[-_]\w{8,}|\bAKIA\w{12,}|\beyJ\w{8,}\."
    r"|\b(Bearer|Basic)\s+\S{8,}"
    r"|://[^/\s@]*:[^/\s@]+@"  # an address with a password
    r"|(password|passwd|passphrase|token|key|secret|credential)\w*\s*[=:]\s*\S"  # a variable with its value
    r"|(?=\w*\d)(?=\w*[A-Za-z])\w{32,}",  # random letters and digits
    re.IGNORECASE,
)


def redact(value: Any, name: str = "") -> Any:
    """Return a part of a resource, whose field is called `name`, with every text hidden that may be a secret.

    Every literal value in an `env` is one, whatever it looks like.
    """
    if isinstance(value, dict):
        return {key: redact(part, key) for key, part in value.items() if key not in LEFT_OUT}
    if isinstance(value, list | tuple):
        return _redact_list(list(value), name)
    if isinstance(value, str) and name != "image" and (SECRET_NAME.search(name) or SECRET_TEXT.search(value)):
        return HIDDEN
    return value


def _redact_list(parts: list[Any], name: str) -> list[Any]:
    if name == "env":
        return [
            {**redact(entry), "value": HIDDEN} if isinstance(entry, dict) and "value" in entry else redact(entry)
            for entry in parts
        ]
    before = ["", *parts]
    return [
        HIDDEN if isinstance(part, str) and _is_secret_option(option) else redact(part)
        for option, part in zip(before, parts, strict=False)
    ]


def _is_secret_option(argument: Any) -> bool:
    return isinstance(argument, str) and argument.startswith("-") and SECRET_NAME.search(argument) is not None
