"""Resolves many references, eight at a time; an error of one is not an error of all."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from typing import Final

from core.base_errors import DockwardenError
from core.image.reference import Reference
from registrar.images.resolve import ResolvedImage, resolve
from registrar.registry import NotAsClaimed, NotInRegistry, Registries

AT_ONCE: Final = 8

Outcome = ResolvedImage | DockwardenError


def resolve_batch(
    references: Sequence[str],
    registries: Registries,
    progress: Callable[[int, int], None],
    *,
    tags_may_move: bool = False,
) -> list[Outcome]:
    """What each reference is, or why it could not be resolved, in their order.

    `progress` is called with how many of how many are done. With `tags_may_move` a reference with
    tag and digest whose tag names something else by now is resolved by its digest alone.
    """
    outcomes: list[Outcome | None] = [None] * len(references)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="resolve") as pool:
        waiting = {
            pool.submit(_outcome, text, registries, tags_may_move): at
            for at, text in enumerate(references)
        }
        for done, future in enumerate(as_completed(waiting), 1):
            outcomes[waiting[future]] = future.result()
            progress(done, len(references))
    return [outcome for outcome in outcomes if outcome is not None]


def _outcome(text: str, registries: Registries, tags_may_move: bool) -> Outcome:
    try:
        return resolve(text, registries)
    except (NotAsClaimed, NotInRegistry) as error:
        reference = Reference.parse(text)
        if not (tags_may_move and reference.tag and reference.digest):
            return error
        return _outcome(str(replace(reference, tag="")), registries, False)
    except DockwardenError as error:
        return error
