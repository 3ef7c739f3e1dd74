"""HTTP GETs against real servers on this machine."""

import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from upgrader.tools.http import LIMIT, get


class _Site(http.server.BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        match self.path:
            case "/ok":
                self._answer(200, b"fine")
            case "/down":
                self._answer(503, b'{"db": "gone"}')
            case "/huge":
                self._answer(200, b"x" * (3 * LIMIT))
            case "/here":
                self._answer(302, b"", "/ok")
            case "/there":
                self._answer(302, b"moved", f"http://127.0.0.2:{self.connection.getsockname()[1]}/ok")
            case "/loop":
                self._answer(302, b"", "/loop")
            case "/file":
                self._answer(302, b"", "file:///etc/hostname")
            case "/drip":
                self._drip()

    def _answer(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the reader had enough

    def _drip(self) -> None:
        """A byte every 50 ms: each read succeeds, the answer never ends."""
        try:
            for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: pytest's output is for tests."""


@contextmanager
def _serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), _Site) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def site() -> Iterator[str]:
    with _serving() as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def tls_site(tmp_path: Path) -> Iterator[str]:
    """With a certificate that nobody signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with _serving(context) as port:
        yield f"https://localhost:{port}"


def test_an_answer_has_its_status_and_body(site: str) -> None:
    answer = get(f"{site}/ok", timeout=5)
    assert (answer.status, answer.body, answer.error) == (200, b"fine", "")


def test_an_error_status_is_an_answer_too(site: str) -> None:
    answer = get(f"{site}/down", timeout=5)
    assert (answer.status, answer.body, answer.error) == (503, b'{"db": "gone"}', "")


def test_redirects_are_followed_on_the_same_host_only(site: str) -> None:
    assert get(f"{site}/here", timeout=5).body == b"fine"
    away = get(f"{site}/there", timeout=5)
    assert (away.status, away.body) == (302, b"moved")
    assert get(f"{site}/loop", timeout=5).status == 302
    assert get(f"{site}/file", timeout=5).status == 302


def test_a_body_is_cut_at_the_limit(site: str) -> None:
    assert len(get(f"{site}/huge", timeout=5).body) == LIMIT


def test_proxies_of_the_environment_do_not_count(site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert get(f"{site}/ok", timeout=5).status == 200


def test_a_dripping_server_does_not_stretch_the_deadline(site: str) -> None:
    started = time.monotonic()
    answer = get(f"{site}/drip", timeout=0.5)
    assert time.monotonic() - started < 1.5
    assert (answer.status, answer.error) == (0, "no answer in time")


def test_a_silent_server_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for scheme in ("http", "https"):
            started = time.monotonic()
            answer = get(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.3)
            assert (answer.status, answer.error) == (0, "no answer in time")
            assert time.monotonic() - started < 1.3


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    answer = get(f"http://127.0.0.1:{port}/", timeout=2)
    assert (answer.status, answer.error) == (0, "Connection refused")


def test_something_that_does_not_speak_http(site: str) -> None:
    answer = get(site.replace("http", "https"), timeout=2)
    assert answer.status == 0
    assert answer.error


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://127.0.0.1/x", "nonsense", "http://", "http://a b/"])
def test_other_addresses_are_reported(url: str) -> None:
    answer = get(url, timeout=1)
    assert answer.status == 0
    assert answer.error


def test_a_certificate_counts_unless_told_otherwise(tls_site: str) -> None:
    refused = get(f"{tls_site}/ok", timeout=5)
    assert refused.status == 0
    assert refused.error.startswith("certificate: ")
    assert get(f"{tls_site}/ok", timeout=5, insecure=True).body == b"fine"
    assert get(f"{tls_site}/here", timeout=5, insecure=True).body == b"fine"
