"""One HTTP GET for health checks: no proxy, no detours, an end to it."""

import http.client
import io
import socket
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

LIMIT = 1 << 20
"""How much of a body is read, in bytes."""

REDIRECTS = 5


@dataclass(frozen=True)
class Answer:
    """What a server answered. `status` 0: nothing, and `error` says why."""

    status: int
    body: bytes = field(default=b"", repr=False)
    error: str = ""


def get(url: str, *, timeout: float, insecure: bool = False) -> Answer:
    """GET the URL within `timeout` seconds in all (name resolution apart); reports instead of raising.

    Redirects are followed on the same host only; any other is the answer. `insecure` accepts any certificate.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        return Answer(0, error=f"not an HTTP address: {url}")
    deadline = time.monotonic() + timeout
    opener = urllib.request.OpenerDirector()  # build_opener would add files, FTP and the proxies of the environment
    for handler in (
        _Handler(deadline, insecure=insecure),
        _SameHost(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    try:
        with opener.open(url, timeout=timeout) as response:
            return Answer(response.status, response.read(LIMIT))
    except urllib.error.HTTPError as error:
        with error:
            return _rest(error)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, error=_words(error))


def _rest(error: urllib.error.HTTPError) -> Answer:
    try:
        return Answer(error.code, error.read(LIMIT))
    except (OSError, http.client.HTTPException) as broken:
        return Answer(error.code, error=_words(broken))


def _words(error: Exception) -> str:
    reason = getattr(error, "reason", None)
    cause = reason if isinstance(reason, Exception) else error
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"certificate: {cause.verify_message}"
    return str(getattr(cause, "strerror", None) or cause) or type(cause).__name__


class _SameHost(urllib.request.HTTPRedirectHandler):
    max_redirections = REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).hostname != urlsplit(req.full_url).hostname:
            return None
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Handler(urllib.request.AbstractHTTPHandler):
    """Opens connections that know the deadline."""

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def __init__(self, deadline: float, *, insecure: bool) -> None:
        super().__init__()
        self._deadline = deadline
        self._insecure = insecure

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_Plain, self._deadline), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        context = ssl.create_default_context()
        if self._insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return self.do_open(partial(_Tls, self._deadline), request, context=context)


class _Plain(http.client.HTTPConnection):
    def __init__(self, deadline: float, host: str, **options: Any) -> None:
        super().__init__(host, **options)
        self._end = deadline
        self.response_class = partial(_response, deadline)  # type: ignore[assignment]

    def connect(self) -> None:
        self.sock = _connected(self.host, self.port, self._end)


class _Tls(http.client.HTTPSConnection):
    def __init__(self, deadline: float, host: str, *, context: ssl.SSLContext, **options: Any) -> None:
        super().__init__(host, context=context, **options)
        self._end, self._tls = deadline, context
        self.response_class = partial(_response, deadline)  # type: ignore[assignment]

    def connect(self) -> None:
        self.sock = self._tls.wrap_socket(_connected(self.host, self.port, self._end), server_hostname=self.host)


def _connected(host: str, port: int, deadline: float) -> socket.socket:
    failure = OSError("no address")
    for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            return socket.create_connection((str(address[0]), port), _left(deadline))
        except OSError as error:
            failure = error
    raise failure


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _response(deadline: float, sock: socket.socket, *arguments: Any, **options: Any) -> http.client.HTTPResponse:
    return http.client.HTTPResponse(_Timed(sock, deadline), *arguments, **options)  # type: ignore[arg-type]


class _Timed:
    """What a response asks of a socket."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._sock, self._deadline))


class _Reader(io.RawIOBase):
    """A socket's bytes until the deadline: a timeout of the socket's own would start anew with every drop."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock, self._deadline = sock, deadline
        self._file = sock.makefile("rb", buffering=0)  # keeps the connection when urllib lets go of the socket

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()
