"""Settings: which source wins, what a mistake says, and that no secret is ever shown."""

from __future__ import annotations

import json
import logging
import pickle
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import Field, SecretStr, field_validator

from toolkit.config import RawConfig, Settings, read, redact, resolve
from toolkit.config.example import example
from toolkit.config.privacy import Privacy, Redaction
from toolkit.config.secrets import Discreet
from toolkit.config.settings import Logging
from toolkit.errors import ConfigError
from toolkit.hooks.manager import PluginManager
from toolkit.logs import set_up
from toolkit.stages.component import Options

ROOT = Path(__file__).parents[2]
SECRET = 'hunter2 "quoted" /slashed\\'


class StoreOptions(Options):
    """A store on a server."""

    neutral: ClassVar[frozenset[str]] = frozenset({"password"})
    uri: str = Field("", description="Where it is.")
    password: SecretStr = Field(SecretStr(""), description="How to get in.")
    timeout_s: float = Field(5.0, gt=0, description="How long to wait.")
    pool: int | None = Field(None, description="How many connections; empty: as many as needed.")

    @field_validator("password")
    @classmethod
    def _long(cls, password: SecretStr) -> SecretStr:
        if len(password.get_secret_value()) == 7:
            raise ValueError(f"{password.get_secret_value()} is no password")
        return password


class DetectorOptions(Options):
    """A detector."""

    threshold: float = Field(27.0, description="From which change on it is a cut.")


MODELS: dict[str, dict[str, type[Options]]] = {
    "store": {"server": StoreOptions, "file": Options},
    "scenes": {"adaptive": DetectorOptions, "content": DetectorOptions},
}


def settings(
    folder: Path,
    text: str = "",
    environ: Mapping[str, str] | None = None,
    **arguments: Mapping[str, Any],
) -> Settings:
    return resolve(raw(folder, text, environ, **arguments), MODELS)


def raw(
    folder: Path,
    text: str = "",
    environ: Mapping[str, str] | None = None,
    **arguments: Mapping[str, Any],
) -> RawConfig:
    file = folder / "studio.ini"
    file.write_text(text, encoding="utf-8")
    return read(file, arguments, environ or {})


def mistake(folder: Path, text: str = "", environ: Mapping[str, str] | None = None) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        settings(folder, text, environ)
    return caught.value


# ---------------------------------------------------------------------- where settings come from


def test_defaults_give_way_to_file_environment_and_arguments(tmp_path: Path) -> None:
    file = "[scenes]\nplugin = content\n"
    environ = {"TOOLKIT_SCENES__PLUGIN": "hash"}
    assert settings(tmp_path).scenes.plugin == "planes"
    assert settings(tmp_path, file).scenes.plugin == "content"
    assert settings(tmp_path, file, environ).scenes.plugin == "hash"
    assert settings(tmp_path, file, environ, scenes={"plugin": "x"}).scenes.plugin == "x"


def test_without_a_name_the_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read(environ={}).file is None
    (tmp_path / "config.ini").touch()
    assert read(environ={}).file == tmp_path / "config.ini"
    other = tmp_path / "folder" / "other.ini"
    other.parent.mkdir()
    other.touch()
    found = read(environ={"TOOLKIT_CONFIG": str(other)})
    assert found.file == other
    assert found.base == other.parent  # relative paths start there, not where one stands


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no config file .*none\.ini") as caught:
        read(tmp_path / "none.ini", environ={})
    assert "config init" in (caught.value.hint or "")


def test_a_key_in_a_stages_section_reaches_its_chosen_plugins(tmp_path: Path) -> None:
    text = "[scenes]\nplugin = content\nthreshold = 30\n"
    options = settings(tmp_path, text).options["scenes"]
    assert options["content"] == DetectorOptions(threshold=30)
    assert "adaptive" not in options


def test_a_plugins_own_section_wins_and_speaks_to_it_alone(tmp_path: Path) -> None:
    text = (
        "[scenes]\nthreshold = 30\n[scenes.adaptive]\nthreshold = 40\n[scenes.content]\nthreshold=9"
    )
    options = settings(tmp_path, text).options["scenes"]
    assert options["adaptive"] == DetectorOptions(threshold=40)
    assert options["content"] == DetectorOptions(threshold=9)


def test_the_environment_reaches_a_plugins_section(tmp_path: Path) -> None:
    environ = {"TOOLKIT_STORE__SERVER__TIMEOUT_S": "7", "TOOLKIT_STORE__PLUGIN": "server"}
    assert settings(tmp_path, "", environ).options["store"]["server"] == StoreOptions(timeout_s=7)


