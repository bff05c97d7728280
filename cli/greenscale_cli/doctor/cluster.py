"""Requests to the Kubernetes API; objects are plain dicts, as in YAML."""

import json
import os
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 5.0

Manifest = dict[str, Any]


class NoCluster(Exception):
    """No cluster can be reached; the text says why."""


class Refused(Exception):
    """The API answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Cluster:
    """The cluster of the kubeconfig's current context."""

    def __init__(self) -> None:
        """Load the kubeconfig.

        Raises:
            NoCluster: No kubeconfig is there, or it cannot be read, or the package kubernetes is missing.
        """
        # Path.home() fails for a user whom /etc/passwd does not know.
        paths = os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")  # noqa: PTH111
        if not any(Path(path).exists() for path in paths.split(os.pathsep)):
            raise NoCluster(f"no kubeconfig found ({paths}); set KUBECONFIG if there is a cluster")
        try:
            import urllib3  # noqa: PLC0415
            from kubernetes import client, config  # noqa: PLC0415
        except ModuleNotFoundError:
            raise NoCluster("the package kubernetes is missing: pip install 'greenscale[cli]'") from None
        configuration = client.Configuration()
        try:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        except Exception as error:  # noqa: BLE001 - whatever is wrong in a foreign file
            raise NoCluster(f"the kubeconfig cannot be used ({' '.join(str(error).split())[:200]})") from None
        configuration.retries = False
        # A kubeconfig without TLS verification is its owner's choice; urllib3 would warn at every request.
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._api = client.ApiClient(configuration)

    def ask(self, path: str, *, body: Manifest | None = None) -> Manifest:
        """Get an object, or post `body` and return the response.

        Raises:
            NoCluster: The API server does not answer.
            Refused: The answer is an error.
        """
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        try:
            request = self._api.param_serialize(
                "POST" if body else "GET", path, header_params=headers, body=body, auth_settings=["BearerToken"]
            )
            response = self._api.call_api(*request, _request_timeout=TIMEOUT_SECONDS)
            data = response.read()  # type: ignore[no-untyped-call]
            if not 200 <= response.status < 300:  # noqa: PLR2004
                raise Refused(response.status, _message(data))
        except ApiException as error:
            raise Refused(int(error.status or 0), _message(error.body)) from None
        except (HTTPError, OSError) as error:
            why = " ".join(str(error).split())[:200]
            raise NoCluster(
                f"the API server does not answer ({why}); is the cluster up, and the context right?"
            ) from None
        found: Manifest = json.loads(data)
        return found


def _message(body: Any) -> str:
    try:
        return str(json.loads(body)["message"])
    except (TypeError, ValueError, KeyError):
        return "no reason given"
