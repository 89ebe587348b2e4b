"""`ports.Layer` on `daemon.json`: merge our keys, reload, verify by the engine's own word.

The last entry of `insecure-registries` is taken out in two steps while the engine runs, too: an
empty list is read first, and then the key goes.

Restoring takes two steps while the engine runs: an absent key keeps its old value in the engine
(facts: 20.10 to 28.5), so a file with `[]` is read first, and then the original byte for byte.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from agent.adapters.engine_config.dockerd_process import flag_value, flag_values
from agent.adapters.engine_config.engine_word import EngineWord, after_reading, in_words
from agent.adapters.engine_config.mirror_tls import Lookup, MirrorTls
from agent.errors import EngineUnavailable, LayerFailed
from agent.files import file_state, kept_file
from agent.files.backup import Backups, Record
from agent.files.kept_file import KeptFile, Return, Sight
from agent.merging import json_edit
from agent.merging.merge import neutralized
from agent.merging.merge_engine import (
    INSECURE,
    LIVE_RESTORE,
    MIRRORS,
    EngineWish,
    engine_advice,
    engine_keys,
)
from agent.ports.lockdown_values import Difference, Drift
from core.base_errors import InvalidFile
from core.json_scan import decoded

NAME = "daemon.json"
_WORDS = "pulls do not go to {mirror} first"


class EnginePort(Protocol):
    """What the layer asks of the engine; `RunningEngine` is the real one."""

    def running(self) -> bool:
        """Whether something listens on its socket."""
        ...

    def arguments(self) -> Sequence[str]:
        """Its command line; empty when its process cannot be found."""
        ...

    def config_file(self) -> str:
        """The file that it reads, from its command line."""
        ...

    def word(self) -> EngineWord:
        """Which mirror and which settings it reports. Raises `EngineUnavailable`."""
        ...

    def reload(self, desired: EngineWord) -> bool:
        """Have it read its file; whether it then reports `desired`."""
        ...

    def objection(self, file: Path) -> str:
        """What its own check says against a file; empty: nothing, or it has no check."""
        ...


class EngineConfigLayer:
    """Keeps one engine's `daemon.json`. `path` is the file; empty: the one that the running
    engine names on its command line. Methods raise `LayerFailed`; not for use by several threads
    at once (other processes are kept out by the backups' lock). `lookup` says which addresses a
    host name means, or raises `OSError`; it is asked only where the engine trusts a network."""

    def __init__(
        self,
        engine: EnginePort,
        backups: Backups,
        wish: EngineWish,
        *,
        path: str = "",
        lookup: Lookup = lambda _name: (),
    ) -> None:
        self._engine, self._backups, self._wish, self._path = engine, backups, wish, path
        self._tls = MirrorTls(wish, lookup)

    @property
    def name(self) -> str:
        """See `ports.Layer`."""
        return NAME

    def watched(self) -> Sequence[str]:
        """See `ports.Layer`: the file, and where it really lies."""
        path = Path(self._file())
        return sorted({str(path), str(file_state.real(path))})

    def drift(self) -> Drift:
        """See `ports.Layer`."""
        try:
            sight = self._kept().look()
            advice = engine_advice(sight.state.data, self._tls.wish_for(sight.state.data))
        except LayerFailed as error:
            return Drift(NAME, blocked=str(error))
        except InvalidFile as error:
            return Drift(NAME, blocked=f"{self._file()}: {error}")
        notes = [Difference(self._file(), words) for words in advice]
        flags = flag_values(self._engine.arguments(), "--insecure-registry")
        for entry in flags:
            words = f"dockerd runs with --insecure-registry {entry}: nothing proves who that is"
            notes.append(Difference("engine", words))
        differences, conflict = self._differences(sight), self._conflict()
        if self._tls.unresolved:
            notes.append(Difference("engine", self._tls.unresolved))
        return Drift(NAME, differences, conflict, tuple(notes))

    def apply(self) -> Drift:
        """See `ports.Layer`. A file that the engine does not take is put back as it was."""
        with self._backups.lock():
            drift = self.drift()
            if drift.blocked:
                raise LayerFailed(drift.blocked, hint="nothing was changed")
            if drift.differences:
                self._bring(self._kept().look())
        return drift

    def restore(self) -> Drift:
        """See `ports.Layer`. Also when `daemon.json` was moved meanwhile: backups know where."""
        undone: tuple[Difference, ...] = ()
        with self._backups.lock():
            for record in self._backups.of_layer(NAME):
                undone += self._put_back(record)
        return Drift(NAME, undone)

    def _file(self) -> str:
        return self._path or self._engine.config_file()

    def _kept(self) -> KeptFile:
        return KeptFile(
            self._file(),
            NAME,
            self._backups,
            lambda data: engine_keys(data, self._tls.wish_for(data)),
        )

    def _differences(self, sight: Sight) -> tuple[Difference, ...]:
        words = _WORDS.format(mirror=self._wish.mirror)
        found = self._kept().difference(sight, words)
        if found or not self._engine.running():
            return found
        try:
            now = self._engine.word()
        except EngineUnavailable as error:
            return (Difference("engine", f"it cannot be asked: {error.message}"),)
        desired = after_reading(sight.desired, now)
        if now != desired:
            return (Difference("engine", f"it {in_words(now)} instead of what its file says"),)
        if insecure := self._tls.lost_to(now.insecure):
            words = f"it believes {self._wish.mirror} without TLS: {', '.join(insecure)}"
            return (Difference("engine", words),)
        return ()

    def _conflict(self) -> str:
        """A key in the file that is also a flag keeps the engine from starting."""
        arguments = self._engine.arguments()
        keys = {"--registry-mirror": MIRRORS}
        if self._wish.live_restore:
            keys["--live-restore"] = LIVE_RESTORE
        for flag, path in keys.items():
            if flag_value(arguments, flag) is not None:
                return (
                    f"dockerd runs with {flag}: it would not start with {path[0]} in its file too "
                    f"(take {flag} out of its unit, see: systemctl cat docker; then restart it)"
                )
        flags = flag_values(arguments, "--insecure-registry")
        if insecure := self._tls.lost_to(flags):
            return (
                f"dockerd runs with --insecure-registry {insecure[0]}: it would believe anybody "
                f"who answers for {self._wish.mirror} (take the flag out of its unit, see: "
                "systemctl cat docker; then restart it)"
            )
        return ""

    def _bring(self, sight: Sight) -> None:
        kept = self._kept()
        running = self._engine.running()
        step = self._emptied(sight.desired) if running else sight.desired
        if sight.differs:
            self._ask(sight)
        kept.write(replace(sight, desired=step))
        if not running:
            return
        try:
            taken = self._engine.reload(after_reading(step, self._engine.word()))
            error = "it kept its configuration"
            if taken and self._tls.lost_to(self._engine.word().insecure):
                taken, error = False, "it still believes the mirror without TLS"
        except (EngineUnavailable, LayerFailed) as raised:
            taken, error = False, raised.message
        if taken:
            kept.write(kept.look())
            return
        if step != sight.state.data:
            kept.revert(sight)
        raise LayerFailed(
            f"the engine did not accept the new {self._file()}: {error}",
            hint="its log says why: journalctl -u docker; the file is unchanged (Docker 20.10 "
            "accepts no mirror with a path)",
        )

    def _emptied(self, desired: bytes) -> bytes:
        """What a running engine has to read first: with an empty list instead of the absent key
        when it keeps entries that take the mirror's TLS away."""
        text = decoded(desired)
        try:
            stays = self._tls.lost_to(self._engine.word().insecure)
        except EngineUnavailable:  # the reload will say so
            stays = []
        if not stays or json_edit.value(text, INSECURE) is not None:
            return desired
        return json_edit.put(text, INSECURE, "[]").encode()

    def _ask(self, sight: Sight) -> None:
        """The engine's own check of the file, before it is switched. What it says against the
        present file too (or against this host) is not for us to correct."""
        objection = self._objection(sight.desired)
        if objection and objection != self._objection(sight.state.data or b"{}"):
            raise LayerFailed(
                f"the engine would not start with the new {self._file()}: {objection}",
                hint="correct the file by hand; nothing was changed",
            )

    def _objection(self, data: bytes) -> str:
        candidate = self._backups.candidate
        try:
            candidate.write_bytes(data)
            return self._engine.objection(candidate)
        except OSError as error:
            raise file_state.failed(candidate, error) from error
        finally:
            candidate.unlink(missing_ok=True)

    def _put_back(self, record: Record) -> tuple[Difference, ...]:
        back = kept_file.plan_return(record)
        undone = back.differences
        if not self._engine.running():
            kept_file.put_back(back, self._backups)
            return undone
        words = self._reloaded(back)
        if not undone and not words:
            return ()
        return (*undone, *(Difference("engine", word) for word in words))

    def _reloaded(self, back: Return) -> list[str]:
        """Put the file back such that the engine follows; what it did not follow, in words.

        The step between is taken even where the engine says already what it should: a reload
        that somebody who was killed had asked for may still be on its way.
        """
        target = back.target.data
        neutral = neutralized(back.record.merge, target)
        words: list[str] = []
        if neutral is not None:
            back = self._between(back, neutral)
            words = self._follow(neutral)
        unchanged = back.state.data == target
        kept_file.put_back(back, self._backups)
        if words or (unchanged and self._says(target)):
            return words
        return self._follow(target)

    def _between(self, back: Return, neutral: bytes) -> Return:
        """Write the step between; its presence proves later that nobody else edited the file."""
        record = back.record
        if back.target.data == record.original.data:
            record = record.with_written(neutral)
            self._backups.put(record)
        like = back.target if back.target.data is not None else record.original
        path = Path(record.path)
        file_state.write(path, replace(like, data=neutral), back.stamp)
        state, stamp = file_state.read(path)
        return replace(back, record=record, state=state, stamp=stamp)

    def _says(self, data: bytes | None) -> bool:
        """Whether the engine says already what it would have to say after reading `data`."""
        try:
            now = self._engine.word()
        except EngineUnavailable:
            return False
        return now == after_reading(data, now)

    def _follow(self, data: bytes | None) -> list[str]:
        try:
            if self._engine.reload(after_reading(data, self._engine.word())):
                return []
            said = "it kept its configuration"
        except (EngineUnavailable, LayerFailed) as error:
            said = error.message
        return [f"it did not reload: {said}; restart it: systemctl restart docker"]
