"""The registries that one run talks to, each found by its name in references."""

import threading
from pathlib import Path

from registrar.registry.credentials import config_path, credentials_for
from registrar.registry.registry_client import RegistryClient
from registrar.registry.transport import Transport


class Registries:
    """Clients by domain, made when first asked for; threads may share it.

    `plain_http` speaks to all of them without TLS. Credentials are docker's (`docker_config` is
    the path of its config.json, by default where docker keeps it).
    """

    def __init__(
        self,
        *,
        plain_http: bool = False,
        ca_file: Path | None = None,
        docker_config: Path | None = None,
        transport: Transport | None = None,
    ) -> None:
        self._plain_http = plain_http
        self._docker_config = docker_config or config_path()
        self._transport = transport or Transport(ca_file=ca_file)
        self._clients: dict[str, RegistryClient] = {}
        self._lock = threading.Lock()

    def client(self, domain: str) -> RegistryClient:
        """The client of one registry. Raises `BadCredentials`."""
        with self._lock:
            if domain not in self._clients:
                self._clients[domain] = RegistryClient(
                    domain,
                    self._transport,
                    credentials=credentials_for(domain, self._docker_config),
                    plain_http=self._plain_http,
                )
            return self._clients[domain]
