"""How Argo CD and Flux judge a resource: by their own Lua and CEL engines, built from their Go modules.

`tests/gitops` has the two programs. Building them takes two minutes once, seconds afterwards.
"""

import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

from greenscale_testing.control_plane import ROOT
from greenscale_testing.kubernetes import Manifest

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "greenscale" / "gitops"

HEALTH_KEY = "resource.customizations.health.greenscale.dev_GreenScaleWorkload"


def argocd_health(settings: Manifest, resource: Manifest, folder: Path) -> Manifest:
    """Return the health of a resource under an argocd-cm: `status` and `message`."""
    file = folder / "argocd-cm.json"
    file.write_text(json.dumps(settings))
    return _ask("argocd", file, resource)


def flux_status(resource: Manifest) -> str:
    """Return the status of a resource under deploy/flux/workloads.yaml: Current, InProgress or Failed."""
    found: str = _ask("flux", ROOT / "deploy" / "flux" / "workloads.yaml", resource)["status"]
    return found


def _ask(name: str, configuration: Path, resource: Manifest) -> Manifest:
    run = subprocess.run(
        [_program(name), configuration], input=json.dumps(resource), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    answer: Manifest = json.loads(run.stdout)
    return answer


@functools.cache
def _program(name: str) -> Path:
    go = shutil.which("go")
    assert go, f"Go is needed to build tests/gitops/{name}: install it (https://go.dev/doc/install) and run again"
    program = CACHE / name
    run = subprocess.run(
        [go, "build", "-trimpath", "-o", program, "."],
        cwd=ROOT / "tests" / "gitops" / name,
        env={**os.environ, "CGO_ENABLED": "0"},  # as tests/e2e/cluster/build, whose packages are shared then
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return program
