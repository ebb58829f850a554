"""``python -m toolkit.cli`` is the command ``toolkit``."""

from toolkit.cli.app import main

main()
