"""`dockwarden check`: what an image is worth here, by digest alone or by what the engine has."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from agent.adapters.allowlist_file import dump
from agent.cli.containers.check import Bench
from agent.cli.lists.host_list import HostList
from agent.config.config_values import Config, EnforcementConfig, LocalImages
from agent.errors import EngineUnavailable
from core.allowlist.allowlist import Allowlist, Approval, Deny, Level, ListInfo
from core.image.digest import Digest
from core.image.identity import ImageIdentity
from tests.cli.conftest import Host

GOOD, BAD, LAYER = Digest.of(b"good"), Digest.of(b"bad"), Digest.of(b"layer")
OTHER = Digest.of(b"other")
NOW = datetime(2026, 11, 23, tzinfo=UTC)
LEVEL = Level(
    "acme",
    approvals=(
        Approval(
            "registry.acme.example/web",
            frozenset({GOOD}),
            tags=("1.2",),
            chain_ids=frozenset({LAYER}),
            pull=GOOD,
        ),
    ),
    denies=(Deny(frozenset({BAD}), "known hole"),),
)


class Shelf:
    """An engine that has some images; every other question is an error of the test."""

    def __init__(self, images: dict[str, ImageIdentity]) -> None:
        self.images = images

    def image(self, reference: str) -> ImageIdentity | None:
        """What lies there."""
        return self.images.get(reference)

    def chain(self, image: ImageIdentity) -> ImageIdentity:
        """All lie on one layer."""
        return replace(image, chain=(LAYER, Digest.of(b"top")))


def bench(images: dict[str, ImageIdentity] | None, config: Config | None = None) -> Bench:
    def engine() -> Any:
        if images is None:
            raise EngineUnavailable("the engine does not answer")
        return Shelf(images)

    trusted = Allowlist([LEVEL], ListInfo(1, "test", False))
    return Bench(config or Config(), HostList(trusted, NOW), engine)


def test_a_digest_needs_no_engine() -> None:
    answer = bench(None).answer(str(GOOD))
    assert (answer["verdict"], answer["allowed"], answer["would"]) == ("approved", True, "run")
    assert bench(None).answer(str(BAD))["would"] == "be killed"


def test_a_reference_is_what_the_engine_has_under_it() -> None:
    shelf = {"web:1.2": ImageIdentity(BAD), "evil": ImageIdentity(GOOD)}
    assert bench(shelf).answer("web:1.2")["verdict"] == "denied"
    assert bench(shelf).answer("evil")["verdict"] == "approved"


def test_a_digest_in_a_reference_counts_only_where_the_engine_has_no_such_image() -> None:
    forged = f"web@{GOOD}"
    assert bench({}).answer(forged)["verdict"] == "approved"
    assert bench({forged: ImageIdentity(BAD)}).answer(forged)["verdict"] == "denied"


def test_what_is_not_there_is_not_allowed() -> None:
    answer = bench({}).answer("web:9")
    assert (answer["verdict"], answer["allowed"]) == ("undetermined", False)
    assert "pull it first" in answer["reason"]


def test_the_nearest_approved_image_is_the_next_step() -> None:
    answer = bench({"web:1.3": ImageIdentity(OTHER)}).answer("web:1.3")
    assert answer["verdict"] == "unlisted" and not answer["allowed"]
    assert "registry.acme.example/web:1.2" in answer["next_step"]


def test_derived_where_the_host_accepts_it() -> None:
    config = Config(enforcement=EnforcementConfig(local_images=LocalImages.DERIVED))
    shelf = {"mine": ImageIdentity(OTHER), str(OTHER): ImageIdentity(OTHER)}
    assert bench(shelf).answer("mine")["verdict"] == "unlisted"
    assert bench(shelf, config).answer("mine")["would"] == "run and be reported"
    assert bench(shelf, config).answer(str(OTHER))["verdict"] == "derived"
    assert bench(None, config).answer(str(GOOD))["verdict"] == "approved"


def test_no_engine_is_an_error_for_a_name() -> None:
    with pytest.raises(EngineUnavailable):
        bench(None).answer("web:1.2")


def test_the_command(host: Host) -> None:
    host.write("allowlist.json", dump([LEVEL], 1, "ops").decode())
    fine = host.run("check", str(GOOD))
    assert (fine.exit_code, "approved" in fine.stdout) == (0, True)
    mixed = host.run("check", str(GOOD), str(OTHER), "-o", "json")
    assert mixed.exit_code == 3
    assert [a["verdict"] for a in json.loads(mixed.stdout)] == ["approved", "unlisted"]
    nameless = host.run("check", "web:1.2")
    assert nameless.exit_code == 1 and "hint: " in nameless.stderr


def test_no_list_is_an_error(host: Host) -> None:
    result = host.run("check", str(GOOD))
    assert result.exit_code == 1 and "allowlist.json" in result.stderr
