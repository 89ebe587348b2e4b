"""What can go wrong on the way out; messages name the address, never a name or password in it."""

from core.base_errors import DockwardenError


class WebFailed(DockwardenError):
    """No usable answer came; another try may help."""


class WebTooSlow(WebFailed):
    """The answer was not whole within the total time limit."""


class WebTooLong(WebFailed):
    """The answer is longer than the limit."""


class WebUntrusted(WebFailed):
    """The server's certificate is not trusted; another try does not help."""


class WebUnusable(WebFailed):
    """The address, the CA file or the proxy's address is wrong here; a person has to correct it."""


class WebUnsafe(WebFailed):
    """The server redirects to where no client may follow."""
