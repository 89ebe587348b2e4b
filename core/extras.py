"""Says which optional part of the installation is missing, before anything fails to be imported.

Imports nothing but the standard library: the commands begin here.
"""

import sys
from importlib.util import find_spec
from typing import Final

# Modules by extra: one for each distribution that pyproject.toml lists (a test compares them).
_SIGNED: Final = ("tuf", "securesystemslib", "cryptography")
MODULES: Final = {
    "signed": _SIGNED,
    "registrar": (*_SIGNED, "license_expression", "yaml"),
    "collector": (
        "alembic",
        "argon2",
        "authlib",
        "fastapi",
        "httptools",
        "httpx",
        "itsdangerous",
        "jinja2",
        "psycopg",
        "python_multipart",
        "sqlalchemy",
        "uvicorn",
        "uvloop",
    ),
}


def missing(extra: str) -> bool:
    """Whether a module that this extra brings cannot be found."""
    return any(find_spec(name) is None for name in MODULES[extra])


def install(extra: str) -> str:
    """The command that installs the extra."""
    return f"pip install 'dockwarden[{extra}]'"


def lacks_signed() -> str:
    """What a host cannot do without the extra for signed lists; empty if it is installed."""
    if not missing("signed"):
        return ""
    return 'a signed allowlist needs the extra "signed", which is not installed with this agent'


def require(command: str, extra: str) -> None:
    """End the process with 2 and one line where the command lacks its extra."""
    if missing(extra):
        sys.stderr.write(f'{command}: this needs the extra "{extra}": {install(extra)}\n')
        raise SystemExit(2)
