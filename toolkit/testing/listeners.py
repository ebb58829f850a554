"""What every listener must do: a plugin that hears what happens in a run.

    class TestMine(ListenerSuite):
        @pytest.fixture
        def listener(self):
            return my_module  # or an object with the hooks

Needs pytest, and the extra ``pyav`` for the run that is listened to.
"""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from toolkit.errors import StoreError
from toolkit.hooks.manager import PluginManager, configure
from toolkit.hooks.specs import LIFECYCLE

__all__ = ["ListenerSuite"]

STAGES = ("acquire", "scan", "analyze", "tag", "synthesize")


class ListenerSuite:
    """Tests of the hooks ``toolkit_before_stage``, ``_after_stage`` and ``_on_stage_error``."""

    @pytest.fixture
    def listener(self) -> object:
        """The module or object under test; a subclass gives it."""
        raise NotImplementedError("give what is under test as the fixture 'listener'")

    @pytest.fixture
    def alone(self, listener: object) -> PluginManager:
        """The toolkit with this plugin and no other."""
        manager = PluginManager()
        manager.register(listener, "the listener")
        return manager

    def test_it_has_hooks_that_the_toolkit_calls(
        self, listener: object, alone: PluginManager
    ) -> None:
        assert any(hasattr(listener, name) for name in LIFECYCLE)
        assert [found for found, _ in alone.listeners()] == [listener]

    def test_it_takes_what_it_is_told_of_every_stage_from_many_threads(
        self, alone: PluginManager
    ) -> None:
        def tell(number: int) -> None:
            stage, item = STAGES[number % len(STAGES)], f"item {number}"
            alone.hook.toolkit_before_stage(stage=stage, item_id=item)
            alone.hook.toolkit_after_stage(stage=stage, item_id=item, seconds=number / 7)
            error = StoreError("The disk is full.", hint="Make room.", retriable=True)
            alone.hook.toolkit_on_stage_error(stage=stage, item_id=item, error=error)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(tell, range(200)))

    def test_it_listens_to_a_run_without_trouble(
        self, listener: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        from toolkit.execution.api import start
        from toolkit.testing.clips import random_shots, write_film

        rng = random.Random(3)
        write_film(tmp_path / "film.mp4", random_shots(rng, 2), rng=rng)
        broken = tmp_path / "broken.mp4"
        broken.write_text("This is no video.")
        arguments: dict[str, dict[str, object]] = {
            "paths": {"workspace": tmp_path / "work"},
            "analysis": {"plugin": ""},
        }
        settings, plugins, _ = configure(None, arguments)
        if listener not in [found for found, _ in plugins.listeners()]:
            plugins.register(listener, "the listener")
        run = start([tmp_path / "film.mp4", broken], settings, plugins).wait()
        assert len(run.scenes) == 2
        assert len(run.failures) == 1
        assert not [record for record in caplog.records if record.exc_info]
