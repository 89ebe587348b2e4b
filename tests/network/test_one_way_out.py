"""No program has a second way out: who may import an HTTP library, and why (record 12)."""

import ast
from collections.abc import Iterator

from tests.house import PROGRAMS, ROOT

LIBRARIES = ("http.client", "urllib.request", "urllib3", "httpx", "requests", "aiohttp")
MAY = {
    ("agent/doctor/selftest_engine.py", "http.client"),  # the engine's unix socket
    ("registrar/seeding/seed_docker.py", "http.client"),  # the same
    ("collector/httpx_transport.py", "httpx"),  # authlib's client, led through core.network
    ("collector/web/oidc.py", "httpx"),  # the names of its errors
    ("core/network/web_client.py", "http.client"),
    ("core/network/web_exchange.py", "http.client"),
}


def _imported() -> Iterator[tuple[str, str]]:
    for path in (path for program in PROGRAMS for path in (ROOT / program).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for library in LIBRARIES:
                if any(name == library or name.startswith(f"{library}.") for name in names):
                    yield str(path.relative_to(ROOT)), library


def _makes_contexts() -> Iterator[str]:
    words = ("create_default_context", "PROTOCOL_TLS_CLIENT", "create_connection")
    for path in (path for program in PROGRAMS for path in (ROOT / program).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if any(word in text for word in words):
            yield str(path.relative_to(ROOT))


def test_nobody_else_imports_an_http_library() -> None:
    assert set(_imported()) == MAY


def test_nobody_else_decides_whom_to_trust() -> None:
    assert list(_makes_contexts()) == ["core/network/tls_trust.py"]
