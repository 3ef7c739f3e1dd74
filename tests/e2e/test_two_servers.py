"""An app and its identity provider, in servers of two majors: one restore point has both, and brings both back."""

import json
import re
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.bare import bare_server, ddl
from tests.e2e.scenario import PLAYBOOK, Operator
from tests.fixtures.engine import sh
from tests.fixtures.twins import TWINS, idp, twins

pytestmark = pytest.mark.docker
USERS = "select row_to_json(t) from users t order by id"
FOREIGN = "select rolname from pg_roles where rolname !~ '^pg_' order by 1"


def test_both_are_saved_exported_and_brought_back(remote: Path, tmp_path: Path) -> None:
    with twins(remote, tmp_path) as app:
        operator = Operator.at(app, TWINS)
        rows, users = app.write(3), idp(app, USERS)
        operator("backup", "--proof", "restore")
        point = operator.point(operator.last("backup"))
        assert {db.id: (db.service, db.major) for db in point.databases} == {"app": ("db", 17), "idp": ("idp", 15)}
        assert point.proved == "full"
        assert 0 < point.apart < 60
        assert not point.consistent
        exported(operator, tmp_path, rows, users)

        app.write(2)
        idp(app, "insert into users (name) values ('late')")
        boxes, late = operator.boxes(), idp(app, USERS)
        refused(operator, point.id)
        assert (len(app.notes()), idp(app, USERS)) == (5, late)

        operator("restore", point.id, "--into-new", "old")
        assert operator.sql("select body from notes order by id", "old_app") == rows
        assert idp(app, USERS, "old_idp") == users

        operator("restore", point.id, "--in-place", "--yes", "--accept-data-loss", "--output", "plain")
        assert (app.notes(), idp(app, USERS)) == (rows, users)
        assert {name: box.id for name, box in operator.boxes().items()} == {name: box.id for name, box in boxes.items()}
        operator.rollback("--undo")
        assert (len(app.notes()), idp(app, USERS)) == (5, late)


def exported(operator: Operator, tmp_path: Path, rows: list[str], users: list[str]) -> None:
    """By the README's commands as they stand there, each block in a fresh server of the version that it names."""
    file = tmp_path / "app.tar"
    operator("backups", "export", operator.points.ids()[-1], file)
    with tarfile.open(file) as tar:
        top = tar.getnames()[0].partition("/")[0]
        members = tar.getnames()
        readme = tar.extractfile(f"{top}/README.md")
        assert readme
        text = readme.read().decode()
    assert any(name.endswith(".dat.zst") for name in members if "/idp.dump/" in name)
    check, app, provider, _ = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    schema = sh("docker", "exec", f"{operator.app.project}-idp-1", "pg_dump", "-sU", "idp", "idp")
    with bare_server("postgres:17") as newer, bare_server("postgres:15") as older:
        for server, block in ((newer, app), (older, provider)):
            sh("docker", "cp", str(file), f"{server}:/tmp/app.tar")
            script = f"set -e\ncd /tmp\ntar -xf app.tar\ncd {top}\n{check}\n{block}"
            sh("docker", "exec", server, "bash", "-c", script)
        assert there(newer, "ledgerly", "select body from notes order by id") == rows
        assert there(older, "idp", USERS) == users
        assert "auditor" in there(older, "idp", FOREIGN)
        assert there(older, "idp", "select convert_from(lo_get(oid), 'utf8') from pg_largeobject_metadata") == [
            "a large object"
        ]
        assert ddl(sh("docker", "exec", older, "pg_dump", "-sU", "postgres", "idp")) == ddl(schema)


def there(server: str, database: str, query: str) -> list[str]:
    return sh("docker", "exec", server, "psql", "-U", "postgres", "-d", database, "-XAtc", query).splitlines()


def refused(operator: Operator, point_id: str) -> None:
    """A dump of another major, and a playbook that knows of one database only."""
    path = operator.points.path(point_id) / "manifest.json"
    whole = path.read_bytes()
    manifest = json.loads(whole)["manifest"]
    manifest["databases"][1]["server_version"] = "18.1"
    digest = sha256(json.dumps(manifest, indent=1, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({"manifest": manifest, "sha256": digest}, indent=1, sort_keys=True))
    said = operator("restore", point_id, "--in-place", "--yes", "--accept-data-loss", code=4).err
    assert re.search(r"idp was dumped by Postgres 18\.1, and idp is 15\.", said), said
    assert "backups list" in said
    path.write_bytes(whole)
    alone = Operator.at(operator.app, PLAYBOOK)
    said = alone("restore", point_id, "--in-place", code=4).err
    assert "left out, for the app has no such database any more: idp of idp" in said
    Operator.at(operator.app, TWINS)
