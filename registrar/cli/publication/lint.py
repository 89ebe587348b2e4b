"""`lint`: finds what is allowed but probably a mistake."""

import click

from core.list_format.payload import EMERGENCY
from core.terminal.printing import FOUND, counted, emit_json
from registrar import registrar_clock
from registrar.cli.registrar_options import workspace
from registrar.cli.registrar_output import output_option, say
from registrar.repository.desired_roles import demands
from registrar.repository.metadata_tree import Published
from registrar.repository.repository_lint import lint as lint_all


@click.command()
@output_option
def lint(output: str) -> None:
    """Find what is allowed but probably a mistake; exits with 3 if it finds something."""
    where = workspace()
    drafts = [where.draft(scope) for scope in [*where.scopes(), EMERGENCY]]
    found = lint_all(
        drafts, where.members(), demands(where), Published(where.repository), registrar_clock.now()
    )
    if output == "json":
        emit_json([{"place": r.place, "message": r.message, "fix": r.fix} for r in found])
    else:
        for remark in found:
            say(f"{remark.place}: {remark.message}")
            say(f"  {remark.fix}")
        say(f"{counted(len(found), 'remark')}" if found else "nothing to remark")
    if found:
        click.get_current_context().exit(FOUND)
