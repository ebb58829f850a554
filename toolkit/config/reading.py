"""Read settings from a file, the environment and arguments, and check every one of them."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from toolkit.config.secrets import redact, remember, remember_all
from toolkit.config.section import Section
from toolkit.config.settings import STAGES, Settings
from toolkit.errors import ConfigError, choices

__all__ = ["Origin", "RawConfig", "read", "resolve"]

PREFIX = "TOOLKIT_"
FILE_VARIABLE = "TOOLKIT_CONFIG"
DEFAULT_FILE = "config.ini"
OptionModels = Mapping[str, Mapping[str, type[BaseModel]]]
"""Stage -> plugin -> the model of its options."""

_VARIABLE = re.compile(r"\$\{(\w+)\}")
HEADER = re.compile(r"^\s*\[(?P<name>.+)\]")
KEY = re.compile(r"^(?P<name>[^\s#;=:\[][^=:]*?)\s*[=:]")


@dataclass(frozen=True)
class Origin:
    """A value as it was given, and where. The value may be a secret, so a repr leaves it out."""

    value: Any = field(repr=False)
    where: str = ""


@dataclass
class RawConfig:
    """Unchecked settings: section -> key -> value. ``base`` is where relative paths start."""

    base: Path
    file: Path | None = None
    values: dict[str, dict[str, Origin]] = field(default_factory=dict)

    def put(self, section: str, key: str, value: Any, where: str) -> None:
        """Set a value, over an earlier one."""
        self.values.setdefault(section, {})[key] = Origin(value, where)

    def section(self, model: type[Section], name: str) -> Any:
        """One section on its own, before plugins are known."""
        known = {k: o for k, o in self.values.get(name, {}).items() if k in model.model_fields}
        return _build(model, known, name, self.base)


def read(
    file: str | os.PathLike[str] | None = None,
    arguments: Mapping[str, Mapping[str, Any]] | None = None,
    environ: Mapping[str, str] | None = None,
) -> RawConfig:
    """Collect settings; later sources win: file, environment, arguments.

    Args:
        file: The config file. None: ``$TOOLKIT_CONFIG``, else ``config.ini`` in this folder if
            there is one, else none.
        arguments: Section -> key -> value; a plugin's options lie in its stage's section:
            ``{"analysis": {"plugin": "qwen2vl", "qwen2vl": {"device": "cpu"}}}``.
        environ: The environment, ``os.environ`` if None.

    Raises:
        ConfigError: The file is missing or is not an ini file, or a ``${VAR}`` is not set.
    """
    environ = os.environ if environ is None else environ
    path = _find(file, environ)
    raw = RawConfig(base=path.parent if path else Path.cwd(), file=path)
    if path:
        _read_file(raw, path, environ)
    for name, value in environ.items():
        section, _, key = name.removeprefix(PREFIX).lower().rpartition("__")
        if name.startswith(PREFIX) and section:
            raw.put(section.replace("__", "."), key, value, f"environment variable {name}")
    for section, values in (arguments or {}).items():
        for key, value in values.items():
            if isinstance(value, Mapping):  # a plugin's own section: analysis={"qwen2vl": {...}}
                for name, option in value.items():
                    raw.put(f"{section}.{key}", name, option, "argument")
            else:
                raw.put(section, key, value, "argument")
    return raw


def _find(file: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    given = file or environ.get(FILE_VARIABLE)
    path = Path(given or DEFAULT_FILE).expanduser().absolute()
    if path.is_file():
        return path
    if given:
        raise ConfigError(
            f"There is no config file {path}.", hint="Make one with: toolkit config init"
        )
    return None


def _read_file(raw: RawConfig, path: Path, environ: Mapping[str, str]) -> None:
    parser = configparser.RawConfigParser(
        default_section="\0", empty_lines_in_values=False, comment_prefixes=("#", ";")
    )
    try:
        text = path.read_text(encoding="utf-8-sig")
        parser.read_string(text, source=str(path))
    except configparser.Error as error:
        # configparser quotes the line, and in the line may be a secret.
        raise ConfigError(_mistake(path.name, error), path=path) from None
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path} cannot be read: {error}", path=path) from error
    lines = _lines(text)
    for section in parser.sections():
        header = f"{path.name}:{lines.get((section, ''), 0)}"
        raw.put(section, "", "", header)  # so that an empty section has a place, too
        for key, value in parser.items(section):
            line = lines.get((section, key))
            where = f"{path.name}:{line}" if line else header

            def expand(match: re.Match[str], where: str = where) -> str:
                name = match[1]
                if name not in environ:
                    raise ConfigError(
                        f"{where}: the environment has no variable {name}.",
                        hint=f"Set it with: export {name}=...",
                    )
                if not _is_place(environ[name]):
                    remember(environ[name])
                return environ[name]

            raw.put(section, key, _VARIABLE.sub(expand, value), where)


def _mistake(name: str, error: configparser.Error) -> str:
    if isinstance(error, configparser.DuplicateSectionError):
        return f"{name}:{error.lineno}: there is a second section [{error.section}]."
    if isinstance(error, configparser.DuplicateOptionError):
        return f"{name}:{error.lineno}: [{error.section}] has '{error.option}' twice."
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"{name}:{error.lineno}: a [section] must come first."
    lines = [number for number, _ in getattr(error, "errors", [])]
    return f"{name}:{lines[0] if lines else 0}: this is neither [section] nor key = value."


def _is_place(value: str) -> bool:
    """Whether this is a path that exists, like ``${HOME}``: no secret, and part of other paths."""
    return os.path.isabs(value) and os.path.exists(value)  # noqa: PTH110, PTH117 - never raises


def _lines(text: str) -> dict[tuple[str, str], int]:
    """Line numbers, which configparser does not keep: of (section, key) and (section, "")."""
    found: dict[tuple[str, str], int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := HEADER.match(line):
            section = header["name"]
            found[section, ""] = number
        elif key := KEY.match(line):
            found[section, key["name"].strip().lower()] = number
    return found


def resolve(raw: RawConfig, models: OptionModels) -> Settings:
    """Check all values and build the settings.

    A key in a stage's section that is not the core's own goes to every chosen plugin of that
    stage that has such an option; a section ``[stage.plugin]`` speaks to one plugin alone.

    Args:
        raw: What was read.
        models: The option models of the plugins that are there.

    Raises:
        ConfigError: A section, key or value does not fit; the message says where it stands.
    """
    sections = {
        name: info.annotation
        for name, info in Settings.model_fields.items()
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section)
    }
    for name, values in raw.values.items():
        _check_names(name, values, sections, models)
    built: dict[str, Any] = {}
    options: dict[str, dict[str, BaseModel]] = {}
    for name, model in sections.items():
        values = raw.values.get(name, {})
        own = {key: origin for key, origin in values.items() if key in model.model_fields}
        built[name] = _build(model, own, name, raw.base)
        if name in STAGES:
            shared = {key: origin for key, origin in values.items() if key not in own and key}
            options[name] = _plugin_options(raw, name, built[name], shared, models.get(name, {}))
    return Settings(base=raw.base, options=options, **built)


def _check_names(
    name: str,
    values: Mapping[str, Origin],
    sections: Mapping[str, type[Section]],
    models: OptionModels,
) -> None:
    where = next(iter(values.values())).where
    stage, _, plugin = name.partition(".")
    if plugin and plugin in models.get(stage, {}):
        known = set(models[stage][plugin].model_fields)
    elif name in sections:
        known = set(sections[name].model_fields)
        known.update(*(model.model_fields for model in models.get(name, {}).values()))
    else:
        every = {*sections, *(f"{s}.{p}" for s, plugins in models.items() for p in plugins)}
        raise ConfigError(
            f"{where}: there is no section [{name}].", hint=choices(name, every), section=name
        )
    for key, origin in values.items():
        if key and key not in known:
            raise ConfigError(
                f"{origin.where}: [{name}] has no key '{key}'.",
                hint=choices(key, known),
                section=name,
                key=key,
            )


def _plugin_options(
    raw: RawConfig,
    stage: str,
    section: Any,
    shared: Mapping[str, Origin],
    models: Mapping[str, type[BaseModel]],
) -> dict[str, BaseModel]:
    chosen = section.plugin if isinstance(section.plugin, tuple) else (section.plugin,)
    found: dict[str, BaseModel] = {}
    for plugin, model in models.items():
        name = f"{stage}.{plugin}"
        own = {key: origin for key, origin in raw.values.get(name, {}).items() if key}
        if plugin in chosen:
            taken = {k: o for k, o in shared.items() if k in model.model_fields}
            found[plugin] = _build(model, {**taken, **own}, name, raw.base)
        elif own:
            found[plugin] = _build(model, own, name, raw.base)
    return found


def _build(model: type[BaseModel], values: Mapping[str, Origin], name: str, base: Path) -> Any:
    given = {key: origin.value for key, origin in values.items()}
    for key, value in given.items():
        kinds = _kinds(model, key)
        if SecretStr in kinds and isinstance(value, str):
            remember(value)  # before it is checked, for a check may quote it
        if type(None) in kinds and value == "":
            given[key] = None
    try:
        section = model.model_validate(given, context={"base": base})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        where = values[key].where if key in values else name
        reason = first["msg"].removeprefix("Value error, ").rstrip(".")
        # The value itself may be a secret, so the message says what would fit instead.
        raise ConfigError(
            f"{where}: [{name}] {key + ': ' if key else ''}{redact(reason)}.", section=name, key=key
        ) from None
    remember_all(section)
    return section


def _kinds(model: type[BaseModel], key: str) -> tuple[Any, ...]:
    """The types that a field may have."""
    annotation = model.model_fields[key].annotation
    return get_args(annotation) or (annotation,)
