"""Reads and checks the configuration for an agent that runs already, and prints what it takes.

`python -m agent.config [FILE [MODE]]`: exit code 0 and what `handover.from_bytes` reads, or 1 and
a JSON list of problems. A process of its own: checking takes memory that the agent does without.
"""

import os
import sys
from pathlib import Path

import msgspec

from agent.config.handover import to_bytes
from agent.config.layers import Inputs
from agent.config.load import load
from core.base_errors import ConfigInvalid


def main() -> int:
    """See the module; an empty FILE is the default one, an empty MODE none given by hand."""
    file, mode = [*sys.argv[1:], "", ""][:2]
    given = {"agent": {"mode": mode}} if mode else {}
    try:
        loaded = load(Inputs(Path(file) if file else None, os.environ, given))
    except ConfigInvalid as error:
        sys.stdout.buffer.write(msgspec.json.encode(error.problems))
        return 1
    sys.stdout.buffer.write(to_bytes(loaded.config))
    return 0


if __name__ == "__main__":
    sys.exit(main())
