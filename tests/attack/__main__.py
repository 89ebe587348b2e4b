"""Prints what comes of each attack: `python -m tests.attack [--markdown] [NAME …]`."""

import argparse
import re
import sys
from textwrap import shorten

from tests.attack.catalogue import ATTACKS
from tests.attack.mounting import Outcome, mount_in_temporary_folder
from tests.attack.stage import Attack

QUIET = "nothing to tell: it changes nothing that a host reads"


def main() -> int:
    """0 when no attack was accepted."""
    options = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    options.add_argument("names", nargs="*", help="only these attacks (all by default)")
    options.add_argument("--markdown", action="store_true", help="as a table for the docs")
    chosen = options.parse_args()
    unknown = set(chosen.names) - ATTACKS.keys()
    if unknown:
        options.error(f"no such attack: {', '.join(sorted(unknown))}")
    accepted = 0
    for name in chosen.names or ATTACKS:
        try:
            outcome = mount_in_temporary_folder(ATTACKS[name], with_stock=True)
        except AssertionError as error:
            accepted += 1
            outcome = Outcome(f"ACCEPTED: {error}", "")
        print(row(ATTACKS[name], outcome, markdown=chosen.markdown), flush=True)
    total = len(chosen.names or ATTACKS)
    print(f"{total} attacks, {accepted} accepted", file=sys.stderr)
    return 1 if accepted else 0


def row(attack: Attack, outcome: Outcome, *, markdown: bool) -> str:
    """One line of the table."""
    told = shorten(plain(outcome.told) or QUIET, 110)
    if markdown:
        told = told.replace("|", "\\|")
        return f"| `{attack.name}` | {attack.power} | {told} | {outcome.stock} |"
    return f"{attack.name:45} {outcome.stock[:32]:33} {told}"


def plain(text: str) -> str:
    """Without the addresses and digests of this one run."""
    text = re.sub(r"http://127\.0\.0\.1:\d+", "<server>", text)
    text = re.sub(r"(file://)?/\S*/(repository|host)/", "<folder>/", text)
    return re.sub(r"[0-9a-f]{64}", lambda found: f"{found[0][:8]}…", text)


if __name__ == "__main__":
    sys.exit(main())
