"""The expressions of playbooks: dotted names, comparisons, and/or/not; nothing that could compute."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from upgrader.errors import RefusedError

Namespaces = Mapping[str, Any]
"""`{"env": {…}, "target": {…}, …}`: nested mappings; a key may itself contain dots, as step ids do."""
Evaluate = Callable[[Namespaces], str | bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<string>'[^']*'|\"[^\"]*\")|(?P<mark>==|!=|[()])|(?P<name>[A-Za-z_][\w-]*(?:\.[\w-]+)*)|(?P<bad>\S))",
    re.ASCII,
)
_DEEPEST = 20
EMBEDDED = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)
"""An expression in a value."""


class ExpressionError(ValueError):
    """An expression that cannot be read; the text says what was expected."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `condition`: it is true or false by its form, as `when:` demands."""

    text: str
    condition: bool
    names: tuple[str, ...]
    evaluate: Evaluate
    """The value: text, or for a condition true or false. A name without a value counts as empty text."""


def parse(text: str) -> Expression:
    """Raises ExpressionError."""
    return _Parser(text).expression()


def embedded(text: str) -> list[Expression]:
    """The expressions inside `${{ … }}` in the text. Raises ExpressionError."""
    if "${{" in EMBEDDED.sub("", text):
        raise ExpressionError("${{ without its }}")
    return [parse(match[0][3:-2]) for match in EMBEDDED.finditer(text)]


def render(value: Any, namespaces: Namespaces, *, partly: bool = False) -> Any:
    """The JSON value with every `${{ … }}` in its strings replaced.

    `partly` leaves expressions alone whose namespaces are not all given. Raises RefusedError when an expression comes
    out empty because an env key is not set.
    """
    match value:
        case str():
            return EMBEDDED.sub(lambda match: _rendered(match, namespaces, partly=partly), value)
        case Mapping():
            return {key: render(inner, namespaces, partly=partly) for key, inner in value.items()}
        case list() | tuple():
            return [render(inner, namespaces, partly=partly) for inner in value]
        case _:
            return value


def _rendered(match: re.Match[str], namespaces: Namespaces, *, partly: bool) -> str:
    expression = parse(match[0][3:-2])
    if partly and any(name.split(".", 1)[0] not in namespaces for name in expression.names):
        return f"${{{{ {expression.text} }}}}"
    text = _text(expression.evaluate(namespaces))
    unset = [name.removeprefix("env.") for name in expression.names if name.startswith("env.")]
    if not text and unset:
        raise RefusedError(f"{unset[0]} has no value, and the playbook needs it", f"Set {unset[0]} in the env file")
    return text


def _look_up(name: str, namespaces: Namespaces) -> str:
    """The value of a dotted name as text; of two keys that fit, the longer."""
    here: Any = namespaces
    rest = name.split(".")
    while rest:
        fitting = (n for n in range(len(rest), 0, -1) if isinstance(here, Mapping) and ".".join(rest[:n]) in here)
        length = next(fitting, 0)
        if not length:
            return ""
        here, rest = here[".".join(rest[:length])], rest[length:]
    return _text(here)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _either(one: Expression, other: Expression) -> Evaluate:
    return lambda namespaces: one.evaluate(namespaces) or other.evaluate(namespaces)


def _both(one: Expression, other: Expression) -> Evaluate:
    return lambda namespaces: one.evaluate(namespaces) and other.evaluate(namespaces)


class _Parser:
    """By recursive descent: or, and, not, comparison, operand; loosest first."""

    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._tokens: Iterator[re.Match[str]] = _TOKEN.finditer(self._text)
        self._names: list[str] = []
        self._depth = 0
        self._kind, self._word = "", ""
        self._next()

    def expression(self) -> Expression:
        parsed = self._or()
        if self._kind != "end":
            raise ExpressionError(f"{self._word!r} is not expected here: {self._text}")
        return parsed

    def _next(self) -> str:
        word = self._word
        found = next(self._tokens, None)
        self._kind, self._word = (str(found.lastgroup), found[found.lastgroup or 0]) if found else ("end", "")
        return word

    def _made(self, evaluate: Evaluate, *, condition: bool) -> Expression:
        return Expression(self._text, condition, tuple(dict.fromkeys(self._names)), evaluate)

    def _or(self) -> Expression:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ExpressionError("nested too deeply")
        left = self._and()
        while self._word == "or":
            self._next()
            right, one = self._and(), left
            if one.condition != right.condition:
                raise ExpressionError(f"or needs two conditions or two values: {self._text}")
            left = self._made(_either(one, right), condition=one.condition)
        self._depth -= 1
        return left

    def _and(self) -> Expression:
        left = self._not()
        while self._word == "and":
            self._next()
            one, right = self._condition(left), self._condition(self._not())
            left = self._made(_both(one, right), condition=True)
        return left

    def _not(self) -> Expression:
        if self._word != "not":
            return self._comparison()
        self._next()
        inner = self._condition(self._comparison())
        return self._made(lambda n: not inner.evaluate(n), condition=True)

    def _condition(self, expression: Expression) -> Expression:
        if not expression.condition:
            raise ExpressionError(f"a value is not a condition, compare it with == '…': {self._text}")
        return expression

    def _comparison(self) -> Expression:
        left = self._operand()
        if self._word not in ("==", "!="):
            return left
        same = self._next() == "=="
        right = self._operand()
        return self._made(lambda n: (_text(left.evaluate(n)) == _text(right.evaluate(n))) is same, condition=True)

    def _operand(self) -> Expression:
        kind, word = self._kind, self._next()
        if kind == "string":
            return self._made(lambda _: word[1:-1], condition=False)
        if word == "(":
            inner = self._or()
            self._expect(")")
            return inner
        if kind != "name" or word in ("and", "or", "not"):
            raise ExpressionError(
                f"a name or a 'text' is expected {f'before {word!r}' if word else 'at the end'}: {self._text}"
            )
        if self._word != "(":
            self._names.append(word)
            return self._made(lambda n: _look_up(word, n), condition=False)
        return self._call(word)

    def _call(self, function: str) -> Expression:
        if function != "env_has":
            raise ExpressionError(f"{function}() is not known, only env_has('KEY'): {self._text}")
        self._expect("(")
        kind, key = self._kind, self._next()[1:-1]
        if kind != "string":
            raise ExpressionError(f"env_has wants the key in quotes: {self._text}")
        self._expect(")")
        return self._made(lambda n: bool(_look_up(f"env.{key}", n)), condition=True)

    def _expect(self, word: str) -> None:
        if self._word != word:
            raise ExpressionError(f"{word!r} is missing: {self._text}")
        self._next()
