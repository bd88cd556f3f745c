"""The ``opetence`` command. Heavy imports wait until a subcommand needs them: ``--help`` answers at once."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command; what is wrong is said in one line, on standard error, with exit code 1."""
    from opetence_assets.command.app import app
    from opetence_assets.command.output import failure

    try:
        app()
    except Exception as error:
        if not failure(error):
            raise
        sys.exit(1)
