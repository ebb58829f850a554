"""What ``[ray]`` takes, and what is said before Ray is asked for anything."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest

from toolkit.errors import ClusterError, ConfigError
from toolkit.execution.ray.job_api import url_of
from toolkit.execution.ray.tokens import read_token
from toolkit.execution.ray.versions import compare, needs, ours
from toolkit.hooks.manager import configure


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("address", "ray://head:10001", "toolkit cluster submit"),
        ("gpus_per_analyzer", "-1", "greater than or equal to 0"),
        ("attempts", "0", "greater than or equal to 1"),
        ("ship", "everything", "code"),
    ],
)
def test_what_does_not_fit_is_refused(key: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        configure(arguments={"ray": {key: value}})


def test_the_bounds_of_analyzers_are_in_order() -> None:
    with pytest.raises(ConfigError, match="analyzers_max"):
        configure(arguments={"ray": {"analyzers_min": 3, "analyzers_max": 2}})


def test_gpus_are_left_to_the_cluster_unless_told() -> None:
    settings, _, _ = configure(arguments={"ray": {"gpus_per_analyzer": ""}})
    assert settings.ray.gpus_per_analyzer is None


@pytest.mark.parametrize("name", ["Python", "Ray", "the toolkit"])
def test_another_version_is_named_beside_ours(name: str) -> None:
    with pytest.raises(ClusterError) as caught:
        compare("head:6379", {**ours(), name: "0.0.7"})
    assert f"{name} 0.0.7" in caught.value.message
    assert f"{name} {ours()[name]}" in caught.value.message
    compare("head:6379", ours())


def test_what_pip_is_to_install_has_the_chosen_extras_alone() -> None:
    distribution = "video-analysis-toolkit"
    bare = {line.partition(">")[0] for line in needs(distribution)}
    assert "polars" in bare
    assert not any(line.startswith(("av", "torch")) for line in bare)
    assert any(line.startswith("av") for line in needs(distribution, "pyav"))
    assert importlib.metadata.version(distribution)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("head", "http://head:8265"),
        ("head:8266", "http://head:8266"),
        ("http://head", "http://head:8265"),
        ("https://ray.example.org/team/", "https://ray.example.org/team"),
    ],
)
def test_the_job_apis_address_may_be_short(given: str, url: str) -> None:
    assert url_of(given) == url


@pytest.mark.parametrize("given", ["ray://head:10001", "http://"])
def test_no_job_api_is_there(given: str) -> None:
    with pytest.raises(ClusterError, match="job API"):
        url_of(given)


def test_an_empty_token_is_no_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("\n")
    with pytest.raises(ClusterError, match="no token"):
        read_token(file)
    with pytest.raises(ClusterError, match="token_file"):
        read_token(tmp_path / "none")
