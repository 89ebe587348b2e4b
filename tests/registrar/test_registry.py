"""The registry client against one that asks, stalls and lies; tests/lab has a real one."""

import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from core.image.digest import Digest
from registrar.registry import (
    BadCredentials,
    NotAsClaimed,
    NotInRegistry,
    Registries,
    RegistryClient,
    RegistryRefused,
    RegistryUnavailable,
    Transport,
    is_local,
)
from registrar.registry.authorise import challenges
from registrar.registry.credentials import Credentials, credentials_for
from registrar.registry.manifests import OCI_INDEX, OCI_MANIFEST
from registrar.registry.transport import Limits
from tests.patience import PATIENCE
from tests.registrar.registry_server import Stored, basic, make_image, serving

Headers = Mapping[str, str]
Reply = tuple[int, dict[str, str], bytes]


@pytest.fixture
def stored() -> Iterator[Stored]:
    with serving() as served:
        yield served


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(stored: Stored, pauses: list[float]) -> RegistryClient:
    return client_of(stored, pauses)


def client_of(
    stored: Stored, pauses: list[float], known: Credentials | None = None
) -> RegistryClient:
    limits = Limits(idle_s=PATIENCE, deadline_s=PATIENCE, attempts=3)
    transport = Transport(limits=limits, sleep=pauses.append, jitter=lambda: 0.5)
    return RegistryClient(stored.address, transport, credentials=known)


def test_content_by_digest_is_what_was_asked_for(stored: Stored, client: RegistryClient) -> None:
    image = stored.push(make_image())
    top = client.get_manifest("team/web", Digest.parse(image.top_digest))
    assert (top.content, top.is_index) == (image.index, True)
    one = image.images[0]
    assert client.get_blob("team/web", Digest.parse(one.config_digest)) == one.config


def test_a_digest_that_a_registry_only_claims_is_not_believed(
    stored: Stored, client: RegistryClient
) -> None:
    good, evil = stored.push(make_image()), make_image(tag="evil")
    claim = {"Content-Type": OCI_INDEX, "Docker-Content-Digest": good.top_digest}
    stored.hook = lambda _m, _p, _h: (200, claim, evil.index or b"")
    with pytest.raises(NotAsClaimed, match=evil.top_digest):
        client.get_manifest("team/web", Digest.parse(good.top_digest))
    assert str(client.get_manifest("team/web", "1").digest) == evil.top_digest


def test_a_changed_blob_is_refused(stored: Stored, client: RegistryClient) -> None:
    image = stored.push(make_image())
    name = image.images[0].config_digest
    stored.blobs[name] += b" "
    with pytest.raises(NotAsClaimed, match="the content's digest is"):
        client.get_blob("team/web", Digest.parse(name))


def test_more_bytes_than_the_limit_are_not_read(stored: Stored, client: RegistryClient) -> None:
    content = b"x" * 100_000
    stored.blobs[str(Digest.of(content))] = content
    with pytest.raises(NotAsClaimed, match="longer than 99999 bytes"):
        client.get_blob("team/web", Digest.of(content), limit=99_999)
    assert client.get_blob("team/web", Digest.of(content), limit=100_000) == content


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (OCI_MANIFEST, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}),
        (OCI_INDEX, {"schemaVersion": 2, "manifests": [], "layers": [], "config": {}}),
        (OCI_INDEX, {"schemaVersion": 2, "layers": [], "config": {}}),
        (OCI_MANIFEST, {"schemaVersion": 1, "fsLayers": []}),
        ("text/html", {"schemaVersion": 2}),
    ],
)
def test_what_can_be_read_as_two_things_or_as_none_is_refused(
    stored: Stored, client: RegistryClient, kind: str, document: dict[str, object]
) -> None:
    stored.put("team/web", "1", kind, json.dumps(document).encode())
    with pytest.raises(NotAsClaimed):
        client.get_manifest("team/web", "1")


def test_a_missing_image_is_named(client: RegistryClient) -> None:
    with pytest.raises(NotInRegistry, match=r"127\.0\.0\.1:\d+/team/web:9: .* 404"):
        client.get_manifest("team/web", "9")
    assert client.head("team/web", "9") is None


def test_a_busy_registry_is_asked_again_when_it_says(
    stored: Stored, client: RegistryClient, pauses: list[float]
) -> None:
    image = stored.push(make_image())
    answers: list[Reply] = [(429, {"Retry-After": "7"}, b""), (503, {}, b"")]
    stored.hook = lambda _m, _p, _h: answers.pop(0) if answers else None
    assert str(client.get_manifest("team/web", "1").digest) == image.top_digest
    assert pauses == pytest.approx([7.35, 1.0])


