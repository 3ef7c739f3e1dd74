"""What the name, the value and the comment of a key say about it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from upgrader.model.secret import looks_secret

# Names that contain a secret's word and hold none.
_NO_SECRET = re.compile(
    r"(_(VALIDITY|ROUNDS|TTL|EXPIR\w*|LIFETIME|MAX_?AGE|LENGTH|DAYS|HOURS|MINUTES|SECONDS|ENABLED?|DISABLED?|FILE|PATH|DIR"
    r"|HEADER|ALGORITHM|ALG|POLICY|MIN|MAX|SIZE|NAME|TYPE|ISSUER|AUDIENCE|COOKIE|URL|URI|HOST|PORT|USER(NAME)?|ID|LIMIT|COUNT"
    r"|INTERVAL|TIMEOUT|REGION|PREFIX|FORMAT|PROVIDER)$"
    r"|(^|_)(PUBLIC|SITE|PUBLISHABLE)_)",
    re.IGNORECASE,
)
_SWITCH_VALUE = re.compile(r"(true|false|yes|no|on|off|null|none|\d)", re.IGNORECASE)
_EXTERNAL = re.compile(
    r"(CLIENT_?(SECRET|ID)|(^|_)(SMTP|MAIL(ER|GUN|JET)?|EMAIL|SENDGRID|POSTMARK|AWS|S3|AZURE|GOOGLE|GCP|GITHUB|GITLAB|SLACK|DISCORD"
    r"|STRIPE|TWILIO|OPENAI|ANTHROPIC|SENTRY|OIDC|OAUTH2?|SAML|LDAP|LICEN[CS]E|R?E?CAPTCHA|TURNSTILE|CLOUDFLARE)(_|$))",
    re.IGNORECASE,
)
_API_KEY = re.compile(r"(API_?(KEY|TOKEN)|ACCESS_?(KEY|TOKEN))", re.IGNORECASE)
_DATASTORE_PASSWORD = re.compile(
    r"(^|_)(DB|DATABASE|POSTGRES(QL)?|PG|MYSQL|MARIADB|MONGO(DB)?|REDIS|VALKEY|RABBITMQ|CLICKHOUSE|MINIO|ELASTIC\w*)_"
    r"(\w*_)?(PASS|PASSWORD|PASSWD|PW|ROOT_PASSWORD|SECRET_KEY)$",
    re.IGNORECASE,
)
_SELECTOR = re.compile(r"(_|^)(MODE|DRIVER|ENGINE|ADAPTER|BACKEND|CLIENT|PROVIDER|STRATEGY)$", re.IGNORECASE)
_PLACEHOLDER = re.compile(
    r"change[-_ ]?(me|this|it)|replace[-_ ]?(me|this|with)|must[-_ ]be[-_ ]changed|fill[-_ ]?(me|in)"
    r"|(^|[^a-z])(your|my|todo|placeholder|insert)([-_ ]|$)|generate[-_ ]|some[-_ ]?random|openssl"
    r"|^<.*>$|^\[[a-z][^\"]*\]$|<[a-z][a-z0-9 _-]*>|x{3,}|\*{3,}"
    r"|(^|[@/.])example\.(com|org|net)|domain\.tld|yourdomain",
    re.IGNORECASE,
)
_LOCAL_ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]*://)?(localhost|127\.0\.0\.1)([:/]|$)", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"^[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@", re.IGNORECASE)
_IN_NETWORK = re.compile(r"^[a-z][a-z0-9+.-]*://(?!localhost\b)[a-z][a-z0-9_-]*(:\d+)?(/[\w./-]*)?$")

_OPTIONAL = re.compile(
    r"\boptional(ly)?\b|\bnot required\b|\bno [\w -]{1,40}\brequired\b|\bno need to set\b"
    r"|\b(leave|keep)( it| this)? (empty|unset|blank|commented)(?! only)"
    r"|\b(defaults?|falls? back|disabled|ignored|off)\b[^.;]{0,40}\b(if|when) (unset|not set|empty|omitted)\b",
    re.IGNORECASE,
)
_REQUIRED = re.compile(
    r"(\b(REQUIRED|MANDATORY)\b|[\[(](mandatory|required)[\])]|^required\b|\b(must|has to|needs to) be set\b"
    r"|\bis (required|mandatory)\b)(?! (only )?(if|when|for|in|by|unless)\b)"
    r"|\b([Rr]efuses to|[Ff]ails to|[Ww]ill not|[Ww]on't|[Cc]annot) (start|boot|run)\b"
)
_CONDITION = re.compile(
    r"\b(required|needed|mandatory|set|used|applies|relevant)( only)? (if|when)\b"
    r"|\bonly (required|needed|used|applies|relevant)\b|\b(only|required) for\b",
    re.IGNORECASE,
)
_CONDITION_ON = re.compile(
    r"\b(?:if|when) [`'\"]?(?P<key>[A-Z][A-Z0-9_]*)[`'\"]?(?: ?= ?| is set to | is )[`'\"]?(?P<value>[\w./-]*\w)"
)
_MUST_ADD = re.compile(
    r"\b(?:must|have to|need to) add:? [`'\"]?(?P<key>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>[^\s`'\"]+)", re.I
)


@dataclass(frozen=True, slots=True)
class Condition:
    """A prose condition. Without a key it could not be understood."""

    key: str = ""
    value: str = ""


def is_secret(key: str, value: str = "") -> bool:
    """Whether a key holds a secret: its name says so, and its example value is no switch."""
    return looks_secret(key) and not _NO_SECRET.search(key) and not _SWITCH_VALUE.fullmatch(value)


def is_external(key: str, *, generator: bool) -> bool:
    """Whether another system issues the value. An API key of our own making is named with its generator."""
    return bool(_EXTERNAL.search(key)) or (not generator and bool(_API_KEY.search(key)))


def is_datastore_password(key: str) -> bool:
    """A password that a database was, or will be, initialised with: a fresh one locks the app out."""
    return bool(_DATASTORE_PASSWORD.search(key))


def is_selector(key: str) -> bool:
    """Whether a key chooses between ways of running, where only the operator knows which one is theirs."""
    return bool(_SELECTOR.search(key))


def is_placeholder(value: str) -> bool:
    return bool(_PLACEHOLDER.search(value))


def is_public_address(value: str) -> bool:
    """An address that only fits the author's machine."""
    return bool(_LOCAL_ADDRESS.search(value))


def has_url_password(value: str) -> bool:
    return bool(_URL_PASSWORD.search(value))


def is_in_network(value: str) -> bool:
    """An address of another service of the same Compose project: a bare host name and no credentials."""
    return bool(_IN_NETWORK.fullmatch(value))


def says_optional(comments: Sequence[str]) -> bool:
    return bool(_OPTIONAL.search(_text(comments)))


def says_required(comments: Sequence[str]) -> bool:
    return any(_REQUIRED.search(line) for line in comments) and not says_optional(comments)


def says_condition(comments: Sequence[str]) -> Condition | None:
    """`REQUIRED only when AUTH_MODE=local`: the key and the value it must have; a Condition without key if unclear."""
    text = _text(comments)
    if not (start := _CONDITION.search(text)):
        return None
    found = _CONDITION_ON.search(text, start.start())
    return Condition(found["key"], found["value"]) if found else Condition()


def must_add(key: str, comments: Sequence[str]) -> str | None:
    """The value that an upgrade note demands: `existing installations MUST add KEY=value`."""
    return next(
        (found["value"].rstrip(".,;)") for found in _MUST_ADD.finditer(_text(comments)) if found["key"] == key), None
    )


def _text(comments: Sequence[str]) -> str:
    return " ".join(comments)
