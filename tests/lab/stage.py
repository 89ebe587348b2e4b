"""Prints a demonstration as it happens: steps, typed commands, answers, outcomes.

Knows terminals and pipes; knows nothing of hosts, engines or what is shown.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from typing import TextIO

BOLD, DIM, RED, GREEN, CYAN = "1", "2", "31", "32", "36"
WIDEST = 110  # columns; beyond, lines are hard to read
NARROWEST = 60

_INDENT = "     "
_LABEL = re.compile(r" *\S+(?: \S+)* {2,}(?=\S)")
_VERDICTS = re.compile(r"(?<=  )(?:(approved)|unlisted|revoked|denied)(?=  |$)")


class Gone(Exception):
    """The reader of the output went away."""


class Stage:
    """Writes lines at once; colour on a terminal only, and never with NO_COLOR."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        terminal = self._out.isatty()
        self._colour = terminal and not os.environ.get("NO_COLOR")
        columns = shutil.get_terminal_size().columns if terminal else WIDEST
        self._width = min(max(columns, NARROWEST), WIDEST)
        self._steps = self._step = 0
        self.began = time.monotonic()

    def begin(self, title: str, steps: int) -> None:
        """The title; `steps` is how many will follow."""
        self._steps = steps
        self._line(self._paint(title, BOLD))

    def step(self, title: str) -> None:
        """The next step's headline."""
        self._step += 1
        self._line()
        self._line(self._paint(f"[{self._step}/{self._steps}] {title}", BOLD))

    def say(self, text: str) -> None:
        """A remark to the reader."""
        self._wrapped(text, _INDENT, _INDENT)

    def command(self, typed: str) -> None:
        """What a person types."""
        room = self._width - len(_INDENT) - 6
        lines = textwrap.wrap(typed, room, break_long_words=False, break_on_hyphens=False)
        for number, line in enumerate(lines or [""], 1):
            start, end = ("$ " if number == 1 else "    "), (" \\" if number < len(lines) else "")
            self._line(_INDENT + self._paint(f"{start}{line}{end}", CYAN))

    def answer(self, text: str) -> None:
        """What a command printed: prose is wrapped under its own label, tables are left whole."""
        bar = f"{_INDENT}{self._paint('|', DIM)} "
        for line in text.rstrip().splitlines():
            label = _LABEL.match(line)
            hang = " " * (label.end() if label and len(_columns(line)) == 2 else 0)
            room = self._width - len(_INDENT) - 2
            table = len(_columns(line)) > 2
            parts = [line] if table else _wrap(line, room, "", hang)
            for part in parts:
                self._line(bar + self._verdicts(part))

    def good(self, text: str) -> None:
        """Something went as it should."""
        self._outcome("ok", GREEN, text)

    def stopped(self, text: str) -> None:
        """The guard stopped something."""
        self._outcome("STOPPED", RED, text)

    def summary(self, lines: Sequence[str]) -> None:
        """The last words."""
        self._line()
        self._line(self._paint("Summary", BOLD))
        for line in lines:
            self._wrapped(line, "  - ", "    ")

    def lines(self, *lines: str) -> None:
        """Lines as they are."""
        for line in lines:
            self._line(line)

    def _outcome(self, word: str, colour: str, text: str) -> None:
        start = f"{_INDENT}=> "
        first, *rest = _wrap(f"{word}: {text}", self._width, start, " " * len(start))
        self._line(first.replace(word, self._paint(word, colour), 1))
        self.lines(*rest)

    def _wrapped(self, text: str, first: str, others: str) -> None:
        self.lines(*_wrap(text, self._width, first, others))

    def _verdicts(self, line: str) -> str:
        return _VERDICTS.sub(lambda m: self._paint(m[0], GREEN if m[1] else RED), line)

    def _paint(self, text: str, colour: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colour else text

    def _line(self, text: str = "") -> None:
        try:
            print(text.rstrip(), file=self._out, flush=True)
        except BrokenPipeError as error:
            # What is still buffered must not complain again when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._out.fileno())
            raise Gone from error


def _wrap(text: str, width: int, first: str, others: str) -> list[str]:
    """At most `width` wide, but for digests and references, which stay whole to be copied."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [""]


def _columns(line: str) -> list[str]:
    return re.split(r" {2,}", line.strip())
