"""The first tables. Their SQL is frozen beside this file: a migration never changes afterwards."""

from pathlib import Path

from alembic import op

revision = "first"
down_revision = None


def upgrade() -> None:
    """Make all tables, as they were in the first version."""
    dialect = op.get_bind().dialect.name
    script = Path(__file__).with_name(f"first.{dialect}.sql").read_text("utf-8")
    for statement in script.split(";\n"):
        if statement.strip():
            op.execute(statement)
