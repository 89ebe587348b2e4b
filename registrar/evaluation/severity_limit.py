"""When a vulnerability of one severity blocks an image; a value."""

from collections.abc import Mapping
from dataclasses import dataclass

from registrar.evidence.evidence_values import Severity


@dataclass(frozen=True, slots=True)
class SeverityLimit:
    """It blocks from this many days after it was published; `only_fixable`: and only where a
    version exists that mends it."""

    after_days: int = 0
    only_fixable: bool = False


Limits = Mapping[Severity, SeverityLimit]
