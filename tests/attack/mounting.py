"""Runs one attack and returns the outcome: first for this host, then for the stock client."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.helpers.sync.sync_request import SyncReport
from tests.attack.stage import HOST_SCOPE, Attack, Stage
from tests.attack.stock import StockHost

EVIL = ("evil", "evil2", "old")
GOOD = ("pay", "web", "web2")
KEPT_SCOPES = ("acme", "acme.pay", HOST_SCOPE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """`report` is what the host reports about the attack, in one sentence; empty if it reports
    nothing. `stock` says what the stock client did."""

    told: str
    stock: str


def mount(attack: Attack, directory: Path, *, with_stock: bool = False) -> Outcome:
    """Mount an attack; raises `AssertionError` unless the host withstands and recovers."""
    with Stage(directory, long=attack.long, over_files=attack.over_files) as stage:
        first = stage.sync()
        assert not (first.error or _problems(first)), first
        stock = StockHost(stage, directory / "stock") if with_stock else None
        attack.mount(stage)
        before = stage.last_good()
        answer = stage.sync()
        told = answer.error or _problems(answer)
        assert bool(told) != attack.silent, f"told: {told!r}"
        if attack.wipes:
            assert answer.generation == stage.enforced().generation == 0
        else:
            after = stage.enforced()
            assert {**after.payload, **before} == after.payload, "byte by byte what it was"
            after.check_whole()
            _check_verdicts(stage)
        seen = attack.stock
        if stock and seen == "run":
            seen = stock.outcome()
        _recover(stage)
        return Outcome(told, seen if with_stock else "")


def mount_in_temporary_folder(attack: Attack, *, with_stock: bool) -> Outcome:
    """As `mount`, in a directory of its own."""
    with TemporaryDirectory() as directory:
        return mount(attack, Path(directory), with_stock=with_stock)


def _recover(stage: Stage) -> None:
    """The honest publication that follows is adopted."""
    stage.end_attack()
    root = stage.admins.roles["root"].signed
    if stage.trusted_root() > root.version:  # rightly signed, so only a newer one ends it
        root.version = stage.trusted_root()
        stage.admins.publish_keys()
    stage.admins.overtake(stage.thief)
    stage.admins.approve(HOST_SCOPE, "after")
    stage.admins.publish()
    answer = stage.sync()
    assert not (answer.error or _problems(answer)), answer
    assert stage.enforced().approves("after")
    stage.enforced().check_whole()
    _check_verdicts(stage)


def _check_verdicts(stage: Stage) -> None:
    enforced = stage.enforced()
    assert enforced.approves(*GOOD)
    assert enforced.denies("evil", "old")
    assert not any(enforced.approves(name) for name in EVIL)


def _problems(answer: SyncReport) -> str:
    return "; ".join(f"{s.scope}: {s.problem}" for s in answer.scopes if s.problem)
