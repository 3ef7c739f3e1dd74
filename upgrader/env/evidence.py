"""What the name and the value of a key say about it."""

import re
from collections.abc import Sequence
from functools import lru_cache

from upgrader.env.regex import regex
from upgrader.model.secret import looks_secret

# Names that contain a secret's word and hold none.
_NO_SECRET = regex(
    r"(_(VALIDITY|ROUNDS|TTL|EXP|EXPIR\w*|LIFETIME|MAX_?AGE|LENGTH|DAYS|HOURS|MINUTES|SECONDS|MS|ENABLED?|DISABLED?|FILE|PATH"
    r"|DIR|HEADER|ALGO(RITHM)?|ALG|POLICY|MIN|MAX|SIZE|NAME|TYPE|ISSUER|AUDIENCE|COOKIE|URL|URI|HOST|PORT|USER(NAME)?|ID"
    r"|IDS|LIMIT|COUNT|INTERVAL|TIMEOUT|REGION|PREFIX|SUFFIX|FORMAT|PROVIDER|REQUIRED|ALLOWED|TOKENS|MODE|LEVEL|DEBUG"
    r"|ATTEMPTS|RETRIES|LEEWAY|CLAIMS?|SCOPES?|STRENGTH|COMPLEXITY|ENDPOINT|DRIVER|DB|DATABASE|REALM|VERSION|BUCKET|PROXY|KEYWORDS?)$"
    r"|(^|_)(PUBLIC|SITE|PUBLISHABLE|ENABLE|DISABLE|ALLOW|USE|REQUIRE|BYPASS|PASSPORT|COMPASS|PASSTHROUGH|MAX|MIN)_"
    r"|^KEYCLOAK_(?!.*(PASS|SECRET)))",
    re.IGNORECASE,
)
_NO_SECRET_VALUE = regex(
    r"true|false|yes|no|on|off|null|none|nil|enabled|disabled|\d{1,5}(ms|s|m|h|d|w)?|[.~]?/[\w./-]*|\w+_id|https?://[^@]*",
    re.IGNORECASE,
)
_SECRET = regex(r"(_IV|_SEED|_KEK|MASTER_?KEY|ENCRYPT\w*KEY|SIGNING_?KEY|_PW|_PWD)$", re.IGNORECASE)
_ACCOUNT_PASSWORD = regex(
    r"(^|_)(ADMIN|ADM|ROOT|SUPERUSER|SUPER_ADMIN|INITIAL|INIT|DEFAULT|OWNER|BASIC_?AUTH)_(\w*_)?(PASS|PASSWORD|PASSWD|PW|CREDENTIALS?)$",
    re.IGNORECASE,
)
_EXTERNAL = regex(
    r"CLIENT_?(SECRET|ID|KEY)|(^|_)(SMTP|MAIL(ER|GUN|JET|CHIMP)?|E?MAIL(?=_)|SENDGRID|POSTMARK|RESEND|BREVO|SES|AWS|S3|R2|B2|AZURE|GOOGLE"
    r"|GCP|GCS|GITHUB|GITLAB|BITBUCKET|SLACK|DISCORD|TELEGRAM|TEAMS|TWITTER|FACEBOOK|LINKEDIN|APPLE|MICROSOFT|ENTRA|OKTA|AUTH0"
    r"|STRIPE|PADDLE|PAYPAL|TWILIO|VONAGE|OPENAI|ANTHROPIC|GEMINI|MISTRAL|GROQ|COHERE|DEEPL|OPENROUTER|HUGGING_?FACE|HF|LLM"
    r"|SENTRY|POSTHOG|DATADOG|NEW_?RELIC|SEGMENT|INTERCOM|PUSHER|ALGOLIA|MAPBOX|MAPS|MAXMIND|GEOIP|IPINFO|UNSPLASH|PEXELS|GIPHY"
    r"|TMDB|IGDB|STEAM\w*|OIDC|OAUTH2?|SSO|SAML|LDAP|LICEN[CS]E|R?E?CAPTCHA|HCAPTCHA|TURNSTILE|CLOUDFLARE|CF|DROPBOX|NOTION|JIRA"
    r"|ATLASSIAN|HUBSPOT|SALESFORCE|ZOOM|TAILSCALE|NGROK|FIREBASE|FCM|APNS|VAPID|CLOUDINARY|DOCKER_?HUB|NPM|PLAID|WEBHOOK)(_|$)",
    re.IGNORECASE,
)
_API_KEY = regex(r"(API_?(KEY|TOKEN)|ACCESS_?(KEY|TOKEN)|BOT_TOKEN|APP_ID|ACCOUNT_ID)", re.IGNORECASE)
_SIGNS = regex(r"(^|_)(JWT|SIGNING|SESSION|COOKIE)_(\w+_)?(SECRET|KEY|SALT)$", re.IGNORECASE)
_STORES = (
    r"DB|DATABASE|POSTGRES(?:QL)?|PG|PSQL|MYSQL|MARIADB|MONGO(?:DB)?|REDIS|VALKEY|KEYDB|RABBITMQ|AMQP|CLICKHOUSE|MINIO"
    r"|ELASTIC\w*|OPENSEARCH|NEO4J|CASSANDRA|COUCHDB|INFLUX\w*|TYPESENSE|MEILI\w*|QDRANT"
)
_DATASTORE_PASSWORD = regex(
    rf"(^|_)({_STORES})_(\w*_)?(PASS|PASSWORD|PASSWD|PW|PWD|SECRET_KEY|SECRET)$|^({_STORES})_?(PASS|PASSWORD)$",
    re.IGNORECASE,
)
_DATASTORE_IDENTITY = regex(
    rf"^(\w+_)?({_STORES})_(\w*_)?(USER|USERNAME|DB|DATABASE|NAME|DBNAME|ROOT_USER)$", re.IGNORECASE
)
_STORAGE_KEY = regex(r"(^|_)(AWS|S3|STORAGE)_(\w+_)?(KEY|KEY_ID|SECRET|USER|USERNAME|PASSWORD)$", re.IGNORECASE)
_STORAGE_ROOT = regex(
    r"(^|_)(MINIO|RUSTFS|GARAGE|SEAWEEDFS|CEPH)_(\w+_)?(USER|USERNAME|PASSWORD|KEY|SECRET)$", re.IGNORECASE
)
_DATABASE_NAME = regex(r"_(DB|DATABASE|DBNAME|DB_NAME|DATABASE_NAME)$", re.IGNORECASE)
_DATASTORE_SELECTOR = regex(
    r"(^|_)(DB|DATABASE|STORAGE)_(CLIENT|TYPE|ENGINE|ADAPTER|DRIVER|DIALECT|BACKEND|CONNECTION|VENDOR)$", re.IGNORECASE
)
_DATASTORE_IMAGE = regex(
    r"(^|[/_-])(postgres|postgresql|pgvector|postgis|timescaledb|mysql|mariadb|percona|mongo|mongodb|redis|valkey|keydb|rabbitmq"
    r"|clickhouse(-server)?|minio|elasticsearch|opensearch|neo4j|couchdb|influxdb|supabase/postgres)(\W|$)",
    re.IGNORECASE,
)
_STORE_VARIABLE = regex(r"(PASS|PASSWORD|PASSWD|SECRET_KEY|ROOT_PASSWORD|DEFAULT_PASS|AUTH)(_FILE)?$", re.IGNORECASE)
_SELECTOR = regex(r"(_|^)(MODE|DRIVER|ENGINE|ADAPTER|BACKEND|CLIENT|PROVIDER|STRATEGY|DIALECT|VENDOR)$", re.IGNORECASE)
_ADDRESS_NAME = regex(
    r"(^|_)(DOMAIN|FQDN|HOSTNAME|SERVER_NAME|VIRTUAL_HOST|PUBLIC_HOST|ORIGINS?|SITE_(ADDRESS|URL)|BASE_URL|PUBLIC_URL|APP_URL|EXTERNAL_URL|WEB_URL|FRONTEND_URL|ISSUER"
    r"|SCHEME|PROTOCOL|E?MAIL(_(ADDRESS|FROM))?)$",
    re.IGNORECASE,
)
_PLACEHOLDER = regex(
    r"change[-_ ]?(me|this|it|in[-_ ]prod)|replace[-_ ]?(me|this|with|by)|must[-_ ]be|fill[-_ ]?(me|in)"
    r"|(^|[^a-z])(your|my|todo|placeholder|insert|enter|put|dummy|sample)([-_ ]|$)|to[-_ ]be[-_ ]|set[-_ ]?me"
    r"|generated?[-_ ]|some[-_ ]?random|random[-_ ]|openssl"
    r"|yourdomain|yoursite|your\w+\.(com|org)"
    r"|^<.*>$|^\[[a-z][^\"]*\]$|<[a-z][a-z0-9 _-]*>|(^|[^a-z])x{3,}($|[^a-z_])|\*{3,}|\.{3}|…"
    r"|(^|[@/.])example\.(com|org|net|local|tld)|domain\.tld|mydomain"
    r"|^[a-z][\w.-]*(\|[a-z][\w.-]*){1,5}$",
    re.IGNORECASE,
)
_LOCAL_ADDRESS = regex(
    r"^([a-z][a-z0-9+.-]*://)?(localhost|127\.0\.0\.1|0\.0\.0\.0|192\.168\.\d+\.\d+)([:/]|$)", re.IGNORECASE
)
_URL_PASSWORD = regex(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:[^/@\s]+@", re.IGNORECASE)
_IN_NETWORK = regex(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?!localhost\b)(?P<host>[a-z][a-z0-9_-]*)(:\d+)?(/[\w./-]*)?"
    r"|(?P<bare>[a-z][a-z0-9_-]*):\d{2,5}"
)
_HIGH_ENTROPY = regex(r"[0-9a-f]{24,}|(?=[^0-9]*[0-9])(?=[^A-Z]*[A-Z])(?=[^a-z]*[a-z])[A-Za-z0-9+/_=-]{24,}")
_UUID = regex(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_COMMON = frozenset(
    {"", "0", "1", "true", "false", "yes", "no", "on", "off", "none", "null", "localhost", "admin", "root", "postgres"}
)
_KINDS = frozenset(
    {"PASSWORD", "SECRET", "KEY", "TOKEN", "SALT", "API", "APP", "SECURITY", "ADMIN", "ROOT", "USER", "DEFAULT"}
)
"""Words that say what sort of secret a key is, and not what it opens."""
_TOKENS = regex(r"[A-Z]+|\d+")
_SYNONYMS = {
    **dict.fromkeys(("PASS", "PASSWD", "PW", "PWD"), "PASSWORD"),
    **dict.fromkeys(("DATABASE", "POSTGRES", "POSTGRESQL", "PG", "MYSQL", "MARIADB"), "DB"),
    **dict.fromkeys(("USERNAME",), "USER"),
    **dict.fromkeys(("SERVER", "HOSTNAME"), "HOST"),
    **dict.fromkeys(("URI",), "URL"),
}
_SEVERAL = regex(r"\b(each|all|every|both|these|following|below|secrets|keys|passwords|tokens)\b", re.IGNORECASE)


@lru_cache(maxsize=1024)
def is_secret(key: str, value: str = "") -> bool:
    """Whether a key holds a secret: its name says so, and its example value is no switch, number or path."""
    named = looks_secret(key) or bool(_SECRET.search(key))
    return named and not _NO_SECRET.search(key) and not _NO_SECRET_VALUE.fullmatch(value)


def is_account(key: str) -> bool:
    """Whether a key names something that one has at an outside service."""
    return bool(re.search(r"_(ID|KEY|USER|USERNAME|LOGIN|BUCKET|ENDPOINT|HOST|HOSTNAME|REGION|ACCOUNT|FROM|URL)$", key))


def is_account_password(key: str) -> bool:
    """A password that a person logs in with: they must know it, and it may be set already."""
    return bool(_ACCOUNT_PASSWORD.search(key))


def is_external(key: str, *, generator: bool) -> bool:
    """Whether another system issues the value. An API key of our own making is named with its generator, and what
    signs the app's own tokens is its own.
    """
    own = generator or bool(_SIGNS.search(key))
    return bool(_EXTERNAL.search(key)) or (not own and bool(_API_KEY.search(key)))


def is_datastore_password(key: str) -> bool:
    """A password that a database was, or will be, initialised with: a fresh one locks the app out."""
    return bool(_DATASTORE_PASSWORD.search(key))


def is_database_password(key: str) -> bool:
    """A password of an SQL database, and of no cache, queue or store beside it."""
    return is_datastore_password(key) and "DB" in words(key)


def is_datastore_identity(key: str) -> bool:
    """The name of a database or of its user: another one is another database."""
    return bool(_DATASTORE_IDENTITY.search(key))


def is_database_name(key: str, value: str) -> bool:
    """Whether a key is named for a database of its own: `CKAN_DB=ckandb`, but no number and no switch."""
    plain = bool(value) and not value.isdecimal() and not is_switch(value) and not re.search(r"[/:.]", value)
    return bool(_DATABASE_NAME.search(key)) and plain


def is_datastore_image(image: str) -> bool:
    return bool(_DATASTORE_IMAGE.search(image))


def keeps_password(image: str) -> bool:
    """Whether a database of this image stores its password with its data; Redis and its kin read it at each start."""
    return not re.search(r"(^|[/_-])(redis|valkey|keydb|dragonfly)", image, re.IGNORECASE)


def is_store_variable(name: str) -> bool:
    """Whether a database's own variable sets its password: `POSTGRES_PASSWORD`, `MINIO_SECRET_KEY`."""
    return bool(_STORE_VARIABLE.search(name))


def is_selector(key: str) -> bool:
    """Whether a key chooses between ways of running, where only the operator knows which one is theirs."""
    return bool(_SELECTOR.search(key))


def is_placeholder(value: str) -> bool:
    return bool(_PLACEHOLDER.search(value))


def url_host(value: str) -> str:
    """The host of a URL; empty where there is none."""
    found = re.match(r"[a-z][a-z0-9+.-]*://(?:[^/@]*@)?(?P<host>[\w.-]+)", value, re.IGNORECASE)
    return found["host"] if found else ""


def is_host_name(key: str) -> bool:
    """Whether a key's value is the name of a host."""
    return bool(re.search(r"(^|_)(HOST|HOSTNAME|SERVER)$", key, re.IGNORECASE))


def is_address_name(key: str) -> bool:
    """Whether a key is named for the installation's own address."""
    return bool(_ADDRESS_NAME.search(key))


def is_off(value: str) -> bool:
    return value.lower() in ("false", "no", "off", "0", "disabled")


def is_own_address(key: str, value: str) -> bool:
    """An address that is the operator's own: one that only fits the author's machine, or a key named for it."""
    named = is_address_name(key) and not in_network_host(value) and not is_switch(value)
    return named or is_local_address(value)


def is_local_address(value: str) -> bool:
    return bool(_LOCAL_ADDRESS.search(value))


def major(version: str) -> str:
    """The first number of a version."""
    found = re.search(r"\d+", version)
    return found[0] if found else version


def is_version(key: str) -> bool:
    """Whether a key pins a version: that one comes with the release."""
    return bool(re.search(r"(^|_)(VERSION|TAG|COMMIT|DIGEST)$", key, re.IGNORECASE))


def has_url_password(value: str) -> bool:
    return bool(_URL_PASSWORD.search(value))


def in_network_host(value: str) -> str:
    """The bare host name of an address inside the Compose network, without credentials; empty for any other value."""
    found = _IN_NETWORK.fullmatch(value)
    return (found["host"] or found["bare"]) if found else ""


def may_be_one_secret(one: str, other: str) -> bool:
    """Whether two secrets may be the same one: of one kind, or with a word in common that says what they are for."""
    return _kind(one) == _kind(other) or not (words(one) & words(other)) <= _KINDS


def _kind(key: str) -> str:
    if is_account_password(key):
        return "account"
    if is_datastore_password(key):
        return "store"
    return "salt" if re.search(r"SALT|PEPPER", key, re.IGNORECASE) else "own"


def is_storage_key(key: str) -> bool:
    """Whether a key is what a client of an object store logs in with."""
    return bool(_STORAGE_KEY.search(key))


def is_storage_root(key: str) -> bool:
    """Whether a key is what an object store of the stack's own is set up with."""
    return bool(_STORAGE_ROOT.search(key))


def is_published_key(value: str) -> bool:
    """A value that looks like a real key: everybody who reads the example knows it."""
    return bool(_HIGH_ENTROPY.fullmatch(value)) and not _UUID.fullmatch(value)


def is_identity(value: str) -> bool:
    """A UUID: the name of one installation or account, and not of another."""
    return bool(_UUID.fullmatch(value))


def is_datastore_selector(key: str) -> bool:
    """Whether a key chooses the database: the wrong one is an empty one."""
    return bool(_DATASTORE_SELECTOR.search(key))


def is_telling(value: str) -> bool:
    """Whether two keys with this value are likely to mean the same."""
    return value.lower() not in _COMMON and len(value) > 1


@lru_cache(maxsize=4096)
def words(name: str) -> frozenset[str]:
    """The words of a name, one for each thing: PASS and PASSWORD are the same."""
    return frozenset(_SYNONYMS.get(word, word) for word in _TOKENS.findall(name.upper()))


def name_likeness(one: str, other: str) -> float:
    """How much two names share, by words: 1 for the same words in any order."""
    mine, theirs = words(one), words(other)
    return len(mine & theirs) / max(len(mine | theirs), 1)


def speaks_of_several(comments: Sequence[str]) -> bool:
    """Whether a comment is about more than the one line below it."""
    return any(_SEVERAL.search(line) for line in comments)


def is_switch(value: str) -> bool:
    return value.lower() in ("true", "false", "yes", "no", "on", "off", "0", "1", "enabled", "disabled")
