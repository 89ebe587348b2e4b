"""What the demo shows, step by step, on a host that runs; every outcome is checked, not assumed.

Knows the story; how it is printed is the stage's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from subprocess import CompletedProcess

from tests.lab import images
from tests.lab.administrators import ADMINISTRATORS, SCOPES, Administrators
from tests.lab.agent import LabAgent
from tests.lab.errors import LabError
from tests.lab.host import LabHost
from tests.lab.images import BuiltImage
from tests.lab.registry import Registry
from tests.lab.stage import Stage

STEPS = 8  # of the story; building the host is one more
REPOSITORY = "acme/web"
HARM = "unapproved code runs"
PAGE = "web 1.4 serves"


class Story:
    """One showing; `agent` is there from `guard` on."""

    def __init__(self, stage: Stage, host: LabHost) -> None:
        self._stage, self._host = stage, host
        self._registry = Registry(host)
        self._good = _image("1.4", f"echo {PAGE}; while :; do sleep 1; done")
        self._repaired = _image("1.4.1", f"echo {PAGE}")
        self._bad = _image("2.0-rc1", f"echo {HARM}")
        self._refusals: list[float | None] = []
        self._started_s = self._stopped_s = 0.0
        self._administrators = Administrators(host)
        self.agent = LabAgent(host)

    def tell(self) -> None:
        """All steps; raises `LabError` where the guard does not do what it is for."""
        for step in (
            self.ceremony,
            self.publish,
            self.guard,
            self.approved,
            self.unapproved,
            self.disguised,
            self.overview,
            self.revoked,
        ):
            step()

    # The steps.

    def ceremony(self) -> None:
        """The list's keys."""
        self._stage.step("Two administrators begin a signed list, once")
        began = time.monotonic()
        self._administrators.first_ceremony()
        for typed in self._administrators.typed:
            self._stage.command(typed)
        took = time.monotonic() - began
        both = " and ".join(name.capitalize() for name in ADMINISTRATORS)
        self._stage.good(f"{both} must both sign whatever hosts are to believe; {took:.1f} s")

    def publish(self) -> None:
        """Two versions in the registry, one of them on the allowlist."""
        self._stage.step("Publish two versions of an image, and approve one of them")
        began = time.monotonic()
        self._registry.start()
        self._registry.push(self._good)
        self._registry.push(self._good, tag="stable")
        self._registry.push(self._bad)
        for image in (self._good, self._bad):
            self._host.docker("pull", "-q", image.reference())
        self._administer(lambda: self._approve(self._good, "--tag", "stable"))
        took = time.monotonic() - began
        self._stage.good(f"{self._good.reference()} is approved (also as :stable); {took:.1f} s")
        self._stage.good(f"{self._bad.reference()} is not")

    def guard(self) -> None:
        """The agent in enforce mode."""
        self._stage.step("Start the guard in enforce mode")
        self._stage.command('sudo dockwarden run &   # agent.toml says mode = "enforce"')
        began = time.monotonic()
        self._administrators.give_root()
        self.agent.configure(allowlist=self._administrators.settings)
        self.agent.start()
        self.agent.until(lambda: self.agent.cli("sync", "--wait").returncode == 0, "the list")
        took = time.monotonic() - began
        self._stage.good(f"after {took:.1f} s it follows the engine and watches every new cgroup")
        self._show("status", sudo=True)

    def approved(self) -> None:
        """What is approved runs."""
        self._stage.step("A developer runs the approved version")
        done, self._started_s = self._docker("run", "-d", "--name", "web", self._good.reference())
        if done.returncode:
            raise LabError(f"the approved image did not run: {done.stderr.strip()}")
        self._until(lambda: PAGE in self._host.docker("logs", "web").stdout, "web to speak")
        self._docker("logs", "web")
        self._stage.good(f"it runs as if nobody watched; docker run took {self._started_s:.1f} s")

    def unapproved(self) -> None:
        """What is not approved never runs, and the developer finds out why."""
        self._stage.step("The developer tries the version that nobody approved")
        self._refused("trial", self._bad.reference())
        self._stage.say("The engine's words do not tell why. This does:")
        self._explain("trial")
        self._stage.say("Or ask first, without starting anything:")
        self._show("check", self._good.reference(), self._bad.reference())

    def disguised(self) -> None:
        """A name proves nothing."""
        self._stage.step("Somebody gives the unapproved version an approved name")
        stable = replace(self._good, tag="stable").reference()
        self._docker("tag", self._bad.reference(), stable)
        self._refused("disguised", stable)
        self._stage.say("What is compared is the digest of the content; the name is only reported.")

    def overview(self) -> None:
        """What operations see."""
        self._stage.step("What operations see")
        self._show("ps", sudo=True)
        self._show("violations", sudo=True)
        self._stage.say("One row: both starts were of the same content, whatever it was called.")

    def revoked(self) -> None:
        """An approval that is withdrawn ends what runs by it."""
        self._stage.step("The approval is withdrawn while the container runs")
        self._stage.say("A new list: acme revokes 1.4, acme.shop approves 1.4.1 instead.")
        self._registry.push(self._repaired)
        self._administer(self._withdraw)
        began = time.monotonic()
        self._until(lambda: not self._runs("web"), "web to be stopped")
        self._stopped_s = time.monotonic() - began
        self.agent.finding("web")
        self._docker("ps", "-a", "--format", "table {{.Names}}\t{{.Image}}\t{{.Status}}")
        self._stage.stopped(f"web, {self._stopped_s:.1f} s after the new list was published")
        self._explain("web")
        self._show("status", sudo=True)

    # The outcome.

    def summary(self) -> list[str]:
        """Two lines; how it was left is the third, and not the story's to tell."""
        before = sum(ran == 0 for ran in self._refusals)
        return [
            f"Approved: ran at once (docker run took {self._started_s:.1f} s); when its approval "
            f"was withdrawn it was stopped within {self._stopped_s:.1f} s.",
            f"Not approved: {before} of {len(self._refusals)} starts refused before the first "
            "instruction, once under its own name and once under an approved one.",
        ]

    def approve_again(self) -> None:
        """A revocation stands; a waiver lets the good version run once more for a day."""
        words = ("--lifts", "deny", "--until", "1d", "--reason", "to play with", "--owner", "ann")
        digest = self._good.top_digest
        self._administrators.run("waiver", "grant", digest, "--scope", SCOPES[0], *words, "--yes")
        self._administrators.sign_and_publish()
        self.agent.cli("sync", "--wait")

    # How it is done.

    def _administer(self, change: Callable[[], None]) -> None:
        """A change that both sign, shown as typed."""
        typed = self._administrators.typed
        before = len(typed)
        change()
        self._administrators.sign_and_publish()
        for command in typed[before:]:
            self._stage.command(command)

    def _approve(self, image: BuiltImage, *options: str) -> None:
        reference = f"{self._registry.address}/{REPOSITORY}:{image.tag}"
        self._administrators.approve(reference, *options, reason="REG-1024")

    def _withdraw(self) -> None:
        reference = f"{self._registry.address}/{REPOSITORY}:{self._good.tag}"
        self._administrators.revoke(reference, reason="it holds a backdoor, see SEC-204")
        self._approve(self._repaired)

    def _refused(self, name: str, reference: str) -> None:
        done, took = self._docker("run", "--name", name, reference)
        outcome = self.agent.finding(name)["outcome"]
        if done.returncode == 0 or outcome["error"] or outcome["action"] != "kill":
            raise LabError(f"{name} was not stopped: {outcome}")
        ran: float | None = outcome["ran_ms"]
        if (ran == 0) is (HARM in done.stdout):
            raise LabError(f"{name} printed {done.stdout!r}, but the finding says: ran {ran} ms")
        self._refusals.append(ran)
        when = "before its first instruction" if ran == 0 else f"after {ran} ms"
        point = outcome["enforcement_point"]
        self._stage.stopped(f"{when}, at the {point} point; docker run took {took:.1f} s")

    def _explain(self, name: str) -> None:
        """Shown once the agent has the finding on the disk: until then it knows of no such name."""
        self._until(
            lambda: self.agent.cli("explain", name).returncode == 3, f"an explanation of {name}"
        )
        self._show("explain", name)

    def _docker(self, *arguments: str) -> tuple[CompletedProcess[str], float]:
        quoted = [f"'{word}'" if " " in word else word for word in arguments]
        self._stage.command(f"docker {' '.join(quoted)}".replace("\t", "\\t"))
        began = time.monotonic()
        done = self._host.docker(*arguments, check=False)
        took = time.monotonic() - began
        self._stage.answer(done.stdout + done.stderr)
        return done, took

    def _show(self, *arguments: str, sudo: bool = False) -> None:
        self._stage.command(f"{'sudo ' if sudo else ''}dockwarden {' '.join(arguments)}")
        done = self.agent.cli(*arguments)
        if done.returncode not in (0, 3):
            raise LabError(f"dockwarden {arguments[0]} failed: {done.stderr.strip()}")
        self._stage.answer(done.stdout)

    def _runs(self, name: str) -> bool:
        return bool(self._host.inspect(name)["State"]["Running"])

    def _until(self, true: Callable[[], bool], what: str) -> None:
        self.agent.until(true, what)


def _image(tag: str, script: str) -> BuiltImage:
    return images.build(REPOSITORY, tag, config={"Cmd": ["/bin/sh", "-c", script]})
