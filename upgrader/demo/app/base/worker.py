"""Tell the database, once a second, that the worker is alive."""

import logging
import signal
import sys
import time

import psycopg

BEAT = """
    insert into heartbeats (worker) values ('worker')
    on conflict (worker) do update set beats = heartbeats.beats + 1, seen_at = now()
"""
SECONDS_BETWEEN_BEATS = 1

log = logging.getLogger("worker")

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    while True:
        try:
            with psycopg.connect() as database:
                database.execute(BEAT)
        except psycopg.Error as error:
            log.warning("no heartbeat: %s", error)
        time.sleep(SECONDS_BETWEEN_BEATS)