def test_lists_bools_and_nothing_are_read_as_people_write_them(tmp_path: Path) -> None:
    text = (
        "[analysis]\nplugin = signals, qwen2vl\ndescribe = off\nquestions =\n"
        "  How many people, and who?\n  Is it night?\n[store.server]\npool =\n"
    )
    found = settings(tmp_path, text)
    assert found.analysis.plugin == ("signals", "qwen2vl")
    assert found.analysis.describe is False
    assert [q.text for q in found.analysis.questions] == [
        "How many people, and who?",
        "Is it night?",
    ]
    assert found.options["store"]["server"] == StoreOptions(pool=None)


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    assert settings(tmp_path, "\ufeff[scenes]\r\nplugin = content\r\n").scenes.plugin == "content"


# ---------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[scene]\nplugin = x", "studio.ini:1: there is no section [scene].", "'scenes'"),
        ("\n[store.servr]\n", "studio.ini:2: there is no section [store.servr].", "'store.server'"),
        ("[scenes]\n\nplugn = x", "studio.ini:3: [scenes] has no key 'plugn'.", "'plugin'"),
        ("[store.server]\nurl = x", "studio.ini:2: [store.server] has no key 'url'.", "'uri'"),
        ("[DEFAULT]\nplugin = x", "studio.ini:1: there is no section [DEFAULT].", "Known:"),
        ("plugin = x", "studio.ini:1: a [section] must come first.", ""),
        ("[scenes]\nplugin", "studio.ini:2: this is neither [section] nor key = value.", ""),
        ("[scenes]\n[store]\n[scenes]", "studio.ini:3: there is a second section [scenes].", ""),
        ("[scenes]\nplugin=a\nplugin=b", "studio.ini:3: [scenes] has 'plugin' twice.", ""),
        (
            "[execution]\nscan_threads = many",
            "studio.ini:2: [execution] scan_threads: Input should be a valid integer",
            "",
        ),
        ("[store.server]\n\ntimeout_s = 0", "studio.ini:3: [store.server] timeout_s: Input", ""),
        ("[logging]\nlevel = loud", "studio.ini:2: [logging] level: Input should be 'debug'", ""),
        ("[privacy]\nremote = maybe", "[privacy] remote: Input should be 'deny' or 'allow'", ""),
    ],
)
def test_a_mistake_names_its_line_and_what_fits(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    error = mistake(tmp_path, text)
    assert message in error.message
    assert hint in (error.hint or "")


def test_a_mistake_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    error = mistake(tmp_path, "", {"TOOLKIT_SCENES__PLUGN": "x"})
    assert "environment variable TOOLKIT_SCENES__PLUGN" in error.message


def test_a_variable_that_is_not_set_names_line_and_way_out(tmp_path: Path) -> None:
    error = mistake(tmp_path, "[store]\nplugin = file\n[store.server]\nuri = ${DB_URI}")
    assert error.message == "studio.ini:4: the environment has no variable DB_URI."
    assert "export DB_URI=" in (error.hint or "")


def test_a_file_that_is_no_text_is_a_config_error(tmp_path: Path) -> None:
    file = tmp_path / "studio.ini"
    file.write_bytes(b"\xff\xfe\x00[scenes]")
    with pytest.raises(ConfigError, match="cannot be read"):
        read(file, environ={})


# ---------------------------------------------------------------------- secrets

WITH_SECRETS = """
[store]
plugin = server
uri = db://user:${DB_PASSWORD}@host
password = ${DB_PASSWORD}
"""


@pytest.fixture
def secretive(tmp_path: Path) -> Settings:
    return settings(tmp_path, WITH_SECRETS, {"DB_PASSWORD": SECRET})


def test_a_plugin_gets_its_secret(secretive: Settings) -> None:
    options = secretive.options["store"]["server"]
    assert isinstance(options, StoreOptions)
    assert options.password.get_secret_value() == SECRET
    assert options.uri == f"db://user:{SECRET}@host"


def test_no_secret_in_a_repr(tmp_path: Path, secretive: Settings) -> None:
    config = raw(tmp_path, WITH_SECRETS, {"DB_PASSWORD": SECRET})
    options = secretive.options["store"]["server"]
    for shown in (secretive, options, str(options), config, config.values, {"x": options}):
        assert "hunter2" not in repr(shown)
    assert "db://user:***@host" in repr(options)


def test_no_secret_in_a_runs_row(secretive: Settings) -> None:
    row = json.dumps(secretive.shown())
    assert "hunter2" not in row
    assert "db://user:***@host" in row


def test_no_secret_in_an_error(tmp_path: Path) -> None:
    for value in ("hunter7", SECRET):
        environ = {"PASSWORD": value}
        for text in (
            "[store.server]\npassword = ${PASSWORD}\ntimeout_s = ${PASSWORD}",
            "[scenes]\nplugin = x\n[store.server]\npassword = ${PASSWORD}\nurl = ${PASSWORD}",
        ):
            error = mistake(tmp_path, text, environ)
            assert "hunter" not in repr((error, error.args, error.context, error.__cause__))
    # A password that was given as plain text, and that its plugin's own check quotes.
    assert "hunter3" not in str(mistake(tmp_path, "[store.server]\npassword = hunter3"))
    # A line that the reader of ini files would quote.
    error = mistake(tmp_path, "[store.server]\nhunter4")
    assert "hunter4" not in repr((error.message, error.__cause__))


def test_no_secret_in_what_is_printed_in_another_form() -> None:
    class Thing(Discreet):
        text: str

    error = ValueError(f"{SECRET!r} {json.dumps(SECRET)} {Thing(text=SECRET)!r}")
    assert "hunter2" not in redact(str(error))
    assert "hunter2" not in redact("db://user:hunter2%20%22quoted%22%20%2Fslashed%5C@host")


@pytest.fixture
def own_log() -> Iterator[None]:
    """The log is afterwards as it was."""
    root = logging.getLogger()
    level = root.level
    yield
    logging.captureWarnings(capture=False)
    root.setLevel(level)
    for handler in [one for one in root.handlers if one.name == "toolkit"]:
        root.removeHandler(handler)
        handler.close()


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_secret_in_the_log(
    secretive: Settings, tmp_path: Path, form: str, own_log: None
) -> None:
    options = {"level": "info", "format": form, "file": "toolkit.log"}
    set_up(Logging.model_validate(options), Privacy(), Redaction(), tmp_path)
    log = logging.getLogger("toolkit.somewhere")
    try:
        raise ValueError(f"bad {SECRET}")
    except ValueError:
        log.exception("%s failed with %s", "it", SECRET, stack_info=True)
    log.info("second\nline")
    log.debug("too small")
    logging.getLogger("elsewhere").info("not ours")
    logging.getLogger("elsewhere").warning("theirs, and %s", SECRET)
    text = (tmp_path / "toolkit.log").read_text(encoding="utf-8")
    assert "hunter2" not in text
    assert "it failed with ***" in text
    assert "ValueError: bad ***" in text
    assert "theirs" in text
    assert "not ours" not in text
    assert "too small" not in text
    if form == "json":
        lines = [json.loads(line) for line in text.splitlines()]
        assert [line["level"] for line in lines] == ["error", "info", "warning"]
        assert lines[1]["message"] == "second\nline"


def test_a_place_is_no_secret(tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    found = settings(tmp_path, "[paths]\nworkspace = ${PLACE}/work", {"PLACE": str(films)})
    assert found.workspace == films / "work"
    assert redact(str(films)) == str(films)


def test_a_short_value_does_not_blank_out_everything(tmp_path: Path) -> None:
    settings(tmp_path, "[store.server]\nuri = ${SHORT}", {"SHORT": "cpu"})
    assert redact("on the cpu") == "on the cpu"


def test_errors_of_the_config_cross_processes(tmp_path: Path) -> None:
    error = mistake(tmp_path, "[scene]\n")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.message, copy.hint) == (error.message, error.hint)


# ---------------------------------------------------------------------- the example


@pytest.fixture(scope="module")
def first_party() -> dict[str, dict[str, Any]]:
    """Option models of the plugins of this repository, whatever else is installed."""
    manager = PluginManager()
    manager.load_entry_points()
    packages = tuple(path.name for path in (ROOT / "plugins").glob("toolkit_*"))
    models: dict[str, dict[str, Any]] = {}
    for plugin, provider in manager.plugins():
        if provider.startswith(packages):
            models.setdefault(plugin.stage, {})[plugin.name] = plugin.options
    return models


def test_the_example_is_up_to_date(first_party: dict[str, dict[str, Any]]) -> None:
    written = (ROOT / "config.ini.example").read_text(encoding="utf-8")
    assert written == example(first_party), "run: toolkit config init config.ini.example --force"


def test_the_example_uncommented_is_the_defaults(
    first_party: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    lines = example(first_party).partition("[paths]\n")[2].splitlines()
    keys = [line.removeprefix("# ") if re.match(r"# \w+ =", line) else line for line in lines]
    file = tmp_path / "config.ini"
    file.write_text("\n".join(["[paths]", *keys]), encoding="utf-8")
    config = read(file, environ={})
    found = resolve(config, first_party)
    defaults = resolve(RawConfig(base=tmp_path), first_party)
    for name in defaults.shown():
        if "." not in name:
            assert getattr(found, name) == getattr(defaults, name)
    for stage, plugins in first_party.items():
        for name, model in plugins.items():
            if model.model_fields:
                assert found.options[stage][name] == model()
                assert set(config.values[f"{stage}.{name}"]) == {"", *model.model_fields}


def test_every_setting_is_described(first_party: dict[str, dict[str, Any]]) -> None:
    models = [info.annotation for info in Settings.model_fields.values()]
    models += [model for plugins in first_party.values() for model in plugins.values()]
    for model in models:
        for key, info in getattr(model, "model_fields", {}).items():
            assert info.description, f"{model}.{key}"
            assert not info.is_required(), f"{model}.{key}"
