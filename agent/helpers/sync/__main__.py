"""`python -m agent.helpers.sync [--user NAME]`: a request on stdin, an answer on stdout.

Always exits with 0 when it could answer; what went wrong is in the answer.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Final

from agent.helpers.sync.deadline import DeadlinePassed
from agent.helpers.sync.process_limits import become, bound, unalarmed
from agent.helpers.sync.sync_request import Request, SyncReport, request_of, to_json
from core.base_errors import DockwardenError
from core.extras import install, lacks_signed

_LARGEST: Final = 1 << 16  # bytes of a request
# What libraries import at first use: by then this may be a user who cannot read them.
_LATE: Final = ("_strptime", "encodings.idna", "tuf.api.serialization.json")
_USAGE: Final = "usage: python -m agent.helpers.sync [--user NAME] < request\n"


def main(arguments: list[str]) -> int:
    """Returns 2 when it was called wrongly, else 0."""
    user = ""
    if arguments[:1] == ["--user"] and len(arguments) == 2:
        user = arguments[1]
    elif arguments:
        sys.stderr.write(_USAGE)
        return 2
    try:
        request = request_of(sys.stdin.buffer.read(_LARGEST))
    except (ValueError, TypeError) as error:
        sys.stderr.write(f"no request: {error}\n{_USAGE}")
        return 2
    sync_report = _sync_report(request, user)
    sys.stdout.buffer.write(to_json(sync_report))
    sys.stdout.buffer.flush()
    return 0


def _sync_report(request: Request, user: str) -> SyncReport:
    if lack := lacks_signed():
        return SyncReport(0, False, error=lack, hint=install("signed"))
    try:
        bound(request.deadline_seconds)
        from agent.helpers.sync.sync_run import (
            sync,  # heavy; under the limits, and while it can be read
        )

        for name in _LATE:
            import_module(name)
        if user:
            become(user, Path(request.directory))
        sync_report = sync(request)
        unalarmed()
    except DockwardenError as error:
        return SyncReport(0, False, error=error.message, hint=error.hint)
    except OSError as error:
        return SyncReport(0, False, error=str(error), hint=f"see to {request.directory}")
    except DeadlinePassed:
        return SyncReport(0, False, error="not done in time", hint="allow the sync more time")
    return sync_report


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
