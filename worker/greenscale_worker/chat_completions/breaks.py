"""The name in `outcomes.endings.BREAKS` of each error of aiohttp. Imports aiohttp, which takes long."""

import re
import socket
import ssl

import aiohttp

CERTIFICATE_ROWS = {
    9: "certificate expired",  # not valid yet
    10: "certificate expired",
    62: "certificate of another host",
    64: "certificate of another host",
}
"""OpenSSL's X509_V_ERR numbers; the others are chains that end at an unknown authority."""

NOT_TLS = re.compile(
    r"WRONG_VERSION_NUMBER|HTTP_REQUEST|RECORD_LAYER_FAILURE|UNKNOWN_PROTOCOL|PACKET_LENGTH_TOO_LONG", re.IGNORECASE
)


def broken_name(error: BaseException, *, before: bool) -> str:
    """Return the row of `outcomes.endings.BREAKS` for an error of aiohttp; `before`: no byte of an answer had come."""
    lost = "lost before its answer" if before else "lost within its answer"
    match error:
        case aiohttp.ClientProxyConnectionError() | aiohttp.ClientHttpProxyError():
            return "proxy"
        case aiohttp.ClientConnectorCertificateError():
            return _certificate_row(error.certificate_error)
        case aiohttp.ServerTimeoutError() if not isinstance(error, aiohttp.ConnectionTimeoutError):
            return "silence"
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError() | ssl.SSLError():
            return _unreached_row(error)
        case aiohttp.ClientResponseError():
            return (
                "headers too large" if "Got more than" in error.message or "Too many" in error.message else "not HTTP"
            )
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return "unusable address"
        case aiohttp.ClientError() | OSError() | TimeoutError():
            return lost
        case _:
            return "unusable address"  # ValueError: a host that is no name


def _unreached_row(error: BaseException) -> str:
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    match inner:
        case ssl.SSLCertVerificationError():
            return _certificate_row(inner)
        case ssl.SSLError():
            return "TLS to a plain HTTP port" if NOT_TLS.search(str(inner)) else "TLS fails"
        case socket.gaierror():
            return "unknown host"
        case ConnectionRefusedError():
            return "refused"
        case _ if isinstance(error, aiohttp.ClientConnectorDNSError):
            return "unknown host"
        case _:
            return "refused" if "Connect call failed" in str(inner) and "111" in str(inner) else "unreachable"


def _certificate_row(error: BaseException) -> str:
    return CERTIFICATE_ROWS.get(getattr(error, "verify_code", 0), "certificate of an unknown authority")
