"""Becomes a connector, within limits: ``python -m … LIMITS EXECUTABLE ARGUMENT…``"""

from __future__ import annotations

import json
import os
import sys

from opetence_assets.sources.limits import Limits, confine, grant_seconds

if __name__ == "__main__":
    limits = Limits(**json.loads(sys.argv[1]))
    confine(limits)
    grant_seconds(limits)
    os.environ.pop("PYTHONPATH", None)  # it led to this module; the connector has an environment of its own
    os.execv(sys.argv[2], sys.argv[2:])
