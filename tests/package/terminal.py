"""A person at a machine's terminal: types commands, answers what they ask, reads what they say."""

from __future__ import annotations

import errno
import os
import pty
import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.package.booted import BootedMachine
from tests.patience import PATIENCE

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, on both streams, without colours, and its exit code."""

    text: str
    code: int


class Terminal:
    """Root's, in root's home; `answers` maps a pattern of a question to what is typed."""

    def __init__(self, machine: BootedMachine, answers: Mapping[str, str]) -> None:
        self._machine = machine
        self._answers = {re.compile(pattern): answer for pattern, answer in answers.items()}

    def type(self, command: str) -> Said:
        """One command, to its end; it may go on over several lines."""
        ours, theirs = pty.openpty()
        program = ["bash", "-c", f"set -o pipefail; cd /root\n{command}"]
        try:
            running = subprocess.Popen(
                self._machine.within(program),
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        finally:
            os.close(theirs)
        try:
            text = self._converse(ours)
        finally:
            os.close(ours)
        return Said(_COLOURS.sub("", text).replace("\r\n", "\n"), running.wait(timeout=PATIENCE))

    def type_until(self, command: str, expected: str) -> Said:
        """The same command again and again, as one looks once more; the last that was said."""
        end = time.monotonic() + PATIENCE
        while True:
            said = self.type(command)
            if not missing(expected, said.text) or time.monotonic() > end:
                return said
            time.sleep(0.5)

    def _converse(self, ours: int) -> str:
        text, answered = "", 0
        while chunk := _read(ours):
            text += chunk
            for pattern, answer in self._answers.items():
                found = pattern.search(text, answered)
                if found and not text[found.end() :].strip():
                    answered = len(text)
                    os.write(ours, f"{answer}\n".encode())
                    break
        return text


def missing(expected: str, text: str) -> list[str]:
    """The expected lines that the text does not have, in their order; `…` stands for anything."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    left = []
    for line in filter(None, (" ".join(line.split()) for line in expected.splitlines())):
        pattern = re.compile(".*".join(map(re.escape, line.split("…"))))
        for number, had in enumerate(lines):
            if pattern.fullmatch(had):
                del lines[: number + 1]
                break
        else:
            left.append(line)
    return left


def _read(ours: int) -> str:
    try:
        return os.read(ours, 1 << 16).decode(errors="replace")
    except OSError as error:
        if error.errno != errno.EIO:  # all who had the other end are gone
            raise
        return ""
