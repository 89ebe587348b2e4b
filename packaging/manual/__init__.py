"""Man pages and shell completions, written from the commands' own help.

    PYTHONPATH=packaging:. python -m manual OUT_DIR [--program NAME]...

writes for each program (`dockwarden`, `dockwarden-collector`, `dockwarden-registrar`; all three
unless some are named) below OUT_DIR:

    man/man8/NAME.8, man/man8/NAME-COMMAND.8    the registrar's in man/man1, *.1
    bash/NAME, zsh/_NAME, fish/NAME.fish        completions, as their shells name them

The interpreter must have what the program imports at its start (click; the collector's lock for
the collector). The same commands give the same bytes: no date is written, `--version TEXT` is the
only thing from outside.
"""
