"""The fixture of every table here: servers, a proxy, and an environment without variables."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.network.network_environment import NETWORK_VARIABLES
from tests.adapters.tls import make_authority
from tests.network.forward_proxy import proxying
from tests.network.origin import NAME, serving
from tests.network.street import Street


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Street]:
    for name in NETWORK_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    authority = make_authority(tmp_path, NAME, "localhost")
    with serving(authority) as secure, serving() as plain, proxying() as proxy:
        yield Street(secure, plain, proxy, authority, monkeypatch, tmp_path)
