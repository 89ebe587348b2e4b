"""What the rules let through, and what they refuse, on a real kernel."""

import os
import sys
from pathlib import Path

import pytest

from agent.adapters.egress.egress_settings import Launch
from agent.adapters.egress.firewall_link import FirewallLink
from agent.errors import LayerFailed
from tests.firewall.network_namespace import (
    KNOWN4,
    KNOWN6,
    PRIVATE4,
    PRIVATE6,
    UNKNOWN4,
    UNKNOWN6,
    NetworkNamespace,
    stop,
)
from tests.patience import until

ALL = (KNOWN4, KNOWN6, UNKNOWN4, UNKNOWN6, PRIVATE4, PRIVATE6)
REFUSED = "ConnectionRefusedError"


def test_an_engine_reaches_allowed_services_only_and_others_all_but_known_registries(
    netns: NetworkNamespace,
) -> None:
    assert netns.connect(*ALL, engine=True) == ["open"] * 6
    netns.apply(netns.link())
    assert netns.connect(*ALL, engine=True) == [REFUSED] * 4 + ["open"] * 2
    assert netns.connect(*ALL) == [REFUSED] * 2 + ["open"] * 4


def test_an_engine_in_a_new_cgroup_of_the_same_name_is_bound_before_it_connects(
    netns: NetworkNamespace,
) -> None:
    netns.apply(netns.link())
    directory = netns.mount / netns.cgroup
    for _ in range(3):
        directory.rmdir()
        assert netns.connect(UNKNOWN4) == ["open"]
        directory.mkdir()
        assert netns.connect(UNKNOWN4, PRIVATE4, engine=True) == [REFUSED, "open"]


def test_replacing_everything_under_a_hammer_leaks_nothing(netns: NetworkNamespace) -> None:
    link = netns.link()
    netns.apply(link)
    as_engine, as_anybody = netns.hammer(UNKNOWN4, engine=True), netns.hammer(KNOWN4, engine=False)
    replaced, deepest = 0, f"{netns.cgroup}/x"
    while replaced < 200:
        netns.apply(link, f"deny other.test 203.0.113.{replaced % 200}")  # elements
        netns.apply(link, f"engine {deepest}")  # another depth: other rules, too
        replaced += 2
    tried, through = zip(*(stop(each) for each in (as_engine, as_anybody)), strict=True)
    assert through == (0, 0)
    assert sum(tried) >= 10_000


def test_frames_that_bypass_the_host_are_dropped_on_a_guarded_device(
    netns: NetworkNamespace,
) -> None:
    # A bridge port stands for a macvlan parent, which this kernel may not have: frames of another
    # namespace leave through it and never see the host's own hooks.
    holder = netns.start(["unshare", "--net", "sleep", "infinity"], inside=False)
    own = Path("/proc/self/ns/net").stat().st_ino
    other = Path(f"/proc/{holder.pid}/ns/net")
    until(lambda: other.stat().st_ino != own, "another namespace")
    outside = ["nsenter", f"--net={other}"]
    netns.run("sh", "-c", "for f in /proc/sys/net/bridge/bridge-nf-call-ip*; do echo 0 > $f; done")
    for words in (
        "link add br0 type bridge",
        "link add up0 type veth peer name wan0",
        f"link add in0 type veth peer name eth0 netns {holder.pid}",
        "link set up0 master br0",
        "link set in0 master br0",
        "link set br0 up",
        "link set up0 up",
        "link set in0 up",
        "link set wan0 up",
    ):
        netns.run("ip", *words.split())
    netns.run(*outside, "ip", "addr", "add", "198.51.100.1/24", "dev", "eth0")
    netns.run(*outside, "ip", "link", "set", "eth0", "up")
    for address in (KNOWN4, UNKNOWN4):
        mac = ["lladdr", "02:00:00:00:00:01", "dev", "eth0"]
        netns.run(*outside, "ip", "neigh", "replace", address, *mac)
    send = (
        "import socket,sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "[s.sendto(b'x', (a, 443)) for a in sys.argv[1:]]"
    )
    link = netns.link()
    netns.apply(link, "device up0")
    netns.run(*outside, sys.executable, "-c", send, KNOWN4, UNKNOWN4, KNOWN4)
    count, registry, destination, source = netns.await_heard("refused").split(" ", 3)
    assert (count, registry, destination) == ("2", "quay.test", f"{KNOWN4}:443/udp")
    assert source == "address 198.51.100.1"


def test_a_bridge_of_containers_is_open_to_the_engine_and_one_with_the_uplink_is_not(
    netns: NetworkNamespace,
) -> None:
    for number, name in enumerate(("docker0", "br0")):
        netns.run("ip", "link", "add", name, "type", "bridge")
        netns.run("ip", "addr", "add", f"172.{18 + number}.0.1/16", "dev", name)
        netns.run("ip", "link", "set", name, "up")
    netns.run("ip", "route", "add", "203.0.113.0/24", "via", "172.19.0.9", "dev", "br0")
    netns.apply(netns.link())
    assert '"docker0"' in netns.nft("list", "set", "inet", "dockwarden", "bridges")
    assert '"br0"' not in netns.nft("list", "set", "inet", "dockwarden", "bridges")
    netns.run("ip", "link", "add", "br-1", "type", "bridge")
    bridges = ("list", "set", "inet", "dockwarden", "bridges")
    until(lambda: '"br-1"' in netns.nft(*bridges), "a new network's bridge")


def test_refusals_are_counted_in_full_and_name_who_and_where(netns: NetworkNamespace) -> None:
    netns.apply(netns.link())
    netns.connect(*[KNOWN4] * 7)
    heard = netns.await_heard("refused").split(" ", 3)
    assert heard == ["7", "quay.test", f"{KNOWN4}:80/tcp", f"uid {os.getuid()}"]
    netns.heard.clear()
    netns.connect(UNKNOWN6, engine=True)
    heard = netns.await_heard("refused").split(" ", 3)
    assert heard == ["1", "-", f"[{UNKNOWN6}]:80/tcp", "engine"]


def test_a_helper_refuses_to_act_in_another_network_namespace(netns: NetworkNamespace) -> None:
    before = netns.ruleset()
    with pytest.raises(LayerFailed, match="another network namespace"):
        FirewallLink(
            Launch(enter=netns.command),
            netns.inode + 1,
            heard=lambda _verb, _rest: None,
            ended=lambda _link: None,
        )
    assert netns.ruleset() == before
