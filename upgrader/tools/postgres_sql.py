"""What the Postgres modules need of SQL as text: quoting, names of our databases, one form for a schema."""

import hashlib
import re

MARK = "_upgrader_"
"""In the name of every database of ours; a name without it is never dropped."""

MAINTENANCE = "template1"
"""Where we stand while databases are renamed: an app may well live in `postgres`, never in this one."""

LONGEST = 63
"""Bytes of an identifier; Postgres cuts longer ones silently."""

_MAKING = "_making"

# Lists of names are stored quoted already, so that they must not become one string (as in pg_dump's own list).
_NAME_LISTS = {
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
}
_LIST_ITEM = re.compile(r'"((?:[^"]|"")*)"|([^\s,]+)')

_ENTRY = re.compile(r"^--\n-- (?=(?:Data for )?Name: .*; Type: )", re.MULTILINE)
# Postgres itself prints these differently before a dump and after its restore, for the same check constraint.
_TEXT_CASTS = re.compile(r"::(?:character varying|text|bpchar)(?:\(\d+\))?(?:\[\])?|[()]")
_NOISE = re.compile(
    r"\\(?:un)?restrict |-- |--$|SET \w+ = |SELECT pg_catalog\.set_config\('search_path'|\s*$",
)


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string constant that reads the same whatever `standard_conforming_strings` says."""
    quoted = "'" + text.replace("'", "''") + "'"
    return "E" + quoted.replace("\\", "\\\\") if "\\" in text else quoted


def conninfo(database: str) -> str:
    """A connection string naming `database`: a bare name that holds a `=` would be read as one."""
    escaped = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"


def name_for(database: str, run: str, what: str) -> str:
    """The name of our database beside `database` for one purpose of one run; at most 63 bytes, the same every time."""
    compact = re.sub(r"[^a-z0-9]", "", run.lower())
    if len(compact) > 16:
        compact = f"{compact[:8]}_{_short(run)}"
    tail = f"{MARK}{compact}_{what}"
    return _shorten(database, LONGEST - len(tail.encode()) - len(_MAKING)) + tail


def making(name: str) -> str:
    """The name under which `name` is built; it gets its own name when it is whole."""
    return _shorten(name, LONGEST - len(_MAKING)) + _MAKING


def is_ours(name: str) -> bool:
    return MARK in name


def is_making(name: str) -> bool:
    return is_ours(name) and name.endswith(_MAKING)


def _shorten(name: str, room: int) -> str:
    """`name` in at most `room` bytes; what was cut lives on in a hash, and our mark always survives."""
    if len(name.encode()) <= room:
        return name
    head, mark, tail = name.partition(MARK)
    end = f"_{_short(name)}{mark}{tail}"
    return head.encode()[: room - len(end.encode())].decode(errors="ignore") + end


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def setting(name: str, value: str) -> str:
    """`name = value` for ALTER … SET, from the form in `pg_db_role_setting`."""
    if name.lower() not in _NAME_LISTS:
        return f"{identifier(name)} TO {literal(value)}" if "." not in name else f"{_dotted(name)} TO {literal(value)}"
    items = [quoted.replace('""', '"') or bare for quoted, bare in _LIST_ITEM.findall(value)]
    return f"{name} TO {', '.join(literal(item) for item in items) or literal('')}"


def _dotted(name: str) -> str:
    return ".".join(identifier(part) for part in name.split("."))


def schema_sha256(dump: str) -> str:
    """The digest of a `pg_dump --schema-only`: equal for equal schemas, whatever the order and the version printed."""
    digest = hashlib.sha256()
    for entry in schema_entries(dump):
        digest.update(entry.encode() + b"\0")
    return digest.hexdigest()


def schema_entries(dump: str) -> list[str]:
    """The objects of a `pg_dump --schema-only`, in one form and order; the first line of each names it."""
    _, *entries = _ENTRY.split(dump)
    return sorted(_plain(entry) for entry in entries)


def _plain(entry: str) -> str:
    header, _, body = entry.partition("\n")
    lines = [_TEXT_CASTS.sub("", line) for line in body.splitlines() if not _NOISE.match(line)]
    return "\n".join([header, *lines])
