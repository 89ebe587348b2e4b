"""Sets what a host says of itself: its last heartbeat and inventory; knows no other host."""

from sqlalchemy import Connection, delete, select, update

from collector.model.records import Inventory, Record, State
from collector.store.schema import hosts, inventory
from collector.store.writing import bulk

_REPLACE = (
    "ON CONFLICT (host_id, item) DO UPDATE SET"
    " image = excluded.image, manifest = excluded.manifest, reference = excluded.reference,"
    " name = excluded.name, state = excluded.state, verdict = excluded.verdict,"
    " platform = excluded.platform"
)


def set_state(connection: Connection, host_id: str, beat: Record) -> None:
    """Replace the host's state by that of its latest heartbeat."""
    given = beat.body
    assert isinstance(given, State)
    values = {name: getattr(given, name) for name in State.__struct_fields__}
    connection.execute(
        update(hosts).where(hosts.c.host_id == host_id).values(**values, heartbeat_at=beat.at)
    )


def set_inventory(connection: Connection, host_id: str, part: Inventory) -> None:
    """Add a part; the first part of another inventory replaces all of the one before."""
    known = connection.execute(
        select(hosts.c.inventory_hash).where(hosts.c.host_id == host_id)
    ).scalar_one_or_none()
    if known != part.hash:
        connection.execute(delete(inventory).where(inventory.c.host_id == host_id))
        connection.execute(
            update(hosts).where(hosts.c.host_id == host_id).values(inventory_hash=part.hash)
        )
    rows = [
        (host_id, i.item, i.image, i.manifest, i.reference, i.name, i.state, i.verdict, i.platform)
        for i in part.items
    ]
    bulk.insert(connection, inventory, rows, _REPLACE)
