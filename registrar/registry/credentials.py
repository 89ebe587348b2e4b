"""Credentials for registries as docker keeps them: config.json and credential helpers.

Reads only; knows no HTTP. Rules: docker's documentation of `docker login` ("Credential stores",
"Credential helpers") and the protocol of docker-credential-helpers.
"""

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from registrar.child_processes import clean_environment
from registrar.registry.registry_errors import BadCredentials

HUB: Final = "docker.io"
HUB_KEY: Final = "https://index.docker.io/v1/"
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HELPER_S: Final = 30
_IDENTITY: Final = "<token>"  # the user name by which a helper says that the secret is a token
_NONE = re.compile(r"credentials not found|no credentials server URL|no such (?:item|entry)", re.I)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a registry is sent: user and password, or an identity token to exchange, or a bearer
    token as it is. Its text form shows no secret."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    bearer_token: str = field(default="", repr=False)


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """Where docker's client keeps its configuration (`DOCKER_CONFIG`)."""
    directory = environment.get("DOCKER_CONFIG") or str(Path.home() / ".docker")
    return Path(directory) / "config.json"


def credentials_for(domain: str, path: Path) -> Credentials | None:
    """What docker would use for this registry; None for nobody in particular.

    A helper of the registry's own comes first, then the store for all, then the file itself.
    Raises `BadCredentials`.
    """
    config = _config(path)
    helper = _table(config, "credHelpers", path).get(domain) or config.get("credsStore")
    if helper:
        return _helped(str(helper), HUB_KEY if domain == HUB else domain, path)
    entries = _table(config, "auths", path)
    for key in sorted(entries, key=lambda key: key != domain):  # the plain name first
        if _domain_of(key) == domain and isinstance(entries[key], dict):
            return _kept(entries[key], f"{path}: auths[{key!r}]")
    return None


def _config(path: Path) -> Mapping[str, Any]:
    try:
        config = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadCredentials(
            f"{path} cannot be read: {error}", hint="correct it, or log in again by `docker login`"
        ) from error
    if not isinstance(config, dict):
        raise BadCredentials(f"{path} is not a JSON object", hint="log in again by `docker login`")
    return config


def _table(config: Mapping[str, Any], key: str, path: Path) -> Mapping[str, Any]:
    table = config.get(key) or {}
    if not isinstance(table, dict):
        raise BadCredentials(f"{path}: {key} is not an object", hint="correct it by hand")
    return table


def _domain_of(key: str) -> str:
    if key.rstrip("/") == HUB_KEY.rstrip("/"):
        return HUB
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _kept(entry: Mapping[str, Any], at: str) -> Credentials | None:
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            user, _, password = (
                base64.b64decode(str(entry["auth"]), validate=True).decode().partition(":")
            )
        except (binascii.Error, UnicodeDecodeError) as error:
            raise BadCredentials(
                f"{at}.auth is not base64 of user:password", hint="log in again by `docker login`"
            ) from error
    found = Credentials(
        user,
        password.rstrip("\0"),
        str(entry.get("identitytoken") or ""),
        str(entry.get("registrytoken") or ""),
    )
    return found if found != Credentials() else None


def _helped(helper: str, server: str, path: Path) -> Credentials | None:
    program = f"docker-credential-{helper}"
    fix = f"install {program} or correct {path}"
    if not _HELPER.fullmatch(helper):
        raise BadCredentials(f"{path}: {helper!r} is not a credential helper", hint=fix)
    try:
        done = subprocess.run(
            [program, "get"],
            input=server.encode(),
            env=clean_environment(),
            capture_output=True,
            timeout=_HELPER_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadCredentials(f"{program} cannot be run: {error}", hint=fix) from error
    said = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode:
        if _NONE.search(said):
            return None
        raise BadCredentials(f"{program} failed for {server}: {said.strip()[:200]}", hint=fix)
    try:
        response = json.loads(done.stdout)
        user, secret = str(response["Username"]), str(response["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise BadCredentials(
            f"{program} answers no Username and Secret", hint=fix
        ) from error  # what it answered may hold a secret: it is not shown
    if user == _IDENTITY:
        return Credentials(identity_token=secret)
    return Credentials(user, secret)
