"""Other engines beside the guarded one are reported once, while they last."""

from dataclasses import dataclass

from agent.lockdown.foreign_engines import PERIOD, ForeignEngines
from core.base_errors import DockwardenError
from core.findings.finding import Finding, Kind
from tests.control.rig import Rig


@dataclass(frozen=True)
class Other:
    """A process that fetches images."""

    kind: str = "podman"
    pid: int = 7
    command: str = "podman pull evil"
    user: str = "mallory"
    container: str = ""


class Street:
    """What runs beside the engine, and an agent that looks."""

    def __init__(self) -> None:
        self.rig = Rig()
        self.there: list[Other] = []
        self.error: DockwardenError | None = None
        parts = self.rig.enforcer.services
        self.foreign_engines = ForeignEngines(
            self._find,
            work=self.rig.post,
            clock=self.rig.clock,
            finding_factory=parts.finding_factory,
            emit=parts.emit,
        )

    def _find(self) -> list[Other]:
        if self.error is not None:
            raise self.error
        return list(self.there)

    def look(self, *there: Other, after: float = PERIOD) -> list[Finding]:
        """Time passes; what is reported of these."""
        self.there = list(there)
        before = len(self.rig.findings)
        self.rig.clock.advance(after)
        self.foreign_engines.tick()
        self.rig.drain()
        return self.rig.findings[before:]


def test_an_engine_is_reported_once_with_process_and_owner() -> None:
    street = Street()
    (finding,) = street.look(Other())
    assert (finding.event, finding.kind) == ("engine.other", Kind.ALARM)
    assert "podman runs beside the guarded engine (process 7, mallory)" in finding.summary
    assert finding.details == {
        "engine": "podman",
        "pid": "7",
        "command": "podman pull evil",
        "user": "mallory",
    }
    assert street.look(Other()) == []


def test_one_that_comes_back_is_reported_again_and_another_by_itself() -> None:
    street = Street()
    street.look(Other())
    assert street.look() == []
    assert len(street.look(Other(), Other("buildkitd", 8, container="f" * 64))) == 2
    (finding,) = street.look(Other(), Other("dockerd"))
    assert finding.details["engine"] == "dockerd"


def test_the_container_it_runs_in_is_named() -> None:
    (finding,) = Street().look(Other(container="f" * 64))
    assert f"mallory in container {'f' * 12})" in finding.summary


def test_it_looks_once_a_period() -> None:
    street = Street()
    street.look()
    assert street.look(Other(), after=PERIOD - 1.0) == []
    assert len(street.look(Other(), after=1.0)) == 1


def test_a_look_that_fails_forgets_nothing() -> None:
    street = Street()
    street.look(Other())
    street.error = DockwardenError("it cannot be looked")
    assert street.look(Other()) == []
    street.error = None
    assert street.look(Other()) == []
