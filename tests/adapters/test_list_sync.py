"""The poll asks as little as it can and waits for nobody; the helper's process is bounded."""

import os
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.adapters.list_sync import Helper, HelperRepository
from agent.errors import AllowlistRejected, SyncFailed
from agent.helpers.sync.sync_request import Request, SyncReport
from agent.ports import TrustedList
from tests.adapters.list_server import ListServer, serving
from tests.control.fake_host import listed
from tests.patience import PATIENCE, until

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ListServer]:
    folder = tmp_path / "served"
    (folder / "metadata").mkdir(parents=True)
    with serving(folder) as told:
        yield told


def publish(server: ListServer, content: bytes) -> None:
    (server.folder / "metadata" / "timestamp.json").write_bytes(content)


def adopt(state: Path, number: int, timestamp: bytes) -> None:
    """What the helper leaves behind."""
    (state / str(number) / "metadata").mkdir(parents=True)
    (state / str(number) / "metadata" / "timestamp.json").write_bytes(timestamp)
    (state / "CURRENT").write_text(f"{number}\n")


def repository(
    source: str, state: Path, *, module: str = "agent.helpers.sync", broken: int = 0
) -> HelperRepository:
    """One whose generation's list has the generation's number as its sequence."""

    def open_list(path: Path) -> TrustedList:
        if int(path.name) == broken:
            raise AllowlistRejected(f"{path}: no index")
        return listed("app", sequence=int(path.name))

    def read(path: Path) -> SyncReport | None:
        return SyncReport(int(path.name), False)

    request = Request(source, "acme.pay", "/root.json", str(state), 0.0)
    helper = Helper(PATIENCE, module=module)
    return HelperRepository(
        request, helper, read=read, lowest_time=lambda _: None, open_list=open_list
    )


# Polling.


def test_a_poll_compares_with_what_is_in_force_and_asks_conditionally(
    server: ListServer, tmp_path: Path
) -> None:
    publish(server, b"one")
    repo = repository(server.url, tmp_path)
    assert repo.changed()
    adopt(tmp_path, 1, b"one")
    assert not repo.changed()
    assert server.asked[-1][1]["If-None-Match"]
    publish(server, b"two")
    assert repo.changed()
    assert repo.changed()  # until it was adopted
    adopt(tmp_path, 2, b"two")
    assert not repo.changed()


def test_an_unchanged_poll_is_small(server: ListServer, tmp_path: Path) -> None:
    publish(server, b"one")
    adopt(tmp_path, 1, b"one")
    repo = repository(server.url, tmp_path)
    for _ in range(2):
        repo.changed()
    line, headers = server.asked[-1]
    asked = len(line) + sum(len(name) + len(value) + 4 for name, value in headers.items())
    assert line == "GET /metadata/timestamp.json HTTP/1.1"
    assert asked < 250


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("garbage", "no usable answer"),
        ("endless", "longer than"),
        ("cut", "cut off"),
        ("circle", "more than 5 redirects"),
        ("broken", "answered 503"),
    ],
)
def test_a_bad_server_is_an_error_in_words(
    server: ListServer, tmp_path: Path, mood: str, words: str
) -> None:
    publish(server, b"one")
    server.mood = mood
    with pytest.raises(SyncFailed, match=words):
        repository(server.url, tmp_path).changed()


def test_a_redirect_is_followed(server: ListServer, tmp_path: Path) -> None:
    publish(server, b"one")
    server.mood = "moved"
    adopt(tmp_path, 1, b"one")
    assert not repository(server.url, tmp_path).changed()


