"""Whom to believe over TLS: the one place that makes a client's context. Reads the CA file.

`ssl` costs memory, so it is imported when a context is made.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.network.web_errors import WebUnusable

if TYPE_CHECKING:
    import ssl


def client_context(ca_file: str = "", environ: Mapping[str, str] = os.environ) -> "ssl.SSLContext":
    """Certificates and host names are checked, TLS is 1.2 at least. `ca_file` (PEM) replaces the
    system's authorities, which `SSL_CERT_FILE` and `SSL_CERT_DIR` move. Raises `WebUnusable`."""
    import ssl

    named = ca_file or environ.get("SSL_CERT_FILE", "")
    try:
        context = ssl.create_default_context(cafile=named or None)
        if named and not ca_file:
            context.load_default_certs()  # SSL_CERT_DIR's, too
    except OSError as error:  # ssl.SSLError is one
        raise WebUnusable(
            f"the CA file {named} cannot be used: {_why(error)}",
            hint="it has to hold certificates in PEM form, readable for this program",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _why(error: OSError) -> str:
    if getattr(error, "library", None):  # OpenSSL's errors name one
        return "it holds no certificate in PEM form"
    return error.strerror or str(error)
