"""The command ``toolkit``. One file a command group; what is heavy loads when a command runs."""

from toolkit.cli.app import main

__all__ = ["main"]
