"""Says in our own words why a connection failed; knows no library that may have raised it.

HTTP libraries wrap what happened in sentences of their own, which differ between releases.
"""

import socket
from collections.abc import Iterator


def connection_fault(error: BaseException) -> str:
    """One sentence without a full stop, to follow the URL."""
    chain = list(_chain(error))
    for inner in chain:  # documented of ssl.SSLCertVerificationError; `ssl` is costly to import
        if untrusted := getattr(inner, "verify_message", ""):
            return f"its TLS certificate is not trusted ({untrusted})"
    for inner in chain:
        if isinstance(inner, OSError) and (words := _words(inner)):
            return words
    last = chain[-1]
    return f"no usable answer ({type(last).__name__})"


def _words(error: OSError) -> str:
    match error:
        case socket.gaierror():
            return "the host name cannot be resolved"
        case ConnectionRefusedError():
            return "the connection was refused"
        case ConnectionError():
            return "the connection was closed before the answer was whole"
        case TimeoutError():
            return "no answer in time"
    # strerror is the operating system's; of a TLS error it is OpenSSL's, behind our words
    if getattr(error, "library", None):
        return f"no TLS connection ({error.strerror or error})"
    return error.strerror or str(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those it was made of, each once, the outermost first."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        parts = (getattr(one, "reason", None), *one.args, one.__cause__, one.__context__)
        waiting += [part for part in parts if isinstance(part, BaseException)]
