"""Databases that are known by a URL alone: real servers, reached as an app would reach them, as roles of an app's."""

import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.fixtures.engine import eventually, sh
from tests.steps.proof_world import Stand
from tests.tools.postgres_world import RICH, ROWS, running
from upgrader.errors import RefusedError, StepError
from upgrader.model.app import DatabaseSpec
from upgrader.steps.base import Context
from upgrader.steps.outside import no_way_back
from upgrader.steps.points import Points
from upgrader.steps.proof import Proof
from upgrader.steps.world import Scratch
from upgrader.tools.postgres import Server, name_for
from upgrader.tools.postgres_outside import PREFIX
from upgrader.tools.shell import Shell

pytestmark = pytest.mark.docker
PASSWORD = "p@ss/w:rd #%é"
ROLE = "rw user"


@pytest.fixture(scope="module")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sockets")
    path.chmod(0o777)
    return path


@pytest.fixture(scope="module")
def far(sockets: Path) -> Iterator[Server]:
    """A server of no project; its administrator, who we are not. Its major version is not the newest one here."""
    options = ("-p", "127.0.0.1::5432", "-v", f"{sockets}:/var/run/postgresql")
    named = ("-keyout", sockets / "key", "-out", sockets / "cert", "-subj", "/CN=nobody")
    sh("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *named)
    shutil.chown(sockets / "key", 999, 999)  # who Postgres is in its image
    tls = ("ssl=on", "ssl_cert_file=/var/run/postgresql/cert", "ssl_key_file=/var/run/postgresql/key")
    with running(
        "postgres:15", *(word for item in ("fsync=off", *tls) for word in ("-c", item)), options=options
    ) as container:
        server = Server(Shell(), container, "app", "20260801T120000Z-0000")
        server.require(60)
        quoted = PASSWORD.replace("'", "''")
        server.execute(f"CREATE ROLE \"{ROLE}\" LOGIN CREATEDB PASSWORD '{quoted}'; CREATE ROLE reporter LOGIN;")
        yield server


@pytest.fixture
def database(far: Server) -> Iterator[str]:
    """A database that belongs to the role of the URL, with a bit of everything."""
    name = f"shop-{secrets.token_hex(3)}"
    far.execute(f'CREATE DATABASE "{name}" OWNER "{ROLE}";')
    far.execute(f'SET ROLE "{ROLE}"; {RICH}', name)
    yield name
    far.execute(f'ALTER ROLE "{ROLE}" CREATEDB;')
    for each in far.databases():
        if each.startswith(name):
            far.shut_out(each)
            far.execute(f'DROP DATABASE "{each}";')


Reach = Callable[..., Context]


def published(far: Server) -> str:
    return sh("docker", "port", far.container, "5432/tcp").split()[0]


def address(far: Server) -> str:
    """Where containers reach it."""
    return sh("docker", "inspect", "--format", "{{.NetworkSettings.IPAddress}}", far.container)


def url(database: str, at: str, query: str = "", password: str = PASSWORD) -> str:
    return f"postgresql://{quote(ROLE)}:{quote(password, safe='')}@{at}/{quote(database)}{query}"


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    """What a process holds as long as it lives; nothing of it is left afterwards."""
    shared = Scratch(tmp_path_factory.mktemp("scratch"))
    yield shared
    ours = {name for name, _ in shared.clients.annex._open.values()}
    assert ours <= clients_here()
    shared.close()
    eventually(lambda: not ours & clients_here())


@pytest.fixture
def reach(tmp_path: Path, scratch: Scratch) -> Reach:
    """A run of an app whose env file has a URL; its project has no container."""

    def context(link: str, image: str = "") -> Context:
        ctx = Stand("", f"upgrader-test-{secrets.token_hex(3)}", tmp_path).context()
        app = replace(ctx.app, databases={"app": DatabaseSpec("app", key="DATABASE_URL", url=link, image=image)})
        return replace(ctx, app=app, world=replace(ctx.world, app=app, scratch=scratch))

    return context


def clients_here() -> set[str]:
    return set(sh("docker", "ps", "--all", "--filter", f"name={PREFIX}", "--format", "{{.Names}}").split())


def server(ctx: Context) -> Server:
    return ctx.world.server(ctx.app.databases["app"])


def test_the_whole_road_of_a_role_without_privileges(far: Server, database: str, reach: Reach, tmp_path: Path) -> None:
    """Dump, proof, copy, swap, restore beside, carry: by the role of the URL, and nothing says its password."""
    ctx = reach(url(database, f"{address(far)}:5432"))
    db = server(ctx)
    before = db.schema_digest(database)
    point = Stand(far.container, ctx.app.stack.project, tmp_path, []).point(ctx)
    (saved,) = point.databases
    assert (saved.name, saved.service, saved.server_version[:2]) == (database, "DATABASE_URL", "15")
    assert {name: count for name, count in saved.rows.items() if count} == ROWS
    assert saved.schema_sha256 == before
    assert no_way_back(ctx, ctx.app.databases["app"]) is None

    proof = Proof.model_validate({"id": "proof", "uses": "proof", "how": "restore"})
    assert proof.apply(ctx)["how"] == "full"

    copy = name_for(database, db.run, "before")
    db.copy(database, copy)
    assert db.is_complete(copy)
    assert db.schema_digest(copy) == before
    far.execute("ALTER TABLE people ADD COLUMN age int; DELETE FROM events;", database)
    db.swap(database, copy, name_for(database, db.run, "aside"))
    assert {name: rows.count for name, rows in db.row_counts(database).items()} == ROWS

    far.execute("ALTER TABLE people ADD COLUMN age int; INSERT INTO parent VALUES (9);", database)
    archive = Points(ctx.app.home).path(point.id) / saved.archive
    restored = name_for(database, db.run, "restored")
    db.restore(archive, restored, database)
    assert db.schema_digest(restored) == before
    carried = name_for(database, db.run, "carried")
    assert db.carry(database, carried, archive).rows["public.parent"] == ROWS["public.parent"] + 1
    assert far.describe(carried).owner == ROLE

    (client,) = [name for name in clients_here() if name == db.container]
    told = sh("docker", "inspect", client) + Path(ctx.shell.log or "").read_text()
    assert PASSWORD not in told
    assert quote(PASSWORD, safe="") not in told
    assert "postgres:15" in json.loads(sh("docker", "inspect", client))[0]["Config"]["Image"]


@pytest.mark.parametrize(
    ("at", "query"),
    [("{published}", ""), ("{address}:5432", "?sslmode=require&pool_timeout=3"), ("", "?host={sockets}")],
    ids=["loopback", "encrypted", "socket"],
)
def test_ways_to_a_server(
    far: Server, database: str, reach: Reach, tmp_path: Path, sockets: Path, at: str, query: str
) -> None:
    """Each is dumped in parallel: the programs beside find the server as well."""
    words = {"published": published(far), "address": address(far), "sockets": sockets}
    ctx = reach(url(database, at.format(**words), query.format(**words)))
    dump = server(ctx).dump(database, tmp_path / "app.dump")
    assert dump.how.startswith("in parallel by ")
    assert {name: rows.count for name, rows in dump.rows.items()} == ROWS


# In a mount namespace of its own there is a file system that the engine does not see under that name.
UNSEEN = """
import sys
from pathlib import Path
from upgrader.tools.postgres import Address, name_for
from upgrader.tools.postgres_outside import Annex, Around, Outside
from upgrader.tools.shell import Shell
url, database, directory = sys.argv[1:]
annex, there = Annex(), Address.of(url)
server = Outside(Shell(), "", there.user, "unseen", address=there).by(annex.enter(Shell(), "postgres:15", Around()))
archive = Path(directory) / "app.dump"
dump = server.dump(database, archive)
print(dump.how)
server.verify(archive, dump.members)
server.restore(archive, name_for(database, "unseen", "restored"), database)
annex.close()
"""


def test_an_engine_that_does_not_see_our_files(far: Server, database: str, tmp_path: Path) -> None:
    """As with an engine on another host: dumps and restores are streams through the container of ours."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    mount = f'mount -t tmpfs tmpfs {hidden} && exec "$@"'
    link = url(database, f"{address(far)}:5432")
    argv = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, "-c", UNSEEN, link, database, str(hidden)]
    done = subprocess.run(argv, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    if "unshare failed" in done.stderr:
        pytest.skip("may not unshare")
    assert done.stdout == f"as a stream, because the engine does not see {hidden} as we do\n", done.stderr
    restored = name_for(database, "unseen", "restored")
    assert far.schema_digest(restored) == far.schema_digest(database)
    assert far.row_counts(restored) == far.row_counts(database)
    assert list(hidden.iterdir()) == []


@pytest.mark.parametrize(
    ("link", "message", "hint"),
    [
        ("postgresql://rw:pw@127.0.0.1:1/shop", "Nothing listens on 127.0.0.1:1", "pg_isready -h 127.0.0.1 -p 1"),
        ("postgresql://rw:pw@nowhere.invalid/shop", "The host of nowhere.invalid:5432 is not known", "getent hosts"),
        ("{wrong}", "refuses the password of role rw user", "${{EDITOR:-vi}} {home}/.env  # Compare the password"),
        ("{ghost}", "has no database ghost; there is app, postgres, shop-", "${{EDITOR:-vi}} {home}/.env"),
        ("{doubt}", "do not agree on encryption", "${{EDITOR:-vi}} {home}/.env  # Check sslmode"),
        ("postgresql://rw@h/shop?host=/nowhere/at-all", "/nowhere/at-all, which is not on this machine", "{home}/.env"),
    ],
    ids=["refused", "name", "password", "database", "encryption", "socket"],
)
def test_E7_each_failure_is_told_before_anything_changes(  # noqa: N802
    far: Server, database: str, reach: Reach, tmp_path: Path, link: str, message: str, hint: str
) -> None:
    at = f"{address(far)}:5432"
    links = {
        "wrong": url(database, at, password="wrong-password"),
        "ghost": url("ghost", at),
        "doubt": url(database, at, "?sslmode=verify-full&sslrootcert=system"),
    }
    ctx = reach(link.format(**links))
    with pytest.raises(RefusedError) as refused:
        server(ctx).oid(ctx.world.database(ctx.app.databases["app"]))
    assert refused.value.message.startswith("DATABASE_URL")
    assert message in refused.value.message
    assert hint.format(home=tmp_path) in refused.value.hint
    assert "wrong-password" not in f"{refused.value.message} {refused.value.hint} {refused.value.lines}"


DEEDS = (
    ('ALTER ROLE "{role}" NOCREATEDB', "role {role} may not create databases"),
    ('ALTER DATABASE "{name}" OWNER TO app', "{name} belongs to app, and role {role} is not a member of it"),
    ('ALTER ROLE reporter IN DATABASE "{name}" SET my.x = 1', "has settings for the role reporter"),
    ('ALTER DATABASE "{name}" SET log_statement = "all"', "only a superuser can give to a copy: log_statement"),
)
"""What an administrator may have done, and what is told of it."""


def test_what_a_role_may_not_do_is_known_before(far: Server, database: str, reach: Reach) -> None:
    """And what its administrator would do about it really is the remedy: then the copy can be made."""
    ctx = reach(url(database, f"{address(far)}:5432"))
    spec, db = ctx.app.databases["app"], server(ctx)
    assert no_way_back(ctx, spec) is None
    for deed, why in DEEDS:
        far.execute(deed.format(role=ROLE, name=database) + ";")
        refused = no_way_back(ctx, spec)
        assert refused is not None
        assert why.format(role=ROLE, name=database) in refused.why
        far.execute(refused.hint.partition(": ")[2])
        assert no_way_back(ctx, spec) is None
    db.copy(database, name_for(database, db.run, "before"))
    far.execute(f'REVOKE app FROM "{ROLE}"; ALTER DATABASE "{database}" OWNER TO "{ROLE}";')


def test_somebody_whose_sessions_it_may_not_end(far: Server, database: str, reach: Reach) -> None:
    ctx = reach(url(database, f"{address(far)}:5432"))
    with far.holding(database):
        refused = no_way_back(ctx, ctx.app.databases["app"])
        assert refused is not None
        assert f"app is connected to {database}" in refused.why
        copy = name_for(database, server(ctx).run, "before")
        with pytest.raises(StepError, match=r"permission denied|must be a (superuser|member)"):
            server(ctx).copy(database, copy)
        assert far.is_open(database), "and nothing stays shut"
        assert not far.exists(copy)


def test_the_programs_are_of_the_servers_own_version(far: Server, database: str, reach: Reach) -> None:
    link = url(database, f"{address(far)}:5432")
    for image, message in (
        ("postgres:17", "leads to Postgres 15, and postgres:17 has the programs of 17"),
        ("postgres:none", "the image postgres:none, whose programs are to reach DATABASE_URL, is not here"),
        ("python:3.13-slim", "has no pg_dump"),
    ):
        ctx = reach(link, image)
        with pytest.raises(RefusedError, match=message):
            server(ctx).require()


def test_a_client_that_was_removed_is_made_anew(far: Server, database: str, reach: Reach) -> None:
    ctx = reach(url(database, f"{address(far)}:5432"))
    first = server(ctx).container
    sh("docker", "rm", "-f", first)
    eventually(lambda: server(ctx).container != first)
    assert server(ctx).require().major == 15
