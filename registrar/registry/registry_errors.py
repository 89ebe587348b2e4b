"""What can go wrong with a registry; each says which registry, what it answered, what to do."""

from core.base_errors import DockwardenError


class RegistryError(DockwardenError):
    """A registry could not be used."""


class RegistryUnavailable(RegistryError):
    """It did not answer, not in time, or not as HTTP and TLS demand."""


class RegistryRefused(RegistryError):
    """It wants other credentials, or forbids what was asked."""


class NotInRegistry(RegistryError):
    """It knows no such repository, tag, manifest or blob."""


class NotAsClaimed(RegistryError):
    """The content is not what was asked for, or not what its format demands; nothing of it was
    believed."""


class BadCredentials(RegistryError):
    """Docker's configuration, or a credential helper it names, cannot be used."""
