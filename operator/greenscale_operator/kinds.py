"""The kinds of objects that the operator reads and writes, and where the API serves them.

Pure. A scaler's kinds are its own (`scalers`).
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Kind:
    """Where the API serves a kind."""

    kind: str
    group: str
    version: str
    plural: str
    missing_reason: str = "KindMissing"
    """The condition's reason where the cluster does not know the kind."""
    missing: str = ""
    """What that means, with the remedy."""

    @property
    def api_version(self) -> str:
        """The `apiVersion` of an object."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Return the path of the kind, of its objects in a namespace, or of one object."""
        base = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        base += f"/namespaces/{namespace}" if namespace else ""
        return f"{base}/{self.plural}" + (f"/{name}" if name else "")


WORKLOAD = Kind(
    "GreenScaleWorkload",
    "greenscale.dev",
    "v1alpha1",
    "greenscaleworkloads",
    missing="The CRD of GreenScaleWorkload is not installed: apply crds/greenscaleworkloads.yaml.",
)
DEPLOYMENT = Kind("Deployment", "apps", "v1", "deployments")
EVENT = Kind("Event", "events.k8s.io", "v1", "events")
POD = Kind("Pod", "", "v1", "pods")
SECRET = Kind("Secret", "", "v1", "secrets")
CONFIG_MAP = Kind("ConfigMap", "", "v1", "configmaps")
