"""The firewall's rules as text for the library, and the shape they must then have; no I/O.

Only constants, registry names and device names get into the text, each checked by `desired`; the
addresses go past it. Each rule carries a comment that ends in a checksum of its own text, so that
what is installed can be distinguished from what is not, whichever version of the library
printed it.
"""

from __future__ import annotations

import zlib

from agent.helpers.firewall.desired import COUNTER, ENGINE_COUNTER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TABLE = "dockwarden"
DEVICE_CHAIN = "on-"
GROUP = 4473  # NFLOG; any number that nobody else listens to
KNOWN_PREFIX = "dockwarden:known "
ENGINE_PREFIX = "dockwarden:engine "
DEVICE_PREFIX = "dockwarden:device "
PRIORITY = -5  # after dstnat, so that the true destination is seen; before everybody's filters
_FORWARD, _OUTPUT, _EGRESS = 2, 3, 1
_ACCEPT = 1
_COUNTERS = 1  # NFT_OBJECT_COUNTER
_INTERVAL = 4

Chains = dict[str, "tuple[str, list[tuple[str, str]]]"]  # name -> (hook, [(comment, rule)])

_ALLOW = [
    ("services", "ip daddr . meta l4proto . th dport @allow4 accept"),
    ("services", "ip6 daddr . meta l4proto . th dport @allow6 accept"),
]
# One look-up for every packet of the host; all else only for those that are on the list.
_LISTED = [
    ("known registries, IPv4", "ip daddr @deny4 goto listed"),
    ("known registries, IPv6", "ip6 daddr @deny6 goto listed"),
]
_LOG = (
    "limit rate 50/second burst 50 packets "
    'log prefix "{prefix}" group {group} snaplen 64 queue-threshold 1'
)


def _known(target: str) -> list[tuple[str, str]]:
    return [
        (f"known registries, IPv{version}", f"counter name {family} daddr map @{name} {target}")
        for version, family, name in ((4, "ip", "deny4"), (6, "ip6", "deny6"))
    ]


def _refusal(prefix: str) -> list[tuple[str, str]]:
    return [
        ("tell the agent", _LOG.format(prefix=prefix, group=GROUP)),
        ("refuse", "meta l4proto tcp reject with tcp reset"),
        ("refuse", "reject with icmpx admin-prohibited"),
    ]


def _hook(hook: str, device: str = "") -> str:
    where = f'{hook} device "{device}"' if device else hook
    return f"{{ type filter hook {where} priority {PRIORITY}; policy accept; }}"


def inet(levels: Iterable[int], *, by_cgroup: bool) -> Chains:
    """The chains of the main table; `levels` are the depths of the engines' cgroups."""
    replies = [("replies", "ct direction reply accept")]
    sockets = [
        (f"engines at depth {level}", f"socket cgroupv2 level {level} @engines goto engine")
        for level in sorted(set(levels))
        if by_cgroup
    ]
    return {
        "refuse_known": ("", _refusal(KNOWN_PREFIX)),
        "refuse_engine": ("", _refusal(ENGINE_PREFIX)),
        "listed": ("", [*replies, *_ALLOW, *_known("goto refuse_known")]),
        "known": ("", _LISTED),
        "engine": (
            "",
            [
                *replies,
                *_ALLOW,
                ("containers", "oifname @bridges accept"),
                (
                    "neighbours",
                    "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, "
                    "nd-router-solicit } accept",
                ),
                *_known("goto refuse_engine"),
                ("all else", f"counter name {ENGINE_COUNTER} goto refuse_engine"),
            ],
        ),
        "output": (_hook("output"), [*sockets, ("everybody", "jump known")]),
        "forward": (_hook("forward"), [("containers", "jump known")]),
    }


def netdev(devices: Iterable[str]) -> Chains:
    """The chains for devices whose children bypass the main table. Nothing can be rejected
    there, only dropped."""
    tell = ("tell the agent", _LOG.format(prefix=DEVICE_PREFIX, group=GROUP))
    chains: Chains = {"refuse_known": ("", [tell, ("refuse", "drop")])}
    rules = [*_ALLOW, *_known("goto refuse_known")]
    for device in sorted(devices):
        chains[DEVICE_CHAIN + device] = (_hook("egress", device), rules)
    return chains


def core(
    family: str,
    chains: Chains,
    registries: Iterable[str],
    *,
    present: Sequence[str] | None,
    by_cgroup: bool,
) -> str:
    """One transaction that puts all but the elements in place, whatever was there.

    `present` lists the chains of a table that is there already (its elements stay as they are);
    None: there is none and it is made here.
    """
    head = f"{family} {TABLE}"
    lines = [f"add table {head}"] if present is None else [f"flush table {head}"]
    lines += [f"delete chain {head} {name}" for name in present or () if name not in chains]
    lines += [f"add counter {head} {COUNTER}{name}" for name in sorted(registries)]
    lines += [
        f"add set {head} allow4 {{ type ipv4_addr . inet_proto . inet_service; }}",
        f"add set {head} allow6 {{ type ipv6_addr . inet_proto . inet_service; }}",
        f"add map {head} deny4 {{ type ipv4_addr : counter; }}",
        f"add map {head} deny6 {{ type ipv6_addr : counter; }}",
    ]
    if family == "inet":
        lines.append(f"add counter {head} {ENGINE_COUNTER}")
        lines.append(f"add set {head} bridges {{ type ifname; }}")
        if by_cgroup:
            lines.append(f"add set {head} engines {{ type cgroupsv2; }}")
    lines += [f"add chain {head} {name} {hook}".rstrip() for name, (hook, _) in chains.items()]
    for name, (_, rules) in chains.items():
        lines += [
            f'add rule {head} {name} {rule} comment "{comment(words, rule)}"'
            for words, rule in rules
        ]
    return "\n".join(lines) + "\n"


def comment(words: str, rule: str) -> str:
    """What is attached to a rule."""
    return f"{words} #{zlib.crc32(rule.encode()):08x}"


def hook_shape(name: str, hook: str) -> tuple[str, int, int, int, str]:
    """How the kernel describes such a chain."""
    if not hook:
        return "", 0, 0, 0, ""
    number = {"output": _OUTPUT, "forward": _FORWARD}.get(name, _EGRESS)
    device = name[len(DEVICE_CHAIN) :] if number == _EGRESS else ""
    return "filter", number, PRIORITY, _ACCEPT, device


def set_shapes(family: str, *, by_cgroup: bool) -> dict[str, tuple[int, int]]:
    """Every set's (key length, object type); none may be an interval set, whose replacement
    leaks."""
    shapes = {
        "allow4": (12, 0),
        "allow6": (24, 0),
        "deny4": (4, _COUNTERS),
        "deny6": (16, _COUNTERS),
    }
    if family == "inet":
        shapes["bridges"] = (16, 0)
        if by_cgroup:
            shapes["engines"] = (8, 0)
    return shapes


def is_interval(flags: int) -> bool:
    """Whether a set's flags say that it holds ranges."""
    return bool(flags & _INTERVAL)
