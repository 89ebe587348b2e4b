"""Where Prometheus finds the metrics: the file, and HTTP on loopback."""

from http.client import HTTPConnection
from pathlib import Path

import pytest

from agent.adapters.metrics.metrics_server import MetricsServer
from agent.adapters.metrics.textfile import Textfile, chosen
from agent.errors import SinkFailed
from tests.patience import PATIENCE


def test_the_file_is_replaced_and_readable_by_node_exporter(tmp_path: Path) -> None:
    path = tmp_path / "dockwarden.prom"
    file = Textfile(path)
    file.publish("dockwarden_up 1\n")
    file.publish("dockwarden_up 0\n")
    assert path.read_text() == "dockwarden_up 0\n"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir()] == ["dockwarden.prom"]


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkFailed, match="nowhere"):
        Textfile(tmp_path / "nowhere" / "dockwarden.prom").publish("")


def test_auto_writes_only_where_node_exporter_looks(tmp_path: Path) -> None:
    assert chosen("auto", tmp_path) == tmp_path / "dockwarden.prom"
    assert chosen("auto", tmp_path / "missing") is None
    assert chosen("off", tmp_path) is None
    assert chosen("/srv/a.prom", tmp_path) == Path("/srv/a.prom")


@pytest.mark.parametrize(("path", "status"), [("/metrics", 200), ("/", 404)])
def test_http_says_what_was_published_last(path: str, status: int) -> None:
    server = MetricsServer("127.0.0.1:0")
    try:
        server.publish("dockwarden_up 1\n")
        asked = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        asked.request("GET", path)
        answer = asked.getresponse()
        assert answer.status == status
        assert (answer.read() == b"dockwarden_up 1\n") == (status == 200)
        asked.close()
    finally:
        server.close()
