"""CSV and JSON: whole, and harmless in a spreadsheet."""

import csv
import io
import json
from dataclasses import replace

import pytest

from collector.web.export import guarded
from core.text import printable
from tests.collector.web.client import signed_in
from tests.collector.web.world import NOW, World, busy_world, finding, host_row


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "＠x"],  # noqa: RUF001 - full-width forms are meant
)
def test_what_a_spreadsheet_would_calculate_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == "'" + printable(text)


@pytest.mark.parametrize(
    ("text", "cell"), [(";=1+1;", ";'=1+1;"), ("a; +1", "a;' +1"), ("\x1b[2J", r"\x1b[2J")]
)
def test_a_reader_that_parts_cells_elsewhere_calculates_nothing(text: str, cell: str) -> None:
    assert guarded(text) == cell


@pytest.mark.parametrize(
    ("value", "cell"), [("web", "web"), (-3, "-3"), (None, ""), (("a", "b"), "a; b")]
)
def test_other_values_stay(value: object, cell: str) -> None:
    assert guarded(value) == cell


def test_csv_holds_every_row_of_a_long_list() -> None:
    world = World()
    host = host_row(1)
    world.host_rows = [host]
    world.found = [finding(NOW, host, 0, event_id=f"e-{n:05}") for n in range(2300)]
    world.found[7] = replace(world.found[7], container='=HYPERLINK("http://evil.example")')
    answer = signed_in(world).get("/violations.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len({row["event_id"] for row in rows}) == 2300
    assert {row["container"][0] for row in rows if "HYPERLINK" in row["container"]} == {"'"}
    assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize("path", ["violations", "images", "hosts", "audit"])
def test_json_is_json(path: str) -> None:
    client = signed_in(busy_world(10))
    assert json.loads(client.get(f"/{path}.json").text)
    assert client.get(f"/{path}.xml").status_code == 404


def test_filter_holds_for_the_export() -> None:
    world = busy_world(20)
    rows = signed_in(world).get("/violations.json?verdict=revoked&period=90d").json()
    assert {row["verdict"] for row in rows} == {"revoked"}
    assert signed_in(World()).get("/violations.json").json() == []


def test_one_host_and_one_image() -> None:
    world = busy_world(10)
    client = signed_in(world)
    row = world.found[0]
    assert client.get(f"/images/{row.digest}/hosts.csv").text.count("\n") > 1
    assert client.get(f"/hosts/{row.host_id}/timeline.json").json()