def test_a_registry_that_stays_busy_is_reported(
    stored: Stored, client: RegistryClient, pauses: list[float]
) -> None:
    stored.hook = lambda _m, _p, _h: (429, {"Retry-After": "3600"}, b"")
    with pytest.raises(RegistryRefused, match="429") as caught:
        client.get_manifest("team/web", "1")
    assert "3600 s" in caught.value.hint
    assert pauses == []


def test_a_dead_registry_is_reported(pauses: list[float]) -> None:
    with serving() as gone:
        pass
    with pytest.raises(RegistryUnavailable, match="the connection was refused"):
        client_of(gone, pauses).get_manifest("team/web", "1")
    assert len(pauses) == 2


def asks_for_a_token(stored: Stored, *, accepts: str) -> None:
    def hook(method: str, path: str, headers: Headers) -> Reply | None:
        if path.startswith("/token"):
            if method == "GET" and headers.get("authorization") != accepts:
                return 401, {}, b"who are you"
            return 200, {}, b'{"token": "good"}'
        if headers.get("authorization") == "Bearer good":
            return None
        realm = f'Bearer realm="http://{stored.address}/token",service="reg, \\"istry"'
        return 401, {"WWW-Authenticate": realm}, b""

    stored.hook = hook


def test_a_bearer_token_is_fetched_once_for_the_scope(stored: Stored, pauses: list[float]) -> None:
    stored.push(make_image())
    asks_for_a_token(stored, accepts=basic("ann", "secret"))
    client = client_of(stored, pauses, Credentials("ann", "secret"))
    for _ in range(3):
        client.get_manifest("team/web", "1")
    tokens = [path for _, path, _ in stored.requests if path.startswith("/token")]
    assert tokens == ["/token?service=reg%2C+%22istry&scope=repository%3Ateam%2Fweb%3Apull"]


def test_an_identity_token_is_traded_in(stored: Stored, pauses: list[float]) -> None:
    stored.push(make_image())
    asks_for_a_token(stored, accepts="nobody")
    client = client_of(stored, pauses, Credentials(identity_token="refresh"))
    assert client.get_manifest("team/web", "1").is_index
    assert ("POST", "/token") in [(method, path) for method, path, _ in stored.requests]


def test_wrong_credentials_are_reported_with_the_way_out(
    stored: Stored, pauses: list[float]
) -> None:
    asks_for_a_token(stored, accepts=basic("ann", "secret"))
    client = client_of(stored, pauses, Credentials("ann", "wrong"))
    with pytest.raises(RegistryRefused, match="as ann: its token server answers 401") as caught:
        client.get_manifest("team/web", "1")
    assert f"docker login {stored.address}" in caught.value.hint
    assert "wrong" not in str(caught.value)


