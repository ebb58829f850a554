"""What a person has put together for a run: settings as text, as they stand in a config file.

No widget is here: a form shows a draft and puts text into it. Every value, of the core's sections
and of any plugin's options, goes the same way as one of ``config.ini``, by the same models.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from toolkit.config import Settings, redact
from toolkit.config.example import as_text
from toolkit.config.section import Section
from toolkit.config.settings import STAGES
from toolkit.config.writing import edited
from toolkit.errors import ConfigError, SourceError, ToolkitError
from toolkit.hooks.manager import configure
from toolkit.privacy.audit import AuditLog, config_written
from toolkit.sources import expand
from toolkit.stages.private import opened

__all__ = ["Draft", "is_optional", "is_secret"]

_PLAIN = (bool, int, float, str)


class Draft:
    """Sources and settings that are not yet a run.

    Args:
        file: The config file that it starts from; None as for every call of the toolkit.
        workspace: Where results are kept instead of ``[paths] workspace``.

    Raises:
        ConfigError: The file is missing or has a mistake.
    """

    def __init__(
        self, file: str | os.PathLike[str] | None = None, workspace: Path | None = None
    ) -> None:
        self.sources: tuple[str, ...] = ()
        self.detach = False
        self._workspace = workspace
        self.edits: dict[str, dict[str, str]] = {}
        self.load(file)

    def load(self, file: str | os.PathLike[str] | None = None) -> None:
        """Begin anew from a config file; plugins are looked for anew, too.

        Raises:
            ConfigError: The file is missing or has a mistake.
        """
        settings, self._plugins, self._raw = configure(file)
        self._settings = settings
        self._models = self._plugins.option_models()
        self.file = self._raw.file
        self.edits = {}
        if self._workspace is not None:
            self.put("paths", "workspace", str(self._workspace.absolute()))

    # ------------------------------------------------------------------ reading

    def plugins(self, stage: str) -> list[str]:
        """Names of the plugins that a stage can have."""
        return sorted(self._models.get(stage, {}))

    def model(self, section: str) -> type[BaseModel]:
        """The model of a section: the core's, such as "scenes", or a plugin's, "scenes.planes"."""
        stage, _, plugin = section.partition(".")
        if plugin:
            return self._models[stage][plugin]
        found = Settings.model_fields[section].annotation
        assert isinstance(found, type)
        assert issubclass(found, Section)
        return found

    def default(self, section: str, key: str) -> str:
        """What holds without an edit: the config's, or the model's own. Secrets are left out."""
        info = self.model(section).model_fields[key]
        if is_secret(info):
            return ""
        if (value := self._given(section, key)) is not None:
            return value if isinstance(value, str) else as_text(value)
        return as_text(info.get_default(call_default_factory=True))

    def text(self, section: str, key: str) -> str:
        """A value, as people write it."""
        return self.edits.get(section, {}).get(key, self.default(section, key))

    def chosen(self, stage: str) -> list[str]:
        """Names of a stage's plugins, in order."""
        return [name.strip() for name in self.text(stage, "plugin").split(",") if name.strip()]

    def _given(self, section: str, key: str) -> Any:
        values = self._raw.values
        if (origin := values.get(section, {}).get(key)) is not None:
            return origin.value
        stage, _, plugin = section.partition(".")
        of_all = plugin in self._settings.chosen(stage) if plugin else False
        shared = values.get(stage, {}).get(key) if of_all and key != "plugin" else None
        return shared.value if shared else None

    # ------------------------------------------------------------------ changing

    def put(self, section: str, key: str, text: str) -> None:
        """Set a value; that which holds anyway is no edit."""
        values = self.edits.setdefault(section, {})
        if text.strip() == self.default(section, key).strip():
            values.pop(key, None)
        else:
            values[key] = text.strip()
        if not values:
            del self.edits[section]

    def errors(self, section: str) -> dict[str, str]:
        """Key -> what is wrong with its value; "" for what is wrong with several together."""
        try:
            self._built(section)
        except ValidationError as error:
            found: dict[str, str] = {}
            for one in error.errors(include_input=False, include_url=False):
                key = str(one["loc"][0]) if one["loc"] else ""
                found.setdefault(key, redact(one["msg"].removeprefix("Value error, ")))
            return found
        if section in STAGES:
            for name in self.chosen(section):
                try:
                    self._plugins.get(section, name)
                except ToolkitError as error:
                    return {"plugin": str(error)}
        return {}

    def mistakes(self) -> dict[str, dict[str, str]]:
        """Section -> key -> what is wrong, of all the settings of a run."""
        found = {name: self.errors(name) for name in self.sections()}
        return {name: errors for name, errors in found.items() if errors}

    def sections(self) -> list[str]:
        """The core's sections, and those of the chosen plugins' options."""
        core = [
            name
            for name, info in Settings.model_fields.items()
            if isinstance(info.annotation, type) and issubclass(info.annotation, Section)
        ]
        models = self._models
        return core + [
            f"{stage}.{plugin}"
            for stage in STAGES
            for plugin in self.chosen(stage)
            if plugin in models.get(stage, {}) and models[stage][plugin].model_fields
        ]

    def check_sources(self) -> None:
        """See that each source leads somewhere, which may take a while.

        Raises:
            SourceError: One does not, or there is none.
        """
        if not self.sources:
            raise SourceError("Name at least one source.")
        wrong = [item[1] for item in expand(self.sources) if isinstance(item, tuple)]
        if wrong:
            raise SourceError("\n".join(map(str, wrong[:5])))

    def _built(self, section: str) -> BaseModel:
        model = self.model(section)
        values: dict[str, Any] = {}
        for key, info in model.model_fields.items():
            value = self.edits.get(section, {}).get(key, self._given(section, key))
            if value is not None:
                values[key] = None if value == "" and is_optional(info) else value
        return model.model_validate(values, context={"base": self._raw.base})

    # ------------------------------------------------------------------ using

    def arguments(self) -> dict[str, dict[str, Any]]:
        """The edits as ``toolkit.submit`` and ``toolkit.plan`` take them: settings by section.

        Raises:
            ConfigError: A value does not fit.
        """
        if wrong := self.mistakes():
            section, errors = next(iter(wrong.items()))
            key, reason = next(iter(errors.items()))
            raise ConfigError(f"[{section}] {key}: {reason}", section=section, key=key)
        return self._nested(self._value)

    def _nested(self, value: Callable[[str, str], Any]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for section, values in self.edits.items():
            stage, _, plugin = section.partition(".")
            into = found.setdefault(stage, {})
            if plugin:
                into = into.setdefault(plugin, {})
            into.update({key: value(section, key) for key in values})
        return {section: values for section, values in found.items() if values}

    def _value(self, section: str, key: str) -> Any:
        """A checked value if it is plain, as for a call; otherwise its text, or lines of text."""
        value = getattr(self._built(section), key)
        if isinstance(value, _PLAIN) or value is None:
            return value
        if isinstance(value, tuple):
            if all(isinstance(item, str) for item in value):
                return list(value)
            return self.edits[section][key].splitlines()
        return self.edits[section][key]

    def code(self) -> str:
        """The same as a call to copy. Secrets are not in it: a comment says where they come from.

        Raises:
            ConfigError: A value does not fit.
        """
        arguments = self.arguments()
        notes = []
        for section, values in self.edits.items():
            for key in values:
                if is_secret(self.model(section).model_fields[key]):
                    stage, _, plugin = section.partition(".")
                    del (arguments[stage][plugin] if plugin else arguments[stage])[key]
                    name = f"TOOLKIT_{section.replace('.', '__')}__{key}".upper()
                    notes.append(f"# {key} of {section}: from the environment's {name}")
        lines = [f"    {list(self.sources)!r},"]
        if self.file:
            lines.append(f"    config={str(self.file)!r},")
        lines += [f"    {name}={values!r}," for name, values in arguments.items() if values]
        if self.detach:
            lines.append("    detach=True,")
        return "\n".join([*notes, "import toolkit as tk", "", "run = tk.submit(", *lines, ")"])

    def save(self, file: Path) -> None:
        """Write the edits into a config file, whose comments stay, and go on from there.

        Raises:
            ConfigError: A value does not fit, is a secret, or the file cannot be written.
        """
        for section, values in self.edits.items():
            if errors := self.errors(section):
                key, reason = next(iter(errors.items()))
                raise ConfigError(f"[{section}] {key}: {reason}", section=section, key=key)
            for key in values:
                if is_secret(self.model(section).model_fields[key]):
                    raise ConfigError(
                        f"[{section}] {key} is a secret, and is not written to a file.",
                        hint="Write ${NAME} into the file yourself, and set NAME's variable.",
                    )
        file = file.expanduser().absolute()
        if file.exists() and self.file not in (None, file):
            raise ConfigError(f"{file} is there already.", hint="Load it first, then change it.")
        try:
            old = self.file or file
            text = old.read_text(encoding="utf-8-sig") if old.exists() else ""
            with opened(file, "w", encoding="utf-8") as written:
                written.write(edited(text, self.edits))
        except OSError as error:
            raise ConfigError(f"{file} cannot be written: {error.strerror}.") from error
        if self.workspace.is_dir():
            AuditLog(self.workspace).add("config", **config_written(file))
        workspace, self._workspace = self._workspace, None
        try:
            self.load(file)
        finally:
            self._workspace = workspace

    @property
    def workspace(self) -> Path:
        """Where the results of a run would be."""
        return self._raw.base / Path(self.text("paths", "workspace")).expanduser()

    @property
    def place(self) -> dict[str, Any]:
        """The arguments of a call that looks at that workspace."""
        return {"config": self.file, "workspace": self.workspace}


def is_secret(info: FieldInfo) -> bool:
    """Whether a field holds what must not be shown."""
    return SecretStr in (info.annotation, *get_args(info.annotation))


def is_optional(info: FieldInfo) -> bool:
    """Whether a field may be left empty for None."""
    return get_origin(info.annotation) is not None and type(None) in get_args(info.annotation)
