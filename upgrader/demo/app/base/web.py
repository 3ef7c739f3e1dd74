"""Serve ledgerly over HTTP. What a release asks of the database is in queries/*.sql; this file only runs that."""

import json
import os
import signal
import sys
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


def query(name: str, **values: object) -> list[dict[str, Any]]:
    """The rows of queries/NAME.sql, which may name values and settings, such as %(PAGE_SIZE)s."""
    with psycopg.connect(row_factory=dict_row) as database:
        return database.execute(QUERIES[name], {**os.environ, **values}).fetchall()


class Web(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        try:
            match url.path:
                case "/":
                    self.answer({"greeting": os.environ["APP_GREETING"]})
                case "/health":
                    self.answer(query("health"))
                case "/version":
                    self.answer({"version": VERSION, **query("schema")[0]})
                case "/notes":
                    self.answer(query("notes", after=parse_qs(url.query).get("after", ["0"])[0]))
                case "/config":
                    self.answer(sorted(os.environ))
                case _:
                    self.answer({"error": "no such page"}, HTTPStatus.NOT_FOUND)
        except psycopg.Error as error:
            self.answer({"error": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        try:
            self.answer(query("add_note", body=body)[0], HTTPStatus.CREATED)
        except psycopg.Error as error:
            self.answer({"error": str(error)}, HTTPStatus.SERVICE_UNAVAILABLE)

    def answer(self, content: object, status: HTTPStatus = HTTPStatus.OK) -> None:
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
