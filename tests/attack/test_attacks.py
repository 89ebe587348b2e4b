"""Every attack: the last good list stays in force, the next honest one is adopted."""

from pathlib import Path

import pytest

from tests.attack.catalogue import ATTACKS
from tests.attack.mounting import mount


@pytest.mark.parametrize("name", ATTACKS)
def test_withstood(name: str, tmp_path: Path) -> None:
    mount(ATTACKS[name], tmp_path)
