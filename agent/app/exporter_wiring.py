"""Makes the sinks beside the host and the metrics' ways out, from the configuration.

Each module is imported only when its sink is configured: TLS and HTTP cost memory.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from agent.config import Config
from agent.errors import SinkFailed
from agent.log import get_logger
from agent.ports import Exporter, ExportTransport
from agent.reporting.batch_exporter import BatchExporter
from agent.reporting.metrics_publisher import Publisher

log = get_logger(__name__)

KEEP_FILES = 5  # rotated OCSF files


def exporters(
    config: Config, *, now: Callable[[], datetime], crashed: Callable[[BaseException], None]
) -> list[Exporter]:
    """Every configured sink, its thread running. One that cannot be made (a bad certificate) is
    tried again with each batch, so that it starts to work once that is mended."""
    return [
        BatchExporter(name, Lazy(make), most_waiting=config.sinks.queue, crashed=crashed)
        for name, make in _export_transports(config, now)
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


def _export_transports(
    config: Config, now: Callable[[], datetime]
) -> Iterator[tuple[str, Callable[[], ExportTransport]]]:
    sinks = config.sinks
    if sinks.otlp.url:
        yield "otlp", lambda: _otlp(config)
    if sinks.syslog.address:
        yield "syslog", lambda: _syslog(config)
    if sinks.webhook.url:
        yield "webhook", lambda: _webhook(config, now)
    if sinks.ocsf.file:
        yield "ocsf", lambda: _ocsf(config)


def _otlp(config: Config) -> ExportTransport:
    from agent.adapters.sinks.otlp import Otlp
    from agent.adapters.sinks.sink_http import Web

    sink = config.sinks.otlp
    return Otlp(Web(sink.url, ca_file=sink.ca_file, token_file=sink.token_file))


def _syslog(config: Config) -> ExportTransport:
    from agent.adapters.sinks.syslog import SyslogTls

    sink = config.sinks.syslog
    host, _, port = sink.address.removesuffix("/tcp").rpartition(":")
    return SyslogTls(
        host.strip("[]"),
        int(port),
        ca_file=sink.ca_file,
        cert_file=sink.cert_file,
        key_file=sink.key_file,
    )


def _webhook(config: Config, now: Callable[[], datetime]) -> ExportTransport:
    from agent.adapters.sinks.sink_http import Web
    from agent.adapters.sinks.webhook import Webhook

    sink = config.sinks.webhook
    web = Web(sink.url, ca_file=sink.ca_file, token_file=sink.token_file)
    return Webhook(web, form=str(sink.format), secret_file=sink.secret_file, now=now)


def _ocsf(config: Config) -> ExportTransport:
    from agent.adapters.sinks.ocsf_file import OcsfFile

    sink = config.sinks.ocsf
    return OcsfFile(sink.file, max_bytes=sink.max_megabytes * 1_000_000, keep=KEEP_FILES)