def test_basic_credentials_are_sent_when_asked_for(stored: Stored, pauses: list[float]) -> None:
    stored.push(make_image())
    ask: Reply = (401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
    wanted = basic("ann", "s:e")
    stored.hook = lambda _m, _p, h: None if h.get("authorization") == wanted else ask
    assert client_of(stored, pauses, Credentials("ann", "s:e")).head("team/web", "1")
    with pytest.raises(RegistryRefused, match="none are known"):
        client_of(stored, pauses).head("team/web", "1")


def test_a_token_does_not_follow_to_a_storage_elsewhere(
    stored: Stored, pauses: list[float]
) -> None:
    content = b"layer"
    with serving() as storage:
        storage.blobs[str(Digest.of(content))] = content

        def hook(_method: str, path: str, headers: Headers) -> Reply | None:
            if "authorization" not in headers:
                return 401, {"WWW-Authenticate": "Basic realm=x"}, b""
            return 307, {"Location": f"http://{storage.address}{path}"}, b""

        stored.hook = hook
        client = client_of(stored, pauses, Credentials("ann", "secret"))
        assert client.get_blob("team/web", Digest.of(content)) == content
        assert all("authorization" not in headers for _, _, headers in storage.requests)


def test_a_ring_of_redirects_ends(stored: Stored, client: RegistryClient) -> None:
    stored.hook = lambda _m, path, _h: (302, {"Location": path}, b"")
    with pytest.raises(NotAsClaimed, match="more than 5 redirects"):
        client.get_manifest("team/web", "1")


def test_blobs_and_manifests_are_stored_byte_for_byte(client: RegistryClient) -> None:
    image = make_image()
    one = image.images[0]
    config = Digest.parse(one.config_digest)
    assert client.mount("copy/web", config, "team/web") is False
    client.put_blob("copy/web", config, io.BytesIO(one.config), size=len(one.config))
    assert client.mount("copy/web", config, "team/web") is True
    name = Digest.parse(one.manifest_digest)
    assert client.put_manifest("copy/web", name, OCI_MANIFEST, one.manifest) == name
    assert client.get_manifest("copy/web", name).content == one.manifest
    assert client.head("copy/web", config, blob=True) == len(one.config)
    with pytest.raises(NotAsClaimed):
        client.put_manifest("copy/web", name, OCI_MANIFEST, one.manifest + b" ")


def test_tags_are_read_to_their_end(stored: Stored, client: RegistryClient) -> None:
    def hook(_method: str, path: str, _headers: Headers) -> Reply:
        if "last=b" in path:
            return 200, {}, b'{"tags": ["c"]}'
        following = '</v2/team/web/tags/list?n=2&last=b>; rel="next"'
        return 200, {"Link": following}, b'{"tags": ["a", "b"]}'

    stored.hook = hook
    assert client.tags("team/web") == ("a", "b", "c")


def test_referrers_come_from_the_tag_where_there_is_no_api(
    stored: Stored, client: RegistryClient
) -> None:
    image, signature = make_image(), make_image(tag="signature", index=False, platforms=("a/b",))
    asked = Digest.parse(image.top_digest)
    assert client.referrers("team/web", asked) == ()
    listed = make_image(tag="signature", platforms=("a/b",))
    stored.put("team/web", f"sha256-{asked.hex}", OCI_INDEX, listed.index or b"")
    found = client.referrers("team/web", asked)
    assert [str(one.digest) for one in found] == [signature.images[0].manifest_digest]


def test_challenges_are_read_whatever_their_order() -> None:
    header = 'Basic realm="a, b", Bearer realm="https://x/t",service=s,scope="p:q:pull,push"'
    assert challenges(header) == {
        "basic": {"realm": "a, b"},
        "bearer": {"realm": "https://x/t", "service": "s", "scope": "p:q:pull,push"},
    }
    assert challenges("") == {}
    assert challenges(',,"') == {}


def config(path: Path, **tables: object) -> Path:
    path.write_text(json.dumps(tables))
    return path


def helper(directory: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = directory / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")


def test_credentials_are_dockers(tmp_path: Path) -> None:
    auth = basic("ann", "se:cret").removeprefix("Basic ")
    auths = {
        "https://registry.example/v2/": {"auth": auth},
        "https://index.docker.io/v1/": {"username": "hub", "password": "p"},
        "token.example": {"identitytoken": "t"},
        "empty.example": {},
    }
    path = config(tmp_path / "config.json", auths=auths)
    assert credentials_for("registry.example", path) == Credentials("ann", "se:cret")
    assert credentials_for("docker.io", path) == Credentials("hub", "p")
    assert credentials_for("token.example", path) == Credentials(identity_token="t")
    assert credentials_for("empty.example", path) is None
    assert credentials_for("other.example", path) is None
    assert credentials_for("other.example", tmp_path / "none.json") is None
    assert "se:cret" not in repr(credentials_for("registry.example", path))


def test_a_credential_helper_is_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = '{"Username": "<token>", "Secret": "from $(cat)"}'.replace('"', '\\"')
    helper(tmp_path, monkeypatch, f'[ "$1" = get ] && echo "{said}"')
    auths = {"registry.example": {"username": "ann", "password": "p"}}
    path = config(tmp_path / "config.json", auths=auths, credHelpers={"registry.example": "test"})
    found = credentials_for("registry.example", path)
    assert found == Credentials(identity_token="from registry.example")


def test_a_store_that_knows_nobody_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    assert credentials_for("a.example", config(tmp_path / "c.json", credsStore="test")) is None


@pytest.mark.parametrize(
    ("script", "message"),
    [("echo locked; exit 2", "locked"), ("echo '{}'", "no Username and Secret")],
)
def test_a_broken_helper_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, message: str
) -> None:
    helper(tmp_path, monkeypatch, script)
    with pytest.raises(BadCredentials, match=message):
        credentials_for("a.example", config(tmp_path / "c.json", credsStore="test"))


@pytest.mark.parametrize(
    "text", ["no json", "[]", '{"auths": 3}', '{"auths": {"a": {"auth": "%"}}}']
)
def test_a_broken_configuration_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(BadCredentials, match=str(path)):
        credentials_for("a", path)


def test_no_program_but_a_helper_is_run(tmp_path: Path) -> None:
    path = config(tmp_path / "c.json", credsStore="../../bin/sh")
    with pytest.raises(BadCredentials, match="is not a credential helper"):
        credentials_for("a.example", path)


@pytest.mark.parametrize("domain", ["registry.example", "127.0.0.1.example.com", "localhost.evil"])
def test_only_this_machine_is_spoken_to_without_tls(domain: str) -> None:
    assert not is_local(domain)
    assert is_local("localhost:5000")
    assert is_local("127.0.0.1:5000")


def test_a_client_is_made_once_a_registry(tmp_path: Path) -> None:
    registries = Registries(docker_config=tmp_path / "none.json")
    assert registries.client("a.example") is registries.client("a.example")
    assert registries.client("b.example").domain == "b.example"
