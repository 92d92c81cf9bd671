"""The Kubernetes manifests as objects: by kubectl where it is installed, else as far as plain reading goes.

Plain reading knows resources, generated ConfigMaps and image tags, but neither patches nor names with hashes.
"""

from __future__ import annotations

import shutil
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

K8S = Path(__file__).parents[2] / "deploy" / "k8s"
FOLDERS = {"base": K8S / "base", "dev": K8S / "overlays" / "dev"}
READERS = ["plain", *(["kubectl"] if shutil.which("kubectl") else [])]

Manifest = dict[str, Any]


def manifests(folder: Path, reader: str) -> list[Manifest]:
    """All objects of a base or overlay, for the caller to change."""
    return deepcopy(_read(folder, reader))


@cache
def _read(folder: Path, reader: str) -> list[Manifest]:
    if reader == "plain":
        return _plain(folder)
    rendered = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert rendered.returncode == 0, rendered.stderr
    return list(yaml.safe_load_all(rendered.stdout))


def of_kind(objects: list[Manifest], *kinds: str) -> list[Manifest]:
    return [each for each in objects if each["kind"] in kinds]


def pod_of(workload: Manifest) -> Manifest:
    pod: Manifest = workload["spec"]["template"]["spec"]
    return pod


def _plain(folder: Path) -> list[Manifest]:
    content = yaml.safe_load((folder / "kustomization.yaml").read_text())
    objects: list[Manifest] = []
    for name in content["resources"]:
        path = folder / name
        objects += _plain(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))
    for generated in content.get("configMapGenerator", []):
        _merge(objects, generated, folder)
    tags = {image["name"]: image["newTag"] for image in content.get("images", [])}
    for workload in of_kind(objects, "Deployment", "StatefulSet"):
        for container in pod_of(workload)["containers"]:
            if container["image"] in tags:
                container["image"] += f":{tags[container['image']]}"
    return objects


def _merge(objects: list[Manifest], generated: Manifest, folder: Path) -> None:
    data = dict(literal.split("=", 1) for literal in generated.get("literals", []))
    data |= {name: (folder / name).read_text() for name in generated.get("files", [])}
    name = generated["name"]
    for present in of_kind(objects, "ConfigMap"):
        if present["metadata"]["name"] == name:
            present["data"] |= data
            return
    objects.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
