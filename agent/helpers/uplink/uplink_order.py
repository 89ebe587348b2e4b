"""What the daemon asks of the uplink's process and what that says; JSON lines both ways.

The first line on its standard input is an `Order`; each further byte means: look again. The end of
the input means that the daemon is gone. Each line on its standard output is a `Said`.
"""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """One run. `secret` enrols the host if `token_file` is not there yet; `pace` is in seconds."""

    spool: str
    url: str
    token_file: str
    hostname: str
    ca_file: str = ""
    secret: str = ""
    pace: float = 1.0


@dataclass(frozen=True, slots=True)
class Said:
    """Progress (`ended` False) or how it ended: `why` is empty when nothing was left to send.

    `refused` asks for a person; `damaged` for another spool; `after` is the least wait (seconds).
    """

    ended: bool = False
    sent: int = 0
    quarantined: int = 0
    why: str = ""
    refused: bool = False
    damaged: bool = False
    after: float = 0.0


def to_line(value: Order | Said) -> bytes:
    """One line of JSON."""
    return json.dumps(asdict(value)).encode() + b"\n"


def order(line: bytes) -> Order:
    """The inverse; raises `ValueError` or `TypeError`."""
    return Order(**json.loads(line))


def said(line: bytes) -> Said:
    """The inverse; raises `ValueError` or `TypeError`."""
    return Said(**json.loads(line))
