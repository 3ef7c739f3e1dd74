"""Migration files of a checkout, as their migrator reads them: pure, over names and bytes that git has."""

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Key = tuple[Any, ...]

OWN = "a migrator of its own"
"""Of an app: a table `schema_migrations`, and files that begin with a number."""


@dataclass(frozen=True)
class Tree:
    """The tracked files of a commit: their paths, and their contents when asked for."""

    names: tuple[str, ...]
    read: Callable[[Sequence[str]], Mapping[str, bytes]] = field(repr=False)

    def below(self, directory: str) -> list[str]:
        """Paths below a directory, in git's order; an empty one is the top."""
        return [name for name in self.names if not directory or name.startswith(f"{directory}/")]

    def inside(self, directory: str) -> list[str]:
        """Paths of the directory's own files."""
        return [name for name in self.below(directory) if name.rpartition("/")[0] == directory]


@dataclass(frozen=True)
class File:
    """One migration. Files come in the order in which their migrator runs them."""

    id: str
    """As the ledger writes it."""
    path: str
    order: Key = ()
    checksums: frozenset[str] = frozenset()
    """What the ledger may hold for this content; empty where the migrator keeps none."""
    after: tuple[str, ...] = ()
    """Ids that it depends on."""
    replaces: tuple[str, ...] = ()
    """Ids that it stands for, once they were applied one by one."""


Checksum = Callable[[bytes], set[str]]


def by_number(pattern: str, checksum: Checksum | None = None) -> Callable[[Tree, str], list[File]]:
    """A reader of one directory whose file names begin with a number, which is the id and the order."""
    rule = re.compile(pattern)

    def read(tree: Tree, directory: str) -> list[File]:
        named = [(path, rule.match(path.rpartition("/")[2])) for path in tree.inside(directory)]
        matched = {path: int(found[1]) for path, found in named if found}
        contents = tree.read(list(matched)) if checksum else {}
        files = [
            File(str(number), path, (number,), frozenset(checksum(contents[path]) if checksum else ()))
            for path, number in matched.items()
        ]
        return sorted(files, key=lambda file: file.order)

    return read


def golang_migrate(tree: Tree, directory: str) -> list[File]:
    """`NUMBER_name.up.ext`; https://github.com/golang-migrate/migrate, source/parse.go."""
    return by_number(r"([0-9]+)_.*\.up\..*")(tree, directory)


def goose(tree: Tree, directory: str) -> list[File]:
    """`NUMBER_name.go` but tests, and `NUMBER_name.sql` that says `+goose`, without which goose refuses it.

    https://github.com/pressly/goose, migrate.go, migration.go and internal/sqlparser/parser.go.
    """
    files = by_number(r"0*([1-9][0-9]*)_(?!.*_test\.go$).*\.(?:sql|go)$")(tree, directory)
    contents = tree.read([file.path for file in files])
    return [file for file in files if file.path.endswith(".go") or b"+goose" in contents[file.path]]


def sqlx(tree: Tree, directory: str) -> list[File]:
    """`NUMBER_name.sql` or `.up.sql`, SHA-384; https://github.com/launchbadge/sqlx, sqlx-core/src/migrate/source.rs."""
    read = by_number(
        r"([0-9]+)_(?!.*\.down\.sql$).*\.sql$", checksum=lambda data: {"\\x" + hashlib.sha384(data).hexdigest()}
    )
    return read(tree, directory)


def dbmate(tree: Tree, directory: str) -> list[File]:
    """What is numbered and says `migrate:up`; https://github.com/amacneil/dbmate, pkg/dbmate/db.go and migration.go."""
    files = numbered(tree, directory)
    contents = tree.read([file.path for file in files])
    return [file for file in files if re.search(rb"^--\s*migrate:up", contents[file.path], re.MULTILINE)]


def numbered(tree: Tree, directory: str) -> list[File]:
    """Digits, anything, `.sql`: the digits as text are the id, the file's name the order."""
    names = sorted((path.rpartition("/")[2], path) for path in tree.inside(directory))
    return [File(found[1], path, (name,)) for name, path in names if (found := re.match(r"(\d+).*\.sql$", name))]


def rails(tree: Tree, directory: str) -> list[File]:
    """`NUMBER_name.rb`, also in subdirectories; https://github.com/rails/rails, active_record/migration.rb."""
    rule = re.compile(r"([0-9]+)_[_a-z0-9]*\.?[_a-z0-9]*\.rb$")
    named = [(path, rule.match(path.rpartition("/")[2])) for path in tree.below(directory)]
    files = [File(str(int(found[1])), path, (int(found[1]),)) for path, found in named if found]
    return sorted(files, key=lambda file: file.order)


KNEX = (".co", ".coffee", ".eg", ".iced", ".js", ".cjs", ".litcoffee", ".ls", ".ts", ".mjs")


