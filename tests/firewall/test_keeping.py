"""That the tables stay as they were installed, and go when they are removed."""

import pytest

from agent.errors import LayerFailed
from tests.firewall.network_namespace import KNOWN4, UNKNOWN4, NetworkNamespace

DISTURBANCES = [
    "flush ruleset",
    "delete table inet dockwarden",
    "flush chain inet dockwarden known",
    "flush chain inet dockwarden output",
    "add rule inet dockwarden engine accept",
    "insert rule inet dockwarden output accept",
    f"delete element inet dockwarden deny4 {{ {KNOWN4} }}",
    "flush set inet dockwarden engines",
    f"add element inet dockwarden allow4 {{ {UNKNOWN4} . tcp . 80 }}",
    "add chain inet dockwarden stranger",
    "add table inet dockwarden { flags dormant; }",
]
STATE = {"allow", "deny", "engine"}


@pytest.mark.parametrize("words", DISTURBANCES)
def test_a_change_by_somebody_else_is_undone_and_its_author_named(
    netns: NetworkNamespace, words: str
) -> None:
    link = netns.link(own=False)
    netns.apply(link)
    netns.nft(words)
    assert netns.await_heard("disturbed").split(" ")[1].startswith("nft[")
    assert netns.connect(UNKNOWN4, engine=True) == ["ConnectionRefusedError"]
    assert netns.connect(KNOWN4, UNKNOWN4) == ["ConnectionRefusedError", "open"]
    told = netns.observe(link)
    assert not [line for line in told if line.startswith(("fault", "unhealed"))]
    assert {line.split(" ")[1] for line in told if line.startswith("is ")} == STATE


def test_an_owned_table_is_out_of_others_reach(netns: NetworkNamespace) -> None:
    link = netns.link()
    netns.apply(link)
    if "owner" not in netns.nft("list", "table", "inet", "dockwarden").splitlines()[1]:
        pytest.skip("this kernel has no persistent owned tables (6.9)")
    before = netns.ruleset()
    for words in DISTURBANCES:
        if words != "flush ruleset":
            with pytest.raises(AssertionError, match="not permitted"):
                netns.nft(words)
    netns.nft("flush ruleset")
    assert netns.ruleset() == before
    assert not netns.heard


def test_others_tables_are_left_alone_and_changes_of_them_are_nobodys_business(
    netns: NetworkNamespace,
) -> None:
    netns.nft(
        "add table ip nat-like; add chain ip nat-like c { type filter hook output priority 0; }"
    )
    before = netns.ruleset()
    link = netns.link()
    netns.apply(link)
    netns.nft("add rule ip nat-like c counter")
    netns.nft("flush chain ip nat-like c")
    netns.observe(link)
    assert not netns.heard
    assert link.ask("remove") == ["was 1"]
    assert netns.ruleset() == before
    assert link.ask("remove") == ["was 0"]


def test_without_healing_a_change_is_reported_and_left(netns: NetworkNamespace) -> None:
    link = netns.link(own=False)
    netns.apply(link)
    link.ask("heal off")
    netns.nft("flush ruleset")
    netns.await_heard("disturbed")
    assert netns.connect(KNOWN4) == ["open"]
    assert "fault table inet dockwarden is missing" in netns.observe(link)


@pytest.mark.parametrize("own", [True, False])
def test_the_table_outlives_its_helper_and_the_next_one_adopts_it(
    netns: NetworkNamespace, own: bool
) -> None:
    first = netns.link(own=own)
    netns.apply(first)
    first.close()
    assert netns.connect(KNOWN4, UNKNOWN4, engine=True) == ["ConnectionRefusedError"] * 2
    second = netns.link(own=own)
    assert not [line for line in netns.observe(second) if line.startswith("fault")]
    netns.apply(second, "deny other.test 198.51.100.20")
    assert netns.connect(KNOWN4, UNKNOWN4) == ["ConnectionRefusedError"] * 2
    assert second.ask("remove") == ["was 1"]
    assert netns.connect(KNOWN4, UNKNOWN4, engine=True) == ["open"] * 2


def test_a_second_helper_cannot_take_the_table_from_the_first(netns: NetworkNamespace) -> None:
    netns.apply(netns.link())
    if "owner" not in netns.nft("list", "table", "inet", "dockwarden").splitlines()[1]:
        pytest.skip("this kernel has no persistent owned tables (6.9)")
    with pytest.raises(LayerFailed, match="another running agent"):
        netns.apply(netns.link())
    assert netns.connect(KNOWN4) == ["ConnectionRefusedError"]


def test_a_table_of_another_layout_is_replaced(netns: NetworkNamespace) -> None:
    netns.nft("add table inet dockwarden; add set inet dockwarden allow4 { type ipv4_addr; }")
    netns.nft("add chain inet dockwarden output { type filter hook output priority 7; }")
    link = netns.link()
    netns.apply(link)
    assert not [line for line in netns.observe(link) if line.startswith("fault")]
    assert netns.connect(KNOWN4, UNKNOWN4) == ["ConnectionRefusedError", "open"]


def test_large_lists_are_installed_and_corrected_whole(netns: NetworkNamespace) -> None:
    addresses = [f"100.64.{n >> 8}.{n & 255}" for n in range(5000)]
    lines = [
        " ".join(["deny", "many.test", *addresses[at : at + 150]]) for at in range(0, 5000, 150)
    ]
    link = netns.link(own=False)
    netns.apply(link, *lines)
    netns.nft("flush ruleset")
    netns.await_heard("disturbed")
    told = netns.observe(link, *lines)
    found = {word for line in told if "many.test" in line for word in line.split(" ")[3:]}
    assert found == set(addresses)


@pytest.mark.parametrize(
    "line",
    [
        "allow images.test tcp 443",
        "allow 10.0.0.1 tcp 0",
        "allow 10.0.0.1 sctp 1",
        "allow 10.0.0.1; tcp 1",
        'deny a" 1.2.3.4',
        "deny quay.test localhost",
        "deny quay.test 127.0.0.1",
        "deny quay.test ::",
        'device "lo',
        "engine /",
        "engine a/../..",
        "nonsense",
    ],
)
def test_what_makes_no_sense_is_refused_in_words_and_nothing_changes(
    netns: NetworkNamespace, line: str
) -> None:
    link = netns.link()
    before = netns.ruleset()
    with pytest.raises(LayerFailed):
        netns.apply(link, line)
    assert netns.ruleset() == before
    netns.apply(link)
