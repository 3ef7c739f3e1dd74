"""Serve ledgerly over HTTP. What a release asks of the database is in queries/*.sql; this file only runs that."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
from psycopg.rows import dict_row

HERE = Path(__file__).parent
VERSION = (HERE / "VERSION").read_text().strip()
QUERIES = {file.stem: file.read_bytes() for file in HERE.glob("queries/*.sql")}

log = logging.getLogger("web")


def query(name: str, **values: object) -> list[dict[str, Any]]:
    """The rows of queries/NAME.sql, which may name values and settings, such as %(PAGE_SIZE)s."""
    with psycopg.connect(row_factory=dict_row) as database:
        return database.execute(QUERIES[name], {**os.environ, **values}).fetchall()


class Web(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self) -> None:
        self.answer(self.read)

    def do_POST(self) -> None:
        self.answer(self.write)

    def read(self) -> tuple[HTTPStatus, object]:
        url = urlsplit(self.path)
        match url.path:
            case "/":
                return HTTPStatus.OK, {"greeting": os.environ["APP_GREETING"]}
            case "/health":
                return HTTPStatus.OK, query("health")[0]
            case "/version":
                return HTTPStatus.OK, {"version": VERSION, **query("schema")[0]}
            case "/notes":
                return HTTPStatus.OK, query("notes", after=parse_qs(url.query).get("after", ["0"])[0])
            case "/config":
                return HTTPStatus.OK, sorted(os.environ)
        return HTTPStatus.NOT_FOUND, {"error": "no such page"}

    def write(self) -> tuple[HTTPStatus, object]:
        if self.path != "/notes":
            return HTTPStatus.NOT_FOUND, {"error": "no such page"}
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        return HTTPStatus.CREATED, query("add_note", body=body)[0]

    def answer(self, ask: Callable[[], tuple[HTTPStatus, object]]) -> None:
        try:
            status, content = ask()
        except psycopg.Error as error:
            log.warning("%s: %s", self.path, error)
            status, content = HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)}
        data = json.dumps(content, default=str).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, *_: object) -> None:
        """Requests are not worth a line each."""


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    ThreadingHTTPServer(("", 8000), Web).serve_forever()
