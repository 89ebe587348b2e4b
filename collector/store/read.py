"""What the page reads, over one `Database`; each class fulfils the port of the same purpose.

database = Database.open("sqlite:////var/lib/dockwarden-collector/collector.db")
FleetReader(database)      collector.web.ports.Fleet
EnrolmentDesk(database)    collector.web.ports.Enrolment
AuditLog(database)         collector.web.ports.Audit
AccountBook(database)      collector.web.ports.Accounts
"""

from collector.store.access import AccountBook, AuditLog
from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore
from collector.store.fleet import FleetReader

__all__ = ["AccountBook", "AuditLog", "Database", "EnrolmentStore", "FleetReader"]
