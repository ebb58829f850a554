"""What is written for `ray up` and for KubeRay fits Ray, this version, and each other."""

from __future__ import annotations

import importlib.metadata
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RAY = importlib.metadata.version("ray")
PAGE = (ROOT / "docs" / "ray-cluster.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]
AWS: dict[str, Any] = yaml.safe_load((ROOT / "ray_cluster.yaml").read_text(encoding="utf-8"))
GCP: dict[str, Any] = next(block for block in BLOCKS if "provider" in block)
KUBERAY: dict[str, Any] = next(block for block in BLOCKS if block.get("kind") == "RayCluster")
CLUSTERS = [pytest.param(AWS, id="AWS"), pytest.param(GCP, id="GCP")]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_ray_takes_it(cluster: dict[str, Any]) -> None:
    prepared = prepare_config(cluster)
    validate_config(prepared)
    most = sum(kind["max_workers"] for kind in prepared["available_node_types"].values())
    assert prepared["max_workers"] == most


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_ray_refuses_it_with_a_misspelt_key(cluster: dict[str, Any]) -> None:
    with pytest.raises(Exception, match="idle_timeout"):
        validate_config(prepare_config({**cluster, "idle_timeout": 10}))


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_head_does_no_work_and_workers_scale_from_zero(cluster: dict[str, Any]) -> None:
    kinds = cluster["available_node_types"]
    assert kinds["head"]["resources"]["CPU"] == 0
    assert "--num-cpus=0" in cluster["head_start_ray_commands"][-1]
    workers = {name: kind for name, kind in kinds.items() if name != "head"}
    assert all(kind["min_workers"] == 0 < kind["max_workers"] for kind in workers.values())
    assert [name for name, kind in workers.items() if kind["resources"].get("GPU")] == [
        "gpu-workers"
    ]
    spot = [name for name, kind in kinds.items() if "spot" in json.dumps(kind).lower()]
    assert spot == ["cpu-workers"]


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_it_is_closed_to_strangers(cluster: dict[str, Any]) -> None:
    assert cluster["provider"]["use_internal_ips"] is True
    head, worker = cluster["head_start_ray_commands"][-1], cluster["worker_start_ray_commands"][-1]
    for command in (head, worker):
        assert "RAY_AUTH_MODE=token" in command
        assert "RAY_USAGE_STATS_ENABLED=0" in command
    assert "--dashboard-host=127.0.0.1" in head
    assert cluster["file_mounts"]["/home/ray/.ray/auth_token"] == "~/.ray/auth_token"


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_all_machines_get_this_version(cluster: dict[str, Any]) -> None:
    images = [cluster["docker"]["image"]]
    images.append(cluster["available_node_types"]["gpu-workers"]["docker"]["worker_image"])
    for image in images:
        assert image.startswith(f"rayproject/ray:{RAY}-py311-")
    assert_installs_the_wheel(cluster["setup_commands"][0])


def test_the_image_for_kubernetes_has_this_version() -> None:
    dockerfile = re.search(r"```dockerfile\n(.*?)```", PAGE, re.DOTALL)
    assert dockerfile
    assert dockerfile[1].startswith(f"FROM rayproject/ray:{RAY}-py311-")
    assert_installs_the_wheel(dockerfile[1])
    groups = [KUBERAY["spec"]["headGroupSpec"], *KUBERAY["spec"]["workerGroupSpecs"]]
    for group in groups:
        [container] = group["template"]["spec"]["containers"]
        assert container["image"].endswith(f":{PROJECT['version']}")


def assert_installs_the_wheel(command: str) -> None:
    wheel = re.search(r"video_analysis_toolkit-(.+?)-\*\.whl\)\[(.+?)\]", command)
    assert wheel
    assert wheel[1] == PROJECT["version"]
    extras = set(wheel[2].split(","))
    assert extras <= set(PROJECT["optional-dependencies"])
    assert {"pyav", "qwen2vl", "ray", "signals"} <= extras


@pytest.mark.parametrize("cluster", CLUSTERS)
def test_kuberay_has_the_same_shape(cluster: dict[str, Any]) -> None:
    spec = KUBERAY["spec"]
    assert spec["rayVersion"] == RAY
    assert spec["authOptions"] == {"mode": "token"}
    idle_s = spec["autoscalerOptions"]["idleTimeoutSeconds"]
    assert idle_s == 60 * cluster["idle_timeout_minutes"]
    head = spec["headGroupSpec"]["rayStartParams"]
    assert head["dashboard-host"] == "127.0.0.1"
    kinds = dict(cluster["available_node_types"])
    kind = kinds.pop("head")["resources"]
    assert head["num-cpus"] == str(kind["CPU"])
    assert head["object-store-memory"] == str(kind["object_store_memory"])
    groups = {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    assert list(groups) == list(kinds)
    for name, group in groups.items():
        [container] = group["template"]["spec"]["containers"]
        has, wants = container["resources"]["limits"], kinds[name]["resources"]
        assert container["resources"]["requests"] == has
        assert (group["minReplicas"], group["maxReplicas"]) == (0, kinds[name]["max_workers"])
        assert has["cpu"] == str(wants["CPU"])
        assert has.get("nvidia.com/gpu", "0") == str(wants.get("GPU", 0))
        started = group["rayStartParams"]
        assert started["object-store-memory"] == str(wants["object_store_memory"])
        kinds_of_gpu = {key for key in wants if key.startswith("accelerator_type")}
        assert kinds_of_gpu == set(json.loads(json.loads(started.get("resources", '"{}"'))))
