"""serve, migrate, check, prune: running a collector; prints, decides nothing."""

import click

from collector import collector_clock
from collector.commands.common import Called, opened


@click.command()
@click.pass_obj
def serve(called: Called) -> None:
    """Receive reports and show the page, until stopped.

    SQLite's tables are made by themselves; for PostgreSQL run `migrate` first.
    """
    from collector.serving import serve as run

    run(called.config, called.file)


@click.command()
@click.pass_obj
def migrate(called: Called) -> None:
    """Update the database's tables to this version; safe to repeat.

    Update order: migrate first, then the replicas one by one.
    """
    from collector.store import partitions
    from collector.store.migrate import migrate as run

    with opened(called) as database:
        before, after = run(database)
        made = partitions.ensure(database, collector_clock.now())
    same = before == after
    click.echo(f"tables: {after}, as before" if same else f"tables: {before or 'none'} -> {after}")
    if made:
        click.echo(f"partitions made: {len(made)}")


@click.command()
@click.pass_obj
def check(called: Called) -> None:
    """Check the configuration and the database; changes no rows."""
    from collector.store.migrate import check_current

    config = called.config
    click.echo("configuration: fine")
    with opened(called) as database:
        check_current(database)
    click.echo(f"database: fine ({'SQLite' if database.is_sqlite else 'PostgreSQL'})")
    if not config.server.url.startswith("https:"):
        click.echo("note: [server] url is not https: tokens travel unencrypted")


@click.command()
@click.pass_obj
def prune(called: Called) -> None:
    """Delete now what is older than [retention] allows; `serve` does that each hour."""
    from collector.store.retention import Retention
    from collector.store.retention import prune as run

    config = called.config
    with opened(called) as database:
        done = run(database, Retention(**dict(config.retention)), collector_clock.now())
    click.echo(
        f"deleted: {done.events} events, {len(done.partitions)} partitions,"
        f" {done.rollups} sums, {done.gaps} gaps, {done.audit} audit entries"
    )
