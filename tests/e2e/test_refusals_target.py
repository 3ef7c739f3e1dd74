"""A target that must not be gone to: named, with the way on, before anything changed."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.bad import refuse, upgrader, written
from upgrader.demo.host import Installation
from upgrader.demo.remote import APP, add_release, git

pytestmark = pytest.mark.docker

COMPOSE = (APP / "v1.1.0" / "docker-compose.yml").read_text()
EXAMPLE = (APP / "v1.1.0" / ".env.example").read_text()
TO = ("upgrade", "--to", "v1.5.0", "--yes")


def release(remote: Path, changes: Mapping[str, str | None]) -> None:
    add_release(remote, "v1.5.0", changes, base="v1.1.0")


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def test_an_unknown_target(serving: Installation) -> None:
    refuse(
        serving,
        *("upgrade", "--to", "v1.10", "--yes"),
        message=r"origin has no tag, branch or commit v1\.10; similar: v1\.1\.0",
        hint=r"--to v1\.1\.0$",
    )


@contextmanager
def checked_out(installation: Installation, ref: str) -> Iterator[None]:
    """What a person's own `git checkout` and editor make, without an `up`."""
    env = installation.env_file.read_bytes()
    installation.add_setting("WORKFLOW_SECRET_KEY", "c0ffee" * 10)
    installation.add_setting("PAGE_SIZE", "5")
    installation.checkout(ref)
    try:
        yield
    finally:
        installation.checkout("v1.0.0")
        installation.env_file.write_bytes(env)


def test_an_older_target(serving: Installation) -> None:
    with checked_out(serving, "v1.1.0"):
        refuse(
            serving,
            *("upgrade", "--to", "v1.0.0", "--yes"),
            message=r"v1\.0\.0 is older than v1\.1\.0",
            hint=r"upgrader rollback --to v1\.0\.0",
        )


def test_a_value_that_only_a_person_knows(serving: Installation, remote: Path) -> None:
    key = "SMTP_HOST: ${SMTP_HOST:?the mail server}"
    compose = changed(COMPOSE, "      PAGE_SIZE:", f"      {key}\n      PAGE_SIZE:")
    release(
        remote,
        {"docker-compose.yml": compose, ".env.example": EXAMPLE + "\n# required; your mail server\nSMTP_HOST=\n"},
    )
    line = EXAMPLE.count("\n") + 3
    answer = refuse(
        serving,
        *TO,
        message=rf"v1\.5\.0 needs a value that only you know: SMTP_HOST \(\.env\.example:{line}\)",
        hint=rf"echo 'SMTP_HOST=…' >> {serving.env_file}",
    )
    assert re.search(r"^  │ SMTP_HOST=", answer.err, re.MULTILINE), answer
    with written(serving.env_file, serving.env_file.read_text() + "SMTP_HOST=mail.example\n"):
        refuse(serving, "upgrade", "--to", "v1.5.0", message="needs an answer and there is no terminal", hint="--yes")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("volumes: [data:/var", "volumes: [fresh:/var", "db keeps its data in '{project}_data', but v1.5.0 would give it '{project}_fresh'"),
        ("    volumes: [data:/var/lib/postgresql/data]\n", "", "db keeps its data in '{project}_data', but v1.5.0 would give it no volume"),
        ("image: postgres:17", "image: postgres:15", "db runs Postgres 17, and v1.5.0 wants 15"),
        ("  data:\n", "  data: {name: another}\n", "db keeps its data in '{project}_data', but v1.5.0 would give it 'another'"),
    ],
)  # fmt: skip
def test_a_target_that_would_start_without_the_data(
    serving: Installation, remote: Path, old: str, new: str, message: str
) -> None:
    compose = changed(COMPOSE, old, new)
    release(remote, {"docker-compose.yml": compose.replace("volumes:\n  data:\n", "volumes:\n  data:\n  fresh:\n")})
    said = re.escape(message.format(project=serving.project))
    refuse(serving, *TO, message=said, hint="docker-compose.override.yml|dump")


def test_a_target_without_the_database_service(serving: Installation, remote: Path) -> None:
    compose = re.sub(r"  db:\n(    .*\n)+\n", "", COMPOSE)
    compose = re.sub(r"\n +db: {condition: service_healthy}", "", compose).replace(
        '    restart: "no"\n    depends_on:\n', '    restart: "no"\n    depends_on: {}\n'
    )
    release(remote, {"docker-compose.yml": compose})
    refuse(serving, *TO, message="v1.5.0 no longer has the database service 'db'", hint="git -C .* log|git -C .* show")


def test_a_target_whose_example_is_malformed(serving: Installation, remote: Path) -> None:
    release(remote, {".env.example": EXAMPLE + 'NAME="open\n'})
    line = EXAMPLE.count("\n") + 1
    refuse(
        serving,
        *TO,
        message=rf"v1\.5\.0.*\.env\.example:{line}:\d+: .*quote",
        hint=rf"git -C {serving.path} show \w+:\.env\.example",
    )


