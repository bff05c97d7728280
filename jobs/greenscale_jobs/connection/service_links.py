"""The variables that Kubernetes writes into a pod for each Service of its namespace.

Pure. A Service called `greenscale` becomes GREENSCALE_PORT=tcp://10.0.0.1:80, GREENSCALE_SERVICE_HOST and more, which
are not settings of ours; one called `greenscale-health` even becomes GREENSCALE_HEALTH_PORT.

Source: kubernetes 1.36, pkg/kubelet/envvars.
"""

import re
from collections.abc import Mapping

NAME = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)", re.ASCII)
"""Names that none of our settings has."""

ADDRESS = re.compile(r"(tcp|udp|sctp)://", re.IGNORECASE)
"""The value of <SERVICE>_PORT, where our setting of that name has a number."""


def without_service_links(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that Kubernetes did not write for a Service."""
    return {name: text for name, text in environment.items() if not is_service_link(name, text)}


def is_service_link(name: str, text: str) -> bool:
    """Return whether Kubernetes wrote this variable for a Service."""
    return bool(NAME.fullmatch(name) or (name.endswith("_PORT") and ADDRESS.match(text.strip())))
