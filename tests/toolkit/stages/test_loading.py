"""Loading torch leaves the collector as it was, and other threads go on meanwhile."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

LOAD = """
import gc
from toolkit.stages.loading import loading, unloaded
{before}
try:
    with loading():
        {load}
        assert not gc.isenabled()
except ImportError:
    pass
print(gc.isenabled(), gc.get_freeze_count() > 0)
unloaded() if {good} else None
print(gc.isenabled(), gc.get_freeze_count() > 0)
"""


def said(before: str = "", load: str = "import torch", *, good: bool = True) -> list[str]:
    code = LOAD.format(before=before, load=load, good=good)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split("\n")[:2]


def test_what_was_loaded_is_passed_over_while_it_is_wanted() -> None:
    pytest.importorskip("torch")
    assert said() == ["True True", "True False"]


def test_whoever_minds_the_collector_themselves_is_left_to_it() -> None:
    assert said("gc.disable()", "import json") == ["False True", "False False"]
    assert said("gc.freeze()", "import json") == ["True True", "True True"]


def test_what_cannot_be_loaded_changes_nothing() -> None:
    assert said("", "import no_such_library", good=False) == ["True False", "True False"]


def test_torch_is_linked_before_it_is_imported_and_works() -> None:
    pytest.importorskip("torch")
    if sys.platform != "linux":
        pytest.skip("torch links by itself here")
    code = """
from pathlib import Path
import toolkit.stages.loading as loading
loading._link()
assert "libtorch_cpu" in Path("/proc/self/maps").read_text()
import torch
print((torch.ones(64, 64) @ torch.ones(64, 64)).sum().item())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "262144.0"
