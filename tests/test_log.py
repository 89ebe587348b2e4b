"""Log lines say constant events with fields, and no value can pass for another line or field."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import log as log_module
from agent.journald import Journal, field_name, is_stderr
from agent.log import JournalWriter, Level, StderrWriter, get_logger, line, use
from tests.fakes.findings import any_text
from tests.fakes.journald import FakeJournald

log = get_logger("agent.test")
_PAIR = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*"|[^ "\\=]+)')


@pytest.fixture(autouse=True)
def _own_writer() -> Iterator[None]:
    writer, level = log_module._process.writer, log_module._process.level
    yield
    use(writer, level=level)


def test_people_read_time_level_event_and_fields(capsys: pytest.CaptureFixture[str]) -> None:
    use(StderrWriter(), level=Level.INFO)
    log.warning("container.killed", container="web", verdict="unlisted", ran_ms=0.5)
    log.debug("not.shown")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d WARNING container\.killed container=web verdict=unlisted ran_ms=0\.5\n",
        capsys.readouterr().err,
    )


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), any_text))
def test_a_line_is_one_line_and_has_exactly_its_fields(fields: dict[str, str]) -> None:
    text = line("event.happened", fields)
    assert text.isprintable()
    pairs = _PAIR.findall(text.removeprefix("event.happened"))
    assert [name for name, _ in pairs] == list(fields)
    assert "event.happened" + "".join(f" {name}={value}" for name, value in pairs) == text


@given(any_text, any_text)
def test_two_values_never_read_the_same(one: str, other: str) -> None:
    if one != other:
        assert line("e", {"x": one}) != line("e", {"x": other})


def test_the_journal_gets_fields(tmp_path: Path) -> None:
    daemon = FakeJournald(tmp_path / "journal")
    use(JournalWriter(Journal(daemon.path)))
    log.error("rescan.failed", container="a\nPRIORITY=0", error=OSError("no"), message="mine")
    (entry,) = daemon.entries()
    assert entry == {
        "MESSAGE": r'rescan.failed container="a\nPRIORITY=0" error=no message=mine',
        "PRIORITY": "3",
        "SYSLOG_IDENTIFIER": "dockwarden",
        "LOGGER": "agent.test",
        "DOCKWARDEN_EVENT": "rescan.failed",
        "DOCKWARDEN_CONTAINER": r"a\nPRIORITY=0",
        "DOCKWARDEN_ERROR": "no",
        "DOCKWARDEN_MESSAGE": "mine",
    }


def test_no_journal_means_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use(JournalWriter(Journal(str(tmp_path / "nobody"))))
    log.info("agent.started")
    assert capsys.readouterr().err.endswith(" INFO agent.started\n")


def test_a_hung_journal_costs_lines_that_are_counted(tmp_path: Path) -> None:
    daemon = FakeJournald(tmp_path / "journal", hung=True)
    journal = Journal(daemon.path)
    use(JournalWriter(journal))
    with pytest.raises(TimeoutError):
        while True:
            journal.send({"MESSAGE": "filling the queue"})
    log.info("lost.one")
    log.info("lost.two")
    daemon.wake()
    daemon.entries()
    log.info("back")
    last = daemon.entries()[-1]
    assert (last["DOCKWARDEN_EVENT"], last["DOCKWARDEN_LOST"]) == ("back", "2")


@pytest.mark.parametrize("stream", [None, "closed"])
def test_a_lost_standard_error_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, stream: str | None
) -> None:
    gone = io.StringIO()
    gone.close()
    monkeypatch.setattr(sys, "stderr", gone if stream else None)
    use(StderrWriter())
    log.error("still.running")


@given(any_text)
def test_every_field_name_is_one_journald_takes(text: str) -> None:
    assert re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", field_name(text))


@pytest.mark.parametrize("stream", ["", "x", "1", "1:2", "1:2:3"])
def test_an_inherited_journal_stream_is_not_believed(stream: str) -> None:
    assert not is_stderr(stream)


def test_started_by_systemd_it_chooses_the_journal() -> None:
    """Standard error is the stream that JOURNAL_STREAM names only when systemd connected it."""
    reader, writer = os.pipe()
    status = os.fstat(writer)
    code = "from agent import log; print(type(log._process.writer).__name__)"
    chosen = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"},
        stderr=writer,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    os.close(reader)
    os.close(writer)
    assert chosen.stdout.strip() == "JournalWriter"


def test_the_log_imports_nothing_heavy() -> None:
    code = "import sys, agent.log; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True
    )
    heavy = {"logging", "json", "msgspec", "uuid", "inspect", "asyncio", "threading", "tempfile"}
    assert heavy & set(loaded.stdout.split()) == set()
