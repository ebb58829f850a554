"""What every plugin's record must hold, a part of all suites.

A suite's subclass gives its plugin as the fixture ``plugin``. A component that is no plugin yet can
be tested by itself, by the fixture or method that the suite calls ``made``; the tests of the record
are skipped then.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest

from toolkit.hooks.specs import Context, Plugin
from toolkit.stages.component import Options

__all__ = ["PluginSuite"]

_HEAVY = frozenset(
    {"av", "cv2", "numpy", "polars", "pymongo", "ray", "tensorflow", "torch", "transformers"}
)


class PluginSuite:
    """Tests of a record and of what its factory makes.

    Attributes:
        made: The fixture or method that gives what is tested, made from the plugin unless a
            subclass says otherwise.
    """

    made: ClassVar[str] = ""

    @pytest.fixture
    def plugin(self) -> Any:
        """The plugin under test; a subclass gives it."""
        owner = next(one for one in type(self).__mro__ if self.made in vars(one))
        if owner.__module__.startswith("toolkit.testing."):
            raise NotImplementedError("give the plugin under test as the fixture 'plugin'")
        pytest.skip("no plugin was given: its component is tested by itself")

    @pytest.fixture
    def options(self, plugin: Plugin) -> Options:
        """Its options; the defaults, unless a subclass says otherwise."""
        return plugin.options()

    @pytest.fixture
    def context(self, tmp_path: Path) -> Context:
        """Where it works: an empty folder."""
        return Context(tmp_path, tmp_path)

    def test_its_record_can_be_listed_and_chosen(self, plugin: Plugin) -> None:
        assert re.fullmatch("[a-z][a-z0-9_-]*", plugin.name)
        assert plugin.version
        assert plugin.summary
        assert "\n" not in plugin.summary

    def test_options_have_defaults_and_say_what_they_mean(self, plugin: Plugin) -> None:
        plugin.options()
        fields = plugin.options.model_fields
        assert all(field.description for field in fields.values())
        assert plugin.options.neutral <= set(fields)

    def test_identity_is_json_and_the_same_for_the_same_options(
        self, plugin: Plugin, options: Options, context: Context
    ) -> None:
        with plugin.factory(options, context) as one, plugin.factory(options, context) as other:
            assert json.loads(json.dumps(one.identity())) == other.identity()

    def test_closing_twice_is_fine(
        self, plugin: Plugin, options: Options, context: Context
    ) -> None:
        component = plugin.factory(options, context)
        component.close()
        component.close()

    def test_its_module_imports_nothing_heavy(self, plugin: Plugin) -> None:
        """Every command imports it: what is heavy belongs inside the factory and the methods."""
        module = inspect.getmodule(plugin.factory)
        name = module.__name__ if module else ""
        if name not in sys.modules or name == "__main__" or not importlib.util.find_spec(name):
            pytest.skip("its factory is in no module that can be imported")
        script = f"import {name}, json, sys; print(json.dumps(sorted(sys.modules)))"
        done = subprocess.run(  # noqa: S603 - this Python
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        loaded = set(json.loads(done.stdout.splitlines()[-1]))
        assert not loaded & _HEAVY
