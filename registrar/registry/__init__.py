"""A client for registries that speak the OCI distribution API; used to resolve and to copy."""

from registrar.registry.credentials import Credentials, config_path, credentials_for
from registrar.registry.manifests import Descriptor, Manifest
from registrar.registry.registries import Registries
from registrar.registry.registry_client import RegistryClient
from registrar.registry.registry_errors import (
    BadCredentials,
    NotAsClaimed,
    NotInRegistry,
    RegistryError,
    RegistryRefused,
    RegistryUnavailable,
)
from registrar.registry.registry_session import is_local
from registrar.registry.transport import Limits, Transport

__all__ = [
    "BadCredentials",
    "Credentials",
    "Descriptor",
    "Limits",
    "Manifest",
    "NotAsClaimed",
    "NotInRegistry",
    "Registries",
    "RegistryClient",
    "RegistryError",
    "RegistryRefused",
    "RegistryUnavailable",
    "Transport",
    "config_path",
    "credentials_for",
    "is_local",
]