def knex(tree: Tree, directory: str) -> list[File]:
    """Every script of the directory, by its name; the name without its ending is the id here, for a compiled `.js`
    replaces a `.ts`. https://github.com/knex/knex, lib/migrations/migrate/sources/fs-migrations.js.
    """
    names = sorted((path.rpartition("/")[2], path) for path in tree.inside(directory))
    scripts = [(name, path) for name, path in names if name.endswith(KNEX) and not name.endswith(".d.ts")]
    return [File(stem(name), path, (stem(name),)) for name, path in scripts]


def stem(name: str) -> str:
    """A script's name without its ending."""
    return name.rpartition(".")[0] if name.endswith(KNEX) else name


def prisma(tree: Tree, directory: str) -> list[File]:
    """`NAME/migration.sql`, SHA-256 whatever the line ends, in old ledgers without leading zeros.

    https://github.com/prisma/prisma-engines, schema-connector/src/checksum.rs and migrations_directory.rs.
    """
    paths = [
        path for path in tree.below(directory) if re.fullmatch(r"[^/]+/migration\.sql", path[len(directory) + 1 :])
    ]
    contents = tree.read(paths)
    files = []
    for path in paths:
        name = path.split("/")[-2]
        digests = [hashlib.sha256(text).digest() for text in _line_ends(contents[path])]
        unpadded = {"".join(f"{byte:x}" for byte in digest) for digest in digests}
        files.append(File(name, path, (name,), _sha256(contents[path]) | unpadded))
    return sorted(files, key=lambda file: file.order)


def drizzle(tree: Tree, directory: str) -> list[File]:
    """What `meta/_journal.json` lists, by its time in ms; SHA-256 of the file. Raises ValueError where they disagree.

    https://github.com/drizzle-team/drizzle-orm, drizzle-orm/src/migrator.ts.
    """
    journal = f"{directory}/meta/_journal.json".lstrip("/")
    entries = _journal(tree.read([journal])[journal], journal)
    listed = [(when, f"{directory}/{tag}.sql".lstrip("/")) for when, tag in entries]
    if missing := [path for _, path in listed if path not in tree.names]:
        raise ValueError(f"{journal} lists {missing[0]}, which is not there: drizzle refuses to migrate")
    contents = tree.read([path for _, path in listed])
    return [File(str(when), path, (when,), _sha256(contents[path])) for when, path in listed]


def _journal(data: bytes, path: str) -> list[tuple[int, str]]:
    try:
        return [(int(entry["when"]), str(entry["tag"])) for entry in json.loads(data)["entries"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no journal of drizzle's") from error


_FLYWAY = re.compile(r"(V([0-9]+(?:[._][0-9]+)*)|R)__(.*)\.sql$", re.IGNORECASE)


def flyway(tree: Tree, directory: str) -> list[File]:
    """`V1_2__name.sql` in the order of versions, then `R__name.sql` by name, also in subdirectories.

    The checksum is the CRC-32 of the lines without their ends; that of a repeatable one with placeholders depends on
    their values and is not known. https://github.com/flyway/flyway, ChecksumCalculator.java, ResourceNameParser.java.
    """
    named = [(path, _FLYWAY.match(path.rpartition("/")[2])) for path in tree.below(directory)]
    matched = {path: found for path, found in named if found and path.rpartition("/")[2][0] in "VR"}
    contents = tree.read(list(matched))
    files = []
    for path, found in matched.items():
        data = contents[path]
        if found[2]:
            files.append(File(found[2].replace("_", "."), path, (0, version(found[2])), frozenset({crc(data)})))
        else:
            known = frozenset() if b"${" in data else frozenset({crc(data)})
            files.append(File(found[3].replace("_", " "), path, (1, found[3].replace("_", " ")), known))
    return sorted(files, key=lambda file: file.order)


def version(text: str) -> Key:
    """A version of Flyway's to compare by: 1.0 is 1; what is no number comes first."""
    numbers = [int(part) if part.isdecimal() else -1 for part in re.split(r"[._]", text)]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def crc(data: bytes) -> str:
    """Flyway's checksum of a file in UTF-8: signed, 32 bits."""
    text = re.sub(rb"\r\n|\r|\n", b"", data.removeprefix(b"\xef\xbb\xbf"))
    value = zlib.crc32(text)
    return str(value - (1 << 32) if value >= 1 << 31 else value)


def _sha256(data: bytes) -> frozenset[str]:
    return frozenset(hashlib.sha256(text).hexdigest() for text in _line_ends(data))


def _line_ends(data: bytes) -> Iterable[bytes]:
    """The content as it is, and with either kind of line end: git may have changed them."""
    return (data, data.replace(b"\r\n", b"\n"), data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
