"""Whatever a file or a variable holds: a configuration or one named error."""

import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.config.config_values import Config
from agent.config.handover import from_bytes, from_descriptor, to_bytes, to_descriptor
from agent.config.layers import Inputs
from agent.config.load import Loaded, load
from agent.config.model import Tables, known_keys
from agent.config.show import as_toml
from core.base_errors import ConfigInvalid
from tests.config.conftest import loaded, write
from tests.config.test_layers import ONE, exemption

KEYS = [".".join(path) for path, _ in known_keys()]
VALUES = ["1", "-1", "0.5", "true", '"x"', '"/x"', '"kill"', "[]", '["/x"]', "{}", "[{}]",
          "2027-01-01", "2027-01-01T00:00:00Z", "inf", "1e400", "0x" + "f" * 300]  # fmt: skip


def _load(content: bytes, environ: Mapping[str, str]) -> Loaded | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.toml"
        write(path, content)
        try:
            return load(Inputs(path, environ))
        except ConfigInvalid as error:
            assert error.problems
            return None


@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    _load(content, {})


@given(st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=6))
def test_any_value_at_any_key(given_keys: dict[str, str]) -> None:
    text = "\n".join(f"{key} = {value}" for key, value in given_keys.items())
    result = _load(text.encode(), {})
    assert result is None or from_bytes(to_bytes(result.config)) == result.config


_PARTS = st.sampled_from(["AGENT", "MODE", "GATE", "ROOTS", "ENFORCEMENT", "EXEMPTIONS", "", "X"])
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(st.dictionaries(st.lists(_PARTS, max_size=4).map("__".join), _TEXT, max_size=5))
def test_any_environment(variables: dict[str, str]) -> None:
    _load(b"", {f"DOCKWARDEN_{name}": text for name, text in variables.items()})


@given(st.binary(max_size=100))
def test_any_bytes_handed_over(data: bytes) -> None:
    try:
        assert isinstance(from_bytes(data), Config)
    except ConfigInvalid as error:
        assert error.hint


def test_what_is_shown_can_be_loaded_again(folder: Path) -> None:
    write(
        folder / "agent.toml",
        '[agent]\ncontact = "späth \\"x\\" \\\\ ops"\n[gate]\nroots = ["/a", "/b"]\n'
        '[enforcement.actions]\nwaived = "stop"\n' + exemption(ONE, "me"),
    )
    first = loaded(folder)
    for origin in (False, True):
        write(folder / "agent.toml", as_toml(first, origin=origin))
        assert loaded(folder).config == first.config


def test_the_hand_over_survives_a_descriptor(folder: Path) -> None:
    write(folder / "agent.toml", exemption(ONE, "me"))
    config = loaded(folder).config
    assert from_descriptor(to_descriptor(config)) == config


def test_models_and_values_have_the_same_keys_and_defaults() -> None:
    tree: dict[str, Any] = tomllib.loads(
        as_toml(Loaded(Config(), {}, frozenset(), ()), origin=False)
    )
    for section in fields(Config):
        keys = {field.name for field in fields(getattr(Config(), section.name))}
        model = getattr(Tables(), section.name)
        assert keys == set(type(model).model_fields)
        assert set(tree[section.name]) == keys - {"exemptions"}
