"""`make bench` and `make bench ONLY=NAME`: measure, print a table, write `build/bench.json`.

`downtime`: how long a client that polls twenty times a second gets no answer while ledgerly is upgraded with a migration of
15 s; theirs is `git pull && docker compose up -d --build`. `overhead`: of an upgrade with a build of 20 s and that migration,
the time that upgrader spends by itself; theirs is the whole. `rollback`: back to the old version and its data, 1 GB of it,
after an upgrade that stopped the writers; theirs is the documented way: restore the backup, check out, `up -d --build`.
`rollback-dump`: the same after an upgrade that let the old version serve, as a client sees it. `startup-version`, `startup-status`: medians;
theirs is `python -c pass`. `memory`: upgrader's own peak over an upgrade and a rollback of 5 GB; theirs is the same with 150 MB.
`backup-17`, `backup-15`: a database of 1.5 GB and more dumped, read back and synced; theirs is `pg_dump | gzip`. `restore`: it brought
back; theirs is drop, create, `gunzip | psql`. `proof`: a dump restored into a throw-away server and compared; `copy`: the database
copied inside its server; `way-back`: that copy put in its place; theirs is the same documented restore. `detection`: of
500 harms to real restore points of Postgres 17 and 15, how many `upgrader backups verify` finds; theirs is how many there were.
`env-check`: a check of 60 keys from start to end; theirs is `python -c pass`. `env-check-10000`: the same of 10 000 keys.

Each says below the table what its figures contain. A Docker engine is needed for all but start-up and env-check.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.bench import backup, copies, detection, downtime, envfiles, memory, overhead, rollback, startup
from tests.bench.measurement import Measurement, table, write
from upgrader.errors import UpgraderError

MEASURES: Mapping[str, Callable[[], Measurement]] = {
    "startup-version": startup.version,
    "startup-status": startup.status,
    "env-check": envfiles.start,
    "env-check-10000": envfiles.many,
    "downtime": downtime.measure,
    "overhead": overhead.measure,
    "rollback": rollback.measure,
    "rollback-dump": rollback.measure_dump,
    "memory": memory.measure,
    "backup-17": backup.measure_newest,
    "backup-15": backup.measure_older,
    "restore": backup.measure_restore,
    "proof": copies.measure_proof,
    "copy": copies.measure_copy,
    "way-back": copies.measure_way_back,
    "detection": detection.measure,
}
REPORT = Path(__file__).parents[2] / "build" / "bench.json"


def main(argv: list[str] | None = None) -> int:
    """Exits with 1 when a goal is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--only", choices=MEASURES, metavar="NAME", help=", ".join(MEASURES))
    only = parser.parse_args(argv).only
    found = []
    for name in [only] if only else MEASURES:
        print(f"measuring {name} …", file=sys.stderr, flush=True)
        try:
            found.append(MEASURES[name]())
        except UpgraderError as error:
            print("\n".join([f"{name}: {error.message}", *error.lines]), file=sys.stderr)
            return 1
    print(table(found))
    write(REPORT, found)
    return 0 if all(measurement.met for measurement in found) else 1


if __name__ == "__main__":
    sys.exit(main())
