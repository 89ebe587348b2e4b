"""What the page reads, over one `Database`; each class fulfils the port of the same purpose.

database = Database.open("sqlite:////var/lib/dockwarden-collector/collector.db")
FleetReader(database)      collector.model.page_ports.Fleet
EnrolmentDesk(database)    collector.model.page_ports.Enrolment
AuditLog(database)         collector.model.page_ports.Audit
AccountBook(database)      collector.model.page_ports.Accounts
"""

from collector.store.access import AccountBook, AuditLog
from collector.store.database import Database
from collector.store.enrolment_store import EnrolmentStore
from collector.store.views.fleet import FleetReader

__all__ = ["AccountBook", "AuditLog", "Database", "EnrolmentStore", "FleetReader"]
