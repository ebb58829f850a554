"""One ``config.ini`` for everything: what can be set, how it is read, and an example of it.

Defaults give way to the file, the file to the environment, the environment to arguments.
"""

from toolkit.config.ray import RaySettings
from toolkit.config.reading import Origin, RawConfig, read, resolve
from toolkit.config.secrets import redact
from toolkit.config.settings import Settings
from toolkit.config.values import Words

__all__ = ["Origin", "RawConfig", "RaySettings", "Settings", "Words", "read", "redact", "resolve"]
