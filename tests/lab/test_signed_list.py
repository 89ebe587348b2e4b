"""A signed list on real hosts: published, adopted, revoked, broken, unreachable; break-glass."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import CryptoSigner

from core.allowlist.break_glass_token import PAYLOAD_TYPE, Token, token_bytes
from tests.lab.agent import LabAgent
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.trials import Trials
from tests.sync import documents
from tests.sync.repository import SignedRepository

Maker = Callable[..., BuiltImage]
DEGRADED = 3  # exit code


class Published:
    """A repository of two scopes, whose roles need two administrators, and the host of the lower
    one, which has adopted it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.admins = SignedRepository(folder, ("acme", "acme.pay"), now=datetime.now(UTC))

    def approve(self, scope: str, *images: BuiltImage) -> None:
        """Two administrators approve these."""
        for image in images:
            self.admins.approve(scope, approval(image))

    def publish(self) -> None:
        """Sign and write what changed."""
        self.admins.now = datetime.now(UTC)
        self.admins.publish()

    @property
    def settings(self) -> dict[str, Any]:
        """A host's `[allowlist]`."""
        return {"source": f"folder:{self.folder}", "scope": "acme.pay"}


def approval(image: BuiltImage) -> documents.Document:
    """An approval as the payload holds it, of all the image's digests."""
    platforms = [
        {
            "platform": platform,
            "manifest": manifest,
            "config": image.config_digests[platform],
            "chain_id": image.chain_ids[platform],
        }
        for platform, manifest in image.manifest_digests.items()
    ]
    return documents.approval(
        image.repository,
        at=datetime.now(UTC),
        id=image.top_digest,
        repository=image.repository,
        index=image.index_digest,
        platforms=platforms,
    )


def deny(image: BuiltImage, *, revoked: bool = False) -> documents.Document:
    """A deny, or a revocation, of all the image's digests."""
    changes: dict[str, Any] = {"revoked": True} if revoked else {}
    digests = sorted(image.digests)
    return documents.deny(image.repository, at=datetime.now(UTC), digests=digests, **changes)


@pytest.fixture
def published(host: LabHost, tmp_path: Path, good: BuiltImage) -> Iterator[Published]:
    """Approves `good` at the application's level."""
    folder = host.work / f"lists-{tmp_path.name}"
    found = Published(folder)
    found.approve("acme.pay", good)
    found.publish()
    yield found
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def signed(
    host: LabHost,
    published: Published,
    make_agent: Callable[..., LabAgent],
    tmp_path: Path,
) -> Iterator[Trials]:
    """An enforcing agent with that list."""
    agent = make_agent(allowlist=published.settings)
    give_root(host, published)
    synced(agent)
    yield Trials(host, agent, tmp_path)


def give_root(host: LabHost, published: Published) -> None:
    """Whose signatures the host trusts at first; an agent that is new begins without files."""
    root = host.path("/etc/dockwarden/root.json")
    root.write_bytes(published.admins.root_file.read_bytes())
    root.chmod(0o644)


def synced(agent: LabAgent) -> Mapping[str, Any]:
    """Sync now; the outcome."""
    done = agent.cli("sync", "--wait", "-o", "json")
    assert done.returncode == 0, done.stderr + agent.words()
    return dict(json.loads(done.stdout))


