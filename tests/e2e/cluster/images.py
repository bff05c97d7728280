"""Writes OCI images without a builder.

images.py program OUT.tar NAME ENTRYPOINT SOURCE=PATH...    an archive with a few files, for a static program
images.py layout ROOT OUT                                   a layout folder with a whole root file system
"""

import hashlib
import json
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

KIND = "application/vnd.oci.image."
PLATFORM = {"architecture": "amd64", "os": "linux"}


def write_layout(out: Path, layer: Path, config: dict[str, Any], *, name: str | None = None) -> None:
    """Write a layout of one layer, which is moved into it."""
    blobs = out / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    with layer.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = layer.stat().st_size
    layer.rename(blobs / digest)
    layers = [{"mediaType": f"{KIND}layer.v1.tar", "digest": f"sha256:{digest}", "size": size}]
    described = {**PLATFORM, "config": config, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]}}
    config_blob = _put(blobs, described, "config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": f"{KIND}manifest.v1+json", "config": config_blob, "layers": layers}
    entry = {**_put(blobs, manifest, "manifest.v1+json"), "platform": PLATFORM}
    if name:
        entry["annotations"] = {"io.containerd.image.name": name}
    (out / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (out / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))


def _put(blobs: Path, content: dict[str, Any], media: str) -> dict[str, Any]:
    data = json.dumps(content).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": KIND + media, "digest": f"sha256:{digest}", "size": len(data)}


def program(out: str, name: str, entrypoint: str, *files: str) -> None:
    """Write an archive of an image that holds these files and runs one of them as nobody."""
    with tempfile.TemporaryDirectory(dir=Path(out).parent) as folder:
        layer = Path(folder, "layer")
        with tarfile.open(layer, "w") as tar:
            for pair in files:
                source, _, path = pair.partition("=")
                info = tar.gettarinfo(source, arcname=path)
                info.mode, info.uid, info.gid = 0o755, 0, 0
                with Path(source).open("rb") as content:
                    tar.addfile(info, content)
        layout = Path(folder, "layout")
        layout.mkdir()
        write_layout(layout, layer, {"User": "65532:65532", "Entrypoint": [entrypoint]}, name=name)
        with tarfile.open(out, "w") as tar:
            tar.add(layout, arcname=".")


def layout(root: str, out: str) -> None:
    """Write a layout of a root file system."""
    Path(out).mkdir(parents=True, exist_ok=True)
    layer = Path(out, "layer")
    with tarfile.open(layer, "w") as tar:
        tar.add(root, arcname=".")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    write_layout(Path(out), layer, {"Env": [f"PATH={path}"], "Cmd": ["python3"]})


if __name__ == "__main__":
    if sys.argv[1] == "program":
        program(*sys.argv[2:])
    else:
        layout(*sys.argv[2:])
