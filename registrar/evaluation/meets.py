"""How two levels' demands combine: each function yields the tighter of both, or what holds both.

The same functions say whether a child tightens: it does where combining changes nothing of it.
"""

from typing import TypeVar

from registrar.evaluation.severity_limit import Limits, SeverityLimit

T = TypeVar("T")


def either(parent: bool, child: bool) -> bool:
    """A demand that one of them makes."""
    return parent or child


def both(parent: bool, child: bool) -> bool:
    """A permission that both of them give."""
    return parent and child


def union(parent: frozenset[T], child: frozenset[T]) -> frozenset[T]:
    """Everything that either demands or denies."""
    return parent | child


def common(parent: frozenset[T] | None, child: frozenset[T] | None) -> frozenset[T] | None:
    """What both permit; None permits everything."""
    if parent is None or child is None:
        return child if parent is None else parent
    return parent & child


def most(parent: int, child: int) -> int:
    """The larger of two minima."""
    return max(parent, child)


def least(parent: int | None, child: int | None) -> int | None:
    """The smaller of two maxima; None is no limit."""
    given = [days for days in (parent, child) if days is not None]
    return min(given, default=None)


def from_above(parent: T, child: T) -> T:
    """What only the organization decides, since no choice is tighter than the other."""
    del child
    return parent


def limits(parent: Limits, child: Limits) -> Limits:
    """For each severity what blocks sooner, and more."""
    return {
        severity: _tighter(parent.get(severity), child.get(severity))
        for severity in sorted({*parent, *child})
    }


def _tighter(parent: SeverityLimit | None, child: SeverityLimit | None) -> SeverityLimit:
    given = [limit for limit in (parent, child) if limit is not None]
    return SeverityLimit(
        min(limit.after_days for limit in given),
        all(limit.only_fixable for limit in given),
    )