def test_a_slow_drip_is_cut_off_by_one_deadline(
    server: ListServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.adapters.list_sync.repository.POLL_SECONDS", 0.3)
    server.mood = "drip"
    with pytest.raises(SyncFailed, match="no answer in time"):  # whole after 5 s otherwise
        repository(server.url, tmp_path).changed()


def test_nobody_there_is_an_error_that_names_the_address(tmp_path: Path) -> None:
    with pytest.raises(SyncFailed, match=r"http://127\.0\.0\.1:1/metadata"):
        repository("http://127.0.0.1:1", tmp_path).changed()


def test_a_folder_needs_no_network(tmp_path: Path) -> None:
    folder, state = tmp_path / "a b", tmp_path / "state"
    (folder / "metadata").mkdir(parents=True)
    repo = repository(f"file://{tmp_path}/a%20b", state)
    with pytest.raises(SyncFailed, match=r"timestamp\.json cannot be read"):
        repo.changed()
    (folder / "metadata" / "timestamp.json").write_bytes(b"one")
    assert repo.changed()
    adopt(state, 1, b"one")
    assert not repo.changed()


# What lies on the disk.


def test_before_the_first_sync_there_is_no_list(tmp_path: Path) -> None:
    repo = repository("http://127.0.0.1:1", tmp_path / "none")
    assert (repo.in_force(), repo.last_good()) == (None, None)
    with pytest.raises(AllowlistRejected, match="no list was fetched"):
        repo.load()


def test_the_generation_in_force_is_the_one_that_current_names(tmp_path: Path) -> None:
    for number in (9, 10, 8):
        adopt(tmp_path, number, b"x")
    (tmp_path / "CURRENT").write_text("10\n")
    repo = repository("http://127.0.0.1:1", tmp_path)
    assert repo.load().info.sequence == 10
    assert repo.in_force() == SyncReport(10, False)
    last_good = repo.last_good()
    assert last_good and last_good.info.sequence == 9


def test_a_generation_that_cannot_be_read_leaves_the_one_before(tmp_path: Path) -> None:
    for number in (8, 9, 10):
        adopt(tmp_path, number, b"x")
    repo = repository("http://127.0.0.1:1", tmp_path, broken=9)
    last_good = repo.last_good()
    assert last_good and last_good.info.sequence == 8


# The helper.


@pytest.fixture
def helper_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module that a test writes, and `python -m` finds."""
    root = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{root}")
    yield tmp_path / "a_helper.py"


def says(path: Path, body: str) -> str:
    path.write_text("import json, os, sys, time\n" + textwrap.dedent(body))
    return path.stem


def test_a_sync_passes_the_request_and_brings_the_answer(
    helper_module: Path, tmp_path: Path
) -> None:
    module = says(
        helper_module,
        """
        asked = json.load(sys.stdin)
        assert asked["scope"] == "acme.pay", asked
        print(json.dumps({"generation": 3, "changed": True, "sequence": int(asked["now"])}))
        """,
    )
    answer = repository("https://x", tmp_path, module=module).sync(NOW)
    assert answer == SyncReport(3, True, sequence=int(NOW.timestamp()))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("print('hello')", "cannot be understood"),
        ("print('[]')", "cannot be understood"),
        ("print('{}')", "cannot be understood"),
        ("sys.exit('no such thing')", "ended with 1: no such thing"),
        ("os.kill(os.getpid(), 9)", "ended with -9"),
        ("sys.stdout.write('x' * 3_000_000)", "more than it may"),
        ("x = bytearray(4 << 30)", "ended with 1: MemoryError"),
    ],
)
def test_a_helper_that_fails_is_an_error_in_words(
    helper_module: Path, tmp_path: Path, body: str, words: str
) -> None:
    with pytest.raises(SyncFailed, match=words):
        repository("https://x", tmp_path, module=says(helper_module, body)).sync(NOW)


def test_a_helper_that_hangs_is_ended_with_all_its_children(
    helper_module: Path, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    module = says(
        helper_module,
        f"""
        child = os.fork()
        with open({str(pids)!r}, "a") as file:
            file.write(f"{{os.getpid()}}\\n")
        time.sleep(60)
        """,
    )
    with pytest.raises(SyncFailed, match="longer than 2 s"):
        Helper(2.0, module=module).run(b"{}\n")
    # On a busy machine the helper may have been ended before it wrote.
    for pid in map(int, pids.read_text().split() if pids.exists() else ()):
        assert not _lives(pid)


def test_an_agent_that_stops_ends_its_helper(helper_module: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    body = f"open({str(started)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    helper = Helper(PATIENCE, module=says(helper_module, body))
    errors: list[str] = []

    def run() -> None:
        try:
            helper.run(b"")
        except SyncFailed as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    until(lambda: started.exists() and started.read_text(), "the helper's start")
    helper.close()
    thread.join(PATIENCE)
    assert errors and "ended with -9" in errors[0]
    assert not _lives(int(started.read_text()))
    with pytest.raises(SyncFailed, match="stops"):
        helper.run(b"")


def _lives(pid: int) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state == "Z":  # dead; the process that adopted it has not checked yet
            return False
        time.sleep(0.02)
    return True


def test_the_helper_gets_no_secret_of_the_agents_environment(
    helper_module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKWARDEN_SECRET", "s3cret")
    monkeypatch.setenv("https_proxy", "http://proxy.acme.test:3128")
    module = says(helper_module, "print(json.dumps(dict(os.environ)))")
    said = Helper(PATIENCE, module=module).run(b"")
    assert b"s3cret" not in said
    assert b"proxy.acme.test" in said


def test_a_host_that_polls_no_server_imports_no_http_library() -> None:
    import subprocess

    code = (
        "import sys; import agent.adapters.list_sync; "
        "print([m for m in ('http.client', 'urllib.request', 'urllib3', 'ssl', 'tuf',"
        " 'cryptography', 'email') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
