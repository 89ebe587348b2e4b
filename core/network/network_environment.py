"""Which variables of the environment decide about the way out; names only."""

from typing import Final

_PROXIES: Final = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_TRUST: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")

# What a process has to be given to take the same way, and trust the same, as its parent.
NETWORK_VARIABLES: Final = (*_PROXIES, *(name.upper() for name in _PROXIES), *_TRUST)
