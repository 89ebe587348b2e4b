"""`serve` is what the agent starts; `remove` is for people and for a package's removal."""

from __future__ import annotations

import os
import sys

if not __package__:  # started by its path, so that no search path and no site module is needed
    sys.path.append(__file__.rsplit("/", 4)[0])


def serve(arguments: list[str]) -> int:
    """Arguments `fd=N netns=INODE own=0|1`: never acts in any network namespace but that one."""
    from agent.helpers.firewall.firewall_process import FirewallProcess
    from agent.helpers.firewall.library import LibraryMissing, Refused
    from agent.helpers.gate.channel import Channel

    options = dict(argument.split("=", 1) for argument in arguments)
    channel = Channel(int(options["fd"]))
    here = os.stat("/proc/self/ns/net").st_ino  # noqa: PTH116 - no pathlib here
    if here != int(options["netns"]):
        channel.say(
            "failed this process is in another network namespace than the engine: remove "
            "PrivateNetwork= and NetworkNamespacePath= from the service"
        )
        return 1
    try:
        process = FirewallProcess(channel, own=options.get("own", "1") == "1")
    except (LibraryMissing, Refused) as error:
        channel.say(f"failed {error}")
        return 1
    except OSError as error:
        channel.say(
            f"failed the kernel's firewall cannot be opened ({error}): run as root with "
            "CAP_NET_ADMIN, and have the modules nf_tables and nfnetlink"
        )
        return 1
    channel.say("ready")
    process.run()
    return 0


def remove(arguments: list[str]) -> int:
    """Take the tables away in this network namespace, after the agent is gone."""
    from agent.helpers.firewall.library import LibraryMissing, Refused
    from agent.helpers.firewall.nft_table import Firewall

    if arguments:
        sys.stderr.write("usage: python -m agent.helpers.firewall remove\n")
        return 2
    try:
        was = Firewall(own=False).remove()
    except (LibraryMissing, Refused, OSError) as error:
        sys.stderr.write(f"the firewall could not be removed: {error}\n")
        return 1
    sys.stdout.write("removed\n" if was else "there was none\n")
    return 0


def main() -> int:
    """Dispatch on the first argument."""
    verbs = {"serve": serve, "remove": remove}
    if len(sys.argv) < 2 or sys.argv[1] not in verbs:
        sys.stderr.write("usage: python -m agent.helpers.firewall remove\n")
        return 2
    return verbs[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