def test_a_target_whose_compose_file_is_malformed(serving: Installation, remote: Path) -> None:
    release(remote, {"docker-compose.yml": "services: [\n"})
    answer = refuse(
        serving,
        *TO,
        message=r"v1\.5\.0.*docker-compose\.yml.*line",
        hint=rf"git -C {serving.path} show \w+:docker-compose\.yml",
    )
    assert "/tmp/upgrader-" not in answer.err


def test_a_target_without_a_compose_file(serving: Installation, remote: Path) -> None:
    release(remote, {"docker-compose.yml": None})
    answer = refuse(serving, *TO, message=r"v1\.5\.0.*compose", hint=".")
    assert "/tmp/upgrader-" not in answer.err


def test_a_tag_that_was_moved(serving: Installation, remote: Path) -> None:
    old, new = (git("rev-parse", f"{tag}^{{commit}}", cwd=remote).strip() for tag in ("v1.1.0", "v1.4.0"))
    git("update-ref", "refs/tags/v1.1.0", new, cwd=remote)
    refuse(
        serving,
        *("upgrade", "--to", "v1.1.0", "--yes"),
        message=rf"the tag v1\.1\.0 was moved upstream, from {old[:9]} to {new[:9]}",
        hint=r"upgrader upgrade --to v1\.1\.0 --accept-moved-tag",
    )
    answer = refuse(
        serving,
        *("upgrade", "--to", "v1.1.0", "--accept-moved-tag"),
        message="needs an answer and there is no terminal",
        hint="--yes",
    )
    assert new[:9] in answer.err


def test_a_branch_that_was_rewritten(serving: Installation, remote: Path) -> None:
    tree = git("rev-parse", "v1.1.0^{tree}", cwd=remote).strip()
    who = "a <a@b.example> 1700000000 +0000"
    stream = f"reset refs/heads/main\ncommit refs/heads/main\ncommitter {who}\ndata 1\nx\nM 040000 {tree} \n\n"
    git("update-ref", "-d", "refs/heads/main", cwd=remote)
    git("fast-import", "--quiet", "--force", cwd=remote, stdin=stream.encode())
    refuse(
        serving,
        *("upgrade", "--to", "main", "--yes"),
        message=r"main .*was rewritten upstream: what is installed \(v1\.0\.0\) is not in its history",
        hint="upgrader upgrade --to TAG",
    )


def test_an_unsigned_tag_where_signed_ones_are_demanded(serving: Installation, tmp_path: Path) -> None:
    playbook = tmp_path / "strict.yaml"
    playbook.write_text("name: strict\nextends: ledgerly\nreleases: {signed: true}\n")
    call = ("upgrade", "--playbook", str(playbook), "--yes", "--to")
    refuse(serving, *call, "v1.1.0", message=r"tag v1\.1\.0.*(not good|not signed)", hint="git .*verify-tag")
    refuse(serving, *call, "main", message="is no tag, and the playbook demands a signed one", hint="--to TAG")


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ("[npx, drizzle-kit, push]", "its command"),
        ("npx prisma db push --accept-data-loss", "its command"),
        ("[sh, -c, 'sleep 1 && pnpm exec prisma db push']", "its command"),
        ("[npm, run, setup]", "package.json, script 'db:push'"),
        ("pnpm --filter db db:push", "package.json, script 'db:push'"),
        ("npx drizzle-kit@0.31 push --force", "its command"),
    ],
)
def test_migrations_that_push_a_schema(serving: Installation, remote: Path, command: str, where: str) -> None:
    scripts = {"setup": "npm run db:push && node seed.js", "db:push": "drizzle-kit push", "start": "node ."}
    compose = changed(COMPOSE, "command: [python, migrate.py]", f"command: {command}")
    release(remote, {"docker-compose.yml": compose, "package.json": json.dumps({"scripts": scripts})})
    answer = refuse(
        serving,
        *TO,
        message=rf"'migrate' pushes a schema straight onto the database: `.* push` in {re.escape(where)}",
        hint="git -C .* show",
    )
    assert "R7" in answer.err


@pytest.fixture
def notes(serving: Installation) -> Iterator[Path]:
    path = serving.path / "NOTES.local"
    with written(path, "mine\n"):
        yield path


def test_an_untracked_file_that_the_target_ships(serving: Installation, remote: Path, notes: Path) -> None:
    release(remote, {notes.name: "theirs\n"})
    refuse(
        serving,
        *TO,
        message=r"NOTES\.local is yours, but v1\.5\.0 ships a file of that name",
        hint=rf"mv {notes} {notes}\.mine",
    )


@pytest.mark.parametrize("name", [".env", "docker-compose.override.yml"])
def test_an_ignored_file_that_the_target_ships(serving: Installation, remote: Path, name: str) -> None:
    release(remote, {name: "# theirs\n"})
    refuse(
        serving,
        *TO,
        message=rf"{re.escape(name)} is yours, but v1\.5\.0 ships a file of that name",
        hint=rf"mv {serving.path / name} ",
    )


def test_plan_says_the_same(serving: Installation, remote: Path) -> None:
    release(remote, {".env": "# theirs\n"})
    answer = upgrader(serving.path, "plan", "--to", "v1.5.0")
    assert answer.code == 4
    assert ".env is yours" in answer.out
    assert re.search(r"\bmv\b", answer.out)
