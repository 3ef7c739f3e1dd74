"""Whether SQL only adds: then the old version can go on serving while it runs, and what it wrote can be kept."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Review:
    """The judgement on one file: `additive`, and if not, the statement's line and what it does."""

    path: str
    additive: bool
    why: str = ""


def review(path: str, sql: bytes) -> Review:
    """Judge a migration file. Whatever is not known to be additive is not.

    Additive: new tables, types, sequences, schemas, extensions, views, comments and indexes; new columns that old
    INSERT statements need not know; new values of enums; rows into new tables; SELECTs of pg_sleep. Anything that is
    not plain SQL is not judged, but refused.
    """
    from pglast import parse_sql
    from pglast.parser import ParseError

    try:
        text = sql.decode()
        statements = parse_sql(text)
    except (UnicodeDecodeError, ParseError) as error:
        return Review(path, additive=False, why=f"cannot be read as SQL: {error}")
    nodes: list[Any] = [statement.stmt for statement in statements]
    made = {_name(node) for node in nodes if type(node).__name__ == "CreateStmt" and not node.if_not_exists}
    for statement in statements:
        if reason := _objection(statement.stmt, made):
            line = text.count("\n", 0, _start(text, statement.stmt_location or 0)) + 1
            return Review(path, additive=False, why=f"line {line}: {reason}")
    return Review(path, additive=True)


def _start(text: str, location: int) -> int:
    """The offset of the statement's first word: the parser counts the white space before it in, and bytes, not
    characters.
    """
    begin = len(text.encode()[:location].decode(errors="ignore"))
    return begin + len(text[begin:]) - len(text[begin:].lstrip())


_HARMLESS = frozenset(
    {
        "TransactionStmt", "CreateStmt", "CreateSeqStmt", "CreateSchemaStmt", "CreateExtensionStmt", "CreateEnumStmt",
        "CompositeTypeStmt", "CommentStmt", "ViewStmt", "VariableSetStmt", "DefineStmt", "CreateFunctionStmt",
    }
)  # fmt: skip
_QUIET = frozenset({"pg_sleep", "set_config"})
"""Functions that do nothing to data."""

Name = tuple[str | None, str]
"""Schema, if one is written, and table."""


def _name(node: Any) -> Name:
    return node.relation.schemaname, node.relation.relname


def _objection(node: Any, made: set[Name]) -> str:
    """Why this statement is more than an addition, or an empty string."""
    kind = type(node).__name__
    if kind in _HARMLESS:
        return "it replaces a view or function" if getattr(node, "replace", False) else ""
    judge: Callable[[Any, set[Name]], str] | None = _JUDGES.get(kind)
    return judge(node, made) if judge else f"{kind.removesuffix('Stmt')} is not known to be an addition"


def _effects(node: Any) -> str:
    """What within a statement does more than read, or an empty string."""
    from pglast.visitors import Visitor

    parts: list[Any] = []

    class Collector(Visitor):
        """Sees every part, the statement itself first."""

        def visit(self, _ancestors: Any, part: Any) -> None:
            parts.append(part)

    Collector()(node)
    for part in parts[1:]:
        kind = type(part).__name__
        if kind in ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"):
            return f"{kind.removesuffix('Stmt')} inside of a query"
        if kind == "FuncCall" and part.funcname[-1].sval not in _QUIET:
            return f"{part.funcname[-1].sval}() may have effects"
    return ""


def _index(node: Any, made: set[Name]) -> str:
    # a new rule for rows that the old version writes
    return "a unique index can refuse what the old version writes" if node.unique and _name(node) not in made else ""


def _insert(node: Any, made: set[Name]) -> str:
    return _effects(node) if _name(node) in made else "it inserts rows into a table of the old version"


def _select(node: Any, _made: set[Name]) -> str:
    return _effects(node) or ("SELECT from tables may have effects" if node.fromClause else "")


def _table_as(node: Any, _made: set[Name]) -> str:
    return _effects(node)


def _grant(node: Any, _made: set[Name]) -> str:
    return "" if node.is_grant else "REVOKE takes rights away"


def _alter(node: Any, made: set[Name]) -> str:
    if _name(node) in made:
        return ""
    for command in node.cmds:
        subtype = command.subtype.name
        if subtype != "AT_AddColumn":
            return f"ALTER TABLE {node.relation.relname} does more than add columns ({subtype.removeprefix('AT_')})"
        constraints = {constraint.contype.name for constraint in command.def_.constraints or ()}
        if "CONSTR_NOTNULL" in constraints and "CONSTR_DEFAULT" not in constraints:
            return f"the new column {command.def_.colname} is NOT NULL without a default: the old version cannot insert"
        if constraints & {"CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_CHECK", "CONSTR_FOREIGN"}:
            return f"the new column {command.def_.colname} has a constraint"
    return ""


def _enum(node: Any, _made: set[Name]) -> str:
    # a new value is written by the new version only
    return f"it renames the enum value {node.oldVal}" if node.oldVal else ""


def removed(sql: bytes) -> set[Name]:
    """Tables that a migration file drops, renames or moves; a schema that it drops has the table `*`.

    None of what is not plain SQL.
    """
    from pglast import parse_sql
    from pglast.parser import ParseError

    try:
        nodes: list[Any] = [statement.stmt for statement in parse_sql(sql.decode())]
    except (UnicodeDecodeError, ParseError):
        return set()
    found: set[Name] = set()
    for node in nodes:
        kind = type(node).__name__
        if kind == "DropStmt" and node.removeType.name == "OBJECT_TABLE":
            names = [[part.sval for part in parts] for parts in node.objects]
            found |= {(parts[-2] if len(parts) > 1 else None, parts[-1]) for parts in names}
        elif kind == "DropStmt" and node.removeType.name == "OBJECT_SCHEMA":
            found |= {(schema.sval, "*") for schema in node.objects}
        elif (kind == "RenameStmt" and node.renameType.name == "OBJECT_TABLE") or (
            kind == "AlterObjectSchemaStmt" and node.objectType.name == "OBJECT_TABLE"
        ):
            found.add(_name(node))
    return found


_JUDGES: dict[str, Callable[[Any, set[Name]], str]] = {
    "CreateTableAsStmt": _table_as,
    "GrantStmt": _grant,
    "AlterEnumStmt": _enum,
    "IndexStmt": _index,
    "InsertStmt": _insert,
    "SelectStmt": _select,
    "AlterTableStmt": _alter,
}
