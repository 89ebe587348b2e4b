"""What checks each key: pydantic models, derived from the tables in `agent.config.config_values`.

A field's description completes "write …" in an error. Imported only where files are checked.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, is_dataclass
from typing import Any, ClassVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from agent.config import grammar
from agent.config.config_values import Config, EnforcementConfig
from agent.config.kinds import keys
from core.decision.verdict import DEFAULT_ENFORCE, Action, Verdict


class Table(BaseModel):
    """One table of the file; unknown keys are refused (and found beforehand, to name them)."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ExemptionTable(Table):
    """`[[enforcement.exemptions]]`"""

    digest: grammar.ContentDigest = Field(
        description='"sha256:" and 64 lower-case hexadecimal digits'
    )
    reason: grammar.Line = Field(description="a line in quotes: why this image may run here")
    owner: grammar.Line = Field(description="a line in quotes: who is responsible for it")
    expires: grammar.Instant = Field(
        description="a time with its zone, such as 2027-01-31T00:00:00Z"
    )


def _actions() -> type[Table]:
    """`[enforcement.actions]`: a key for each verdict; approved images are always allowed."""
    one_of = "one of allow, report, pause, stop, kill"
    found: dict[str, Any] = {
        str(verdict): (Action, Field(default=action, description=one_of))
        for verdict, action in DEFAULT_ENFORCE.items()
        if verdict is not Verdict.APPROVED
    }
    return create_model("ActionsTable", __base__=Table, **found)


# Keys that hold tables of another shape than their values.
_OTHERWISE: Mapping[tuple[type, str], Any] = {
    (EnforcementConfig, "actions"): (_actions(), ...),
    (EnforcementConfig, "exemptions"): (tuple[ExemptionTable, ...], ()),
}


def _fields(table: type) -> dict[str, Any]:
    """A table's keys as pydantic takes them: each with its check, default and hint."""
    found: dict[str, Any] = {}
    for key in keys(table):
        if (table, key.name) in _OTHERWISE:
            kind, default = _OTHERWISE[table, key.name]
            found[key.name] = (kind, Field(default_factory=kind) if default is ... else default)
        elif is_dataclass(key.annotation):
            inner = _table(key.annotation)
            found[key.name] = (inner, Field(default_factory=inner))
        else:
            check = grammar.CHECKS[key.kind.check] if key.kind else key.annotation
            default = key.default if key.default is not MISSING else ...
            found[key.name] = (check, Field(default=default, description=key.write))
    return found


def _table(table: Any) -> type[Table]:
    return create_model(table.__name__, __base__=Table, **_fields(table))


class Layered(BaseSettings):
    """The whole file; takes what it is given and `trees`, highest first, and looks nowhere else."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)
    trees: ClassVar[Sequence[Mapping[str, Any]]] = ()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """No environment and no files: `agent.config.load` reads those."""
        return (init_settings, *(_TreeSource(settings_cls, tree) for tree in cls.trees))


class _TreeSource(PydanticBaseSettingsSource):
    """A checked layer as pydantic-settings wants it."""

    def __init__(self, settings: type[BaseSettings], tree: Mapping[str, Any]) -> None:
        super().__init__(settings)
        self._tree = tree

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - the base class's signature
        return self._tree.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(self._tree)


Tables: type[Layered] = create_model("Tables", __base__=Layered, **_fields(Config))


def merged(trees: Sequence[Mapping[str, Any]]) -> Layered:
    """Checked layers, lowest first, as one: tables are merged deeply, the highest value wins."""
    tables = create_model("Merged", __base__=Tables)
    tables.trees = tuple(reversed(trees))
    return tables()


def table_type(info: FieldInfo) -> tuple[type[Table] | None, bool]:
    """The table that a key holds, if it holds one, and whether it holds an array of them."""
    kind: Any = info.annotation
    is_array = get_origin(kind) is tuple
    kind = get_args(kind)[0] if is_array else kind
    if isinstance(kind, type) and issubclass(kind, Table):
        return kind, is_array
    return None, is_array


def known_keys(model: type[BaseModel] = Tables) -> Iterator[tuple[tuple[str, ...], FieldInfo]]:
    """Every key with its path; an array of tables counts as one key."""
    for key, info in model.model_fields.items():
        inner, is_array = table_type(info)
        if inner is not None and not is_array:
            for path, leaf in known_keys(inner):
                yield (key, *path), leaf
        else:
            yield (key,), info
