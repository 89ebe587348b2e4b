"""A command's help as a page of the manual (man(7), groff's an macros); knows no program."""

from collections.abc import Iterator

import click

_VERBATIM = "\b"  # click: the paragraph that follows is not to be wrapped


def pages(group: click.Group, program: str, section: int, version: str) -> dict[str, str]:
    """Pages by name, of the program and of each command, `dockwarden-config-show`."""
    found: dict[str, str] = {}
    for words, command in commands(group, program):
        name = "-".join(words)
        found[name] = "\n".join(_page(words, command, section, version)) + "\n"
    return found


def commands(group: click.Command, program: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """The program and all its commands, each with the words that call it."""

    def walk(
        words: tuple[str, ...], command: click.Command
    ) -> Iterator[tuple[tuple[str, ...], click.Command]]:
        yield words, command
        if isinstance(command, click.Group):
            for name, inner in _inner(command):
                yield from walk((*words, name), inner)

    return walk((program,), group)


def _inner(group: click.Group) -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    found = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [(name, command) for name, command in found if command and not command.hidden]


def _page(
    words: tuple[str, ...], command: click.Command, section: int, version: str
) -> Iterator[str]:
    name = "-".join(words)
    context = click.Context(command, info_name=" ".join(words))
    yield f'.TH "{_text(name.upper())}" "{section}" "" "{_text(version)}" "dockwarden"'
    yield ".SH NAME"
    yield f"{_text(name)} \\- {_text(command.get_short_help_str(200).rstrip('.'))}"
    yield ".SH SYNOPSIS"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"\\fB{_text(' '.join(words))}\\fR {_text(usage)}"
    yield ".SH DESCRIPTION"
    yield from _prose(command.help or "")
    options = [p.get_help_record(context) for p in command.get_params(context)]
    shown = [record for record in options if record is not None]
    if shown:
        yield ".SH OPTIONS"
    for option, meaning in shown:
        yield from (".TP", f"\\fB{_text(option)}\\fR", _line(meaning))
    if isinstance(command, click.Group):
        yield ".SH COMMANDS"
        for inner, each in _inner(command):
            yield ".TP"
            yield f"\\fB{_text(inner)}\\fR"
            yield _line(each.get_short_help_str(200))
    if command.epilog:
        yield ".SH NOTES"
        yield from _prose(command.epilog)
    if len(words) > 1:
        yield ".SH SEE ALSO"
        yield f"\\fB{_text('-'.join(words[:-1]))}\\fR({section})"


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; those that click must not wrap stay as they are written."""
    lines = [line.rstrip() for line in text.split("\f", maxsplit=1)[0].strip("\n").splitlines()]
    verbatim = False
    for line in lines:
        if line.strip() == _VERBATIM:
            yield from (".PP", ".nf")
            verbatim = True
        elif not line.strip():
            yield ".fi" if verbatim else ".PP"
            if verbatim:
                yield ".PP"
            verbatim = False
        else:
            yield _line(line if verbatim else line.strip())
    if verbatim:
        yield ".fi"


def _line(text: str) -> str:
    """A line of text that starts with no request (groff(7): a dot or a quote at its start)."""
    escaped = _text(text)
    return f"\\&{escaped}" if escaped[:1] in ".'" else escaped


def _text(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-").replace("\b", "")
