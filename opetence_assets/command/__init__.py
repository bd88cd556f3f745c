"""The ``opetence`` command. Heavy imports wait until a subcommand needs them: ``--help`` answers at once."""

from __future__ import annotations

import gc
import os
import sys

COLLECTED_AFTER = 10_000  # new objects: at 700 of them, as Python would, a twentieth of a run is looking for garbage


def main() -> None:
    """Runs the command; what is wrong is said in one line, on standard error, with exit code 1."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy starts one a core, 40 ms; here is no matrix to multiply
    from opetence_assets.command.app import app
    from opetence_assets.command.output import failure

    gc.set_threshold(COLLECTED_AFTER)
    try:
        app()
    except Exception as error:
        if not failure(error):
            raise
        sys.exit(1)
