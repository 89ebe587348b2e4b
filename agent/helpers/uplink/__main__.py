"""`python -m agent.helpers.uplink`: one run, as its standard input orders (see uplink_order).

Being killed at any point loses nothing: what was not acknowledged is still in the spool.
"""

import contextlib
import os
import resource
import select
import signal
import sqlite3
import sys
import time

from agent.helpers.uplink import host_identity, spool_table
from agent.helpers.uplink.batch import CONTENT_TYPE
from agent.helpers.uplink.http import Http
from agent.helpers.uplink.outbox import Outbox
from agent.helpers.uplink.session import Reply, Session
from agent.helpers.uplink.uplink_order import Order, Said, order, to_line

_MEMORY = 512 << 20  # bytes of address space
_LONGEST_ORDER = 64 << 10
_NICE = 5  # it must not delay a verdict


class Parent:
    """The daemon at the other end of the pipes; the process ends when it is gone."""

    def order(self) -> Order:
        """The first line."""
        line = b""
        while not line.endswith(b"\n") and len(line) < _LONGEST_ORDER:
            byte = os.read(0, 1)
            if not byte:
                sys.exit(1)
            line += byte
        return order(line)

    def wait(self, seconds: float) -> bool:
        """Until woken, at most so long; whether it was."""
        if not select.select([0], [], [], seconds)[0]:
            return False
        if not os.read(0, 4096):
            os._exit(0)  # nobody reads what is said any more
        return True

    def pause(self, seconds: float) -> None:
        """So long in any case; being woken meanwhile needs no remembering, since the spool is
        looked at afterwards."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.wait(left)

    def say(self, said: Said) -> None:
        """One line to it."""
        try:
            os.write(1, to_line(said))
        except BrokenPipeError:
            os._exit(0)


def main() -> int:
    """0 after a run, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the daemon decides when to end
    with contextlib.suppress(
        PermissionError
    ):  # as in the packaged service: it reports all the same
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    parent = Parent()
    asked = parent.order()
    try:
        parent.say(_run(asked, parent))
    except sqlite3.Error as error:
        parent.say(
            Said(ended=True, why=f"{asked.spool}: {error}", damaged=spool_table.damaged(error))
        )
    except host_identity.EnrolmentFailed as error:
        parent.say(Said(ended=True, why=str(error), refused=True))
    except OSError as error:
        parent.say(Said(ended=True, why=str(error)))
    return 0


def _run(asked: Order, parent: Parent) -> Said:
    http = Http(asked.url, ca_file=asked.ca_file)
    own = host_identity.read(asked.token_file)
    if own is None:
        if not asked.secret:
            raise host_identity.EnrolmentFailed(
                f"this host is not enrolled: {asked.token_file} is not there",
                hint="run: dockwarden enrol --secret-file FILE",
            )
        own = host_identity.enrol(http.post, asked.url, asked.secret, asked.hostname)
        host_identity.keep(asked.token_file, own)
    headers = {
        "Authorization": f"Bearer {own.token}",
        "Content-Type": CONTENT_TYPE,
        "Content-Encoding": "gzip",
    }

    def post(content: bytes) -> Reply:
        return http.post("/v1/events", content, headers)

    outcome = Session(
        Outbox(asked.spool),
        own.host_id,
        post=post,
        wait=parent.wait,
        pause=parent.pause,
        pace=asked.pace,
        told=lambda records: parent.say(Said(sent=records)),
    ).run()
    return Said(
        ended=True,
        quarantined=outcome.quarantined,
        why=outcome.why,
        refused=outcome.refused,
        after=outcome.after,
    )


if __name__ == "__main__":
    sys.exit(main())