def test_from_approval_to_revocation(
    signed: Trials, published: Published, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = signed.agent
    signed.runs(running := signed.run(good))
    signed.never_ran(signed.run(bad))
    status = agent.status()["allowlist"]
    assert (status["signed"], status["freshness"]) == (True, "fresh")
    assert status["source"] == published.settings["source"]
    shown = json.loads(agent.cli("allowlist", "show", "-o", "json").stdout)
    signers = {scope["scope"]: scope["signers"] for scope in shown["scopes"]}
    assert len(signers["acme.pay"]) >= 2
    checked = json.loads(agent.cli("check", good.reference(), "-o", "json").stdout)[0]
    assert (checked["verdict"], checked["scope"]) == ("approved", "acme.pay")
    assert checked["signers"] == signers["acme.pay"]

    published.admins.deny("acme", deny(good, revoked=True))
    published.publish()
    finding = signed.ended(running, "revoked")  # without a sync by hand: it is seen in the folder
    assert finding["decision"]["scope"] == "acme"
    signed.never_ran(signed.run(good), "revoked")
    explained = json.loads(agent.cli("explain", running.name, "-o", "json").stdout)
    assert len(explained["signers"]) >= 2


def test_a_broken_application_list_does_not_hold_up_a_deny_from_above(
    signed: Trials, published: Published, good: BuiltImage, pull_image: Maker
) -> None:
    agent, image, admins = signed.agent, pull_image(), published.admins
    published.approve("acme.pay", image)
    published.publish()
    synced(agent)
    signed.runs(running := signed.run(image))
    admins.contents["acme.pay"].extra = {"count": 77}
    admins.deny("acme", deny(image))
    published.publish()
    signed.ended(running, "denied")
    agent.until(lambda: bool(agent.findings(event="list.scope_rejected")), "the alarm")
    signed.runs(signed.run(good))
    shown = agent.cli("allowlist", "show")
    assert shown.returncode == DEGRADED
    assert "acme.pay: not the newest" in shown.stdout
    assert agent.cli("status").returncode == DEGRADED


def test_without_its_repository_a_host_goes_on_with_the_last_good_list(
    signed: Trials, published: Published, good: BuiltImage, bad: BuiltImage
) -> None:
    agent = signed.agent
    signed.runs(running := signed.run(good))
    assert agent.stop() == 0
    published.folder.rename(published.folder.with_suffix(".gone"))
    agent.start()
    signed.runs(running)
    signed.runs(signed.run(good))
    signed.never_ran(signed.run(bad))
    agent.until(lambda: bool(agent.findings(event="list.sync_failed")), "the alarm")
    done = agent.cli("sync", "--wait")
    assert done.returncode == 1
    assert "hint:" in done.stderr
    assert agent.cli("status").returncode == DEGRADED
    published.folder.with_suffix(".gone").rename(published.folder)
    synced(agent)
    assert agent.cli("status").returncode == 0


def test_what_a_thief_without_keys_publishes_is_not_adopted(
    signed: Trials, published: Published, good: BuiltImage, bad: BuiltImage
) -> None:
    agent, admins = signed.agent, published.admins
    for role in ("acme.pay", "snapshot", "timestamp"):
        admins.keys[role] = [CryptoSigner.generate_ed25519() for _ in admins.keys[role]]
    published.approve("acme.pay", bad)
    published.publish()
    done = agent.cli("sync", "--wait")
    assert done.returncode == 1
    assert agent.findings(event="list.sync_failed")
    signed.never_ran(signed.run(bad))
    signed.runs(signed.run(good))


def test_over_a_network_a_change_is_adopted_at_the_next_poll(
    host: LabHost,
    published: Published,
    make_agent: Callable[..., LabAgent],
    good: BuiltImage,
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "8099"]
    server = host.popen(
        [*command, "-d", str(published.folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    settings = {**published.settings, "source": "http://127.0.0.1:8099", "poll_seconds": 1.0}
    try:
        agent = make_agent(allowlist=settings)
        give_root(host, published)
        synced(agent)
        trials = Trials(host, agent, tmp_path)
        trials.runs(running := trials.run(good))
        published.admins.deny("acme", deny(good))
        published.publish()
        trials.ended(running, "denied")
    finally:
        server.terminate()
        server.wait()


def test_break_glass(signed: Trials, published: Published, bad: BuiltImage) -> None:
    agent, signer = signed.agent, CryptoSigner.generate_ed25519()
    key = {"keyid": signer.public_key.keyid, **signer.public_key.to_dict()}
    published.admins.contents["acme"].policy = {"break_glass_keys": [key]}
    published.publish()
    synced(agent)
    asked = json.loads(agent.cli("break-glass", "request", "-o", "json", check=True).stdout)
    token = issue(signer, asked)
    forged = issue(CryptoSigner.generate_ed25519(), asked)
    assert agent.cli("break-glass", "apply", forged).returncode == 1
    signed.never_ran(signed.run(bad))

    assert "IN FORCE" in agent.cli("break-glass", "apply", token, check=True).stdout
    trial = signed.run(bad)
    trial.probe.wait()
    assert agent.finding(trial.name)["event"] == "container.reported"
    assert agent.stop() == 0
    agent.start()
    assert agent.status()["break_glass"]["issued_by"] == "carol"
    trial.probe.wait_alive()
    assert agent.cli("break-glass", "apply", token).returncode == 1  # it counts once

    agent.cli("break-glass", "end", check=True)
    signed.ended(trial, "unlisted")
    events = [f["event"] for f in agent.findings() if f["event"].startswith("break_glass.")]
    assert [e for e in events if not e.endswith("refused")] == [
        "break_glass.began",
        "break_glass.ended",
    ]


def issue(signer: CryptoSigner, asked: Mapping[str, str]) -> str:
    """A token for an hour, as its holder makes it."""
    now = datetime.now(UTC)
    token = Token(asked["host"], asked["nonce"], now, now + timedelta(hours=1), "test", "carol")
    envelope = Envelope(token_bytes(token), PAYLOAD_TYPE, {})
    envelope.sign(signer)
    return json.dumps(envelope.to_dict())
