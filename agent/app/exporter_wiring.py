"""Makes the sinks beside the host and the metrics' ways out, from the configuration.

A sink's module is imported when its first batch is sent: TLS and HTTP cost memory.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib import import_module

from agent.config import Config
from agent.config.sinks_config import SinkTable
from agent.errors import SinkFailed
from agent.log import get_logger
from agent.ports import Exporter, ExportTransport
from agent.reporting.batch_exporter import BatchExporter
from agent.reporting.metrics_publisher import Publisher

log = get_logger(__name__)


def exporters(
    config: Config, *, now: Callable[[], datetime], crashed: Callable[[BaseException], None]
) -> list[Exporter]:
    """Every configured sink, its thread running. One that cannot be made (a bad certificate) is
    tried again with each batch, so that it starts to work once that is corrected."""
    return [
        BatchExporter(
            name,
            Lazy(partial(_transport, table, now)),
            most_waiting=config.sinks.queue,
            crashed=crashed,
        )
        for name, table in config.sinks.tables()
        if table.on
    ]


def publishers(config: Config) -> list[Publisher]:
    """Where metrics go; what cannot be opened is said and left out."""
    from agent.adapters.metrics.textfile import Textfile, chosen

    settings = config.metrics
    path = chosen(settings.textfile)
    found: list[Publisher] = [Textfile(path)] if path else []
    if settings.listen:
        from agent.adapters.metrics.metrics_server import MetricsServer

        try:
            found.append(MetricsServer(settings.listen))
        except SinkFailed as error:
            log.warning("metrics.not_served", error=str(error))
    return found


class Lazy:
    """A transport that is made when it is first needed."""

    def __init__(self, make: Callable[[], ExportTransport]) -> None:
        self._make = make
        self._made: ExportTransport | None = None

    @property
    def send(self) -> Callable[..., int]:
        """See `ports.Transport`; making it may raise `SinkFailed`, too."""
        if self._made is None:
            self._made = self._make()
        return self._made.send

    def close(self) -> None:
        """See `ports.Transport`."""
        if self._made is not None:
            self._made.close()


def _transport(table: SinkTable, now: Callable[[], datetime]) -> ExportTransport:
    module, _, function = table.transport.partition(":")
    make: Callable[..., ExportTransport] = getattr(import_module(module), function)
    return make(table, now)
