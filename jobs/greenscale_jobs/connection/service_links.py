"""The variables that Kubernetes writes into a pod for each Service of its namespace.

Pure. A Service called `greenscale` becomes GREENSCALE_PORT=tcp://10.0.0.1:80, GREENSCALE_SERVICE_HOST and more, which
are not settings of ours; one called `greenscale-health` even becomes GREENSCALE_HEALTH_PORT.

Source: kubernetes 1.36, pkg/kubelet/envvars.
"""

import re
from collections.abc import Mapping

NAME = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)", re.ASCII)
"""The names that no setting of ours has."""

ADDRESS = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)
"""What <SERVICE>_PORT has for a value, where a setting of this name has a number."""


def without_service_links(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that somebody set."""
    return {name: text for name, text in environment.items() if not is_service_link(name, text)}


def is_service_link(name: str, text: str) -> bool:
    """Return whether Kubernetes wrote this variable for a Service."""
    return bool(NAME.fullmatch(name) or (name.endswith("_PORT") and ADDRESS.match(text.strip())))
