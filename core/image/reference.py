"""Image references as people type them: their grammar and docker's short forms, nothing else.

Grammar and limits: distribution/reference (regexp.go, reference.go), which the OCI distribution
spec's own rules for names and tags are a subset of. Fit for reports, never for a verdict.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Self

from core.base_errors import InvalidDigest, InvalidReference
from core.image.digest import Digest

PATH_LIMIT: Final = 255  # characters of a repository's path, its domain not counted (reference.go)
TEXT_LIMIT: Final = 1024  # ours: longer than path, tag and digest at their limits and any host name

_WORD = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_WORD}(?:\.{_WORD})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}"
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_DOMAIN})/)?(?P<path>{_COMPONENT}(?:/{_COMPONENT})*)"
    rf"(?::(?P<tag>{_TAG}))?(?:@(?P<digest>.+))?"
)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")

_HUB: Final = "docker.io"
_HUB_ALIAS: Final = "index.docker.io"
_OFFICIAL: Final = "library/"


@dataclass(frozen=True, slots=True)
class Reference:
    """`[domain/]path[:tag][@digest]`; what was not given is empty (`digest`: None)."""

    path: str
    domain: str = ""
    tag: str = ""
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference exactly as written, adding nothing; else `InvalidReference`.

        As in the grammar, what is before the first `/` is the domain if it can be one
        (`team` in `team/app`); `normalise` decides as docker does.
        """
        match = _REFERENCE.fullmatch(text) if len(text) <= TEXT_LIMIT else None
        if match is None:
            raise _invalid(text, _advice(text))
        if _IDENTIFIER.fullmatch(text):
            raise _invalid(text, "64 hexadecimal digits are an image ID: write sha256: before them")
        if len(match["path"]) > PATH_LIMIT:
            raise _invalid(text, f"the path may have at most {PATH_LIMIT} characters")
        try:
            digest = Digest.parse(match["digest"]) if match["digest"] else None
        except InvalidDigest as error:
            raise _invalid(text, error.hint) from error
        return cls(match["path"], match["domain"] or "", match["tag"] or "", digest)

    def __str__(self) -> str:
        return self.repository + self._suffix

    @property
    def repository(self) -> str:
        """Domain and path, without tag and digest."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def familiar(self) -> str:
        """The short form that docker prints: without `docker.io/` and, there, `library/`."""
        if self.domain != _HUB:
            return str(self)
        name = self.path.removeprefix(_OFFICIAL)
        return (self.path if "/" in name else name) + self._suffix

    @property
    def _suffix(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{tag}@{self.digest}" if self.digest else tag


def normalise(reference: Reference) -> Reference:
    """The full reference that docker means: `nginx` is `docker.io/library/nginx`.

    No tag is added. Raises `InvalidReference` where the full path is too long.
    Rule: distribution/reference, normalize.go: the part before the first `/` is a domain only
    if it is `localhost`, has a `.`, a `:` or an upper-case letter.
    """
    head, slash, tail = reference.repository.partition("/")
    is_domain = slash and (head == "localhost" or re.search(r"[.:A-Z]", head))
    domain, path = (head, tail) if is_domain else (_HUB, reference.repository)
    if domain in (_HUB, _HUB_ALIAS):
        domain, path = _HUB, path if "/" in path else _OFFICIAL + path
    if len(path) > PATH_LIMIT:
        raise _invalid(str(reference), f"{domain}/{path[:20]}… is longer than {PATH_LIMIT}")
    return replace(reference, domain=domain, path=path)


def is_tag(text: str) -> bool:
    """Whether the text can be a tag: at most 128 of letters, digits, `_`, `.` and `-`."""
    return re.fullmatch(_TAG, text) is not None


def is_repository(text: str) -> bool:
    """Whether the text is a whole repository name, without tag or digest."""
    try:
        reference = Reference.parse(text)
    except InvalidReference:
        return False
    return not reference.tag and reference.digest is None


def _invalid(text: str, hint: str) -> InvalidReference:
    return InvalidReference(f"{text[:100]!r} is not an image reference", hint=hint)


def _advice(text: str) -> str:
    if len(text) > TEXT_LIMIT:
        return f"it is longer than {TEXT_LIMIT} characters"
    if _REFERENCE.fullmatch(text.lower()):
        return "repository names are written in lower case"
    return "write it as registry.example/team/name:tag or name@sha256:<64 hexadecimal digits>"
