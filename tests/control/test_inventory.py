"""The inventory: what runs, in parts that fit, equal when nothing changed."""

import json

import msgspec

from agent.enforcement.tracked_container import TrackedContainer
from agent.reporting import inventory
from collector.ingest.others import read_inventory
from core.decision.decision import Decision
from core.decision.verdict import EnforcementPoint, Verdict
from core.image.digest import Digest
from core.image.identity import Container, ContainerState, ImageIdentity


def tracked(
    number: int, *, state: ContainerState = ContainerState.RUNNING, name: str = ""
) -> TrackedContainer:
    image = ImageIdentity(Digest.of(b"image"), Digest.of(b"manifest"))
    container = Container(f"{number:064x}", name or f"web-{number}", image, state, f"shop:{number}")
    decision = Decision(Verdict.APPROVED, "", scope="acme")
    live = 1 if state.is_live else None
    return TrackedContainer(
        container.id,
        0.0,
        EnforcementPoint.RESCAN,
        container=container,
        decision=decision,
        started_ns=live,
    )


def test_what_runs_with_its_images_in_one_record() -> None:
    entries = [tracked(2), tracked(1), tracked(3, state=ContainerState.EXITED)]
    (part,) = inventory.parts(*inventory.listed(entries))
    found = read_inventory(msgspec.Raw(json.dumps(part).encode()))
    assert [row["name"] for row in part["containers"]] == ["web-1", "web-2"]
    assert [row["references"] for row in part["images"]] == [["shop:1", "shop:2"]]
    assert len(found.items) == 3


def test_the_hash_changes_with_what_runs_and_not_with_its_order() -> None:
    def name(*entries: TrackedContainer) -> str:
        return str(inventory.parts(*inventory.listed(entries))[0]["hash"])

    assert name(tracked(1), tracked(2)) == name(tracked(2), tracked(1))
    assert name(tracked(1)) != name(tracked(1), tracked(2))
    assert name() == name()


def test_thousands_are_reported_in_parts_that_fit() -> None:
    entries = [tracked(number, name="\U0001f433" * 300) for number in range(1000)]
    parts = inventory.parts(*inventory.listed(entries))
    assert [part["part"] for part in parts] == list(range(1, len(parts) + 1))
    assert {part["parts"] for part in parts} == {len(parts)}
    assert max(len(json.dumps(part, ensure_ascii=False).encode()) for part in parts) < 64 << 10
    assert sum(len(part["containers"]) for part in parts) == 1000
