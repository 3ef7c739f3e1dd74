"""Values made of other keys' values: `https://auth.{DOMAIN}`, `{URL#host}`, and the password inside a URL."""

from collections.abc import Callable

from upgrader.env.vocabulary import TEMPLATE

Values = Callable[[str], str | None]


def expand(template: str, values: Values) -> str | None:
    """The template with its `{KEY}`s filled in; None where one of them has no value.

    Inside the user part of a URL a value is percent-encoded.
    """
    from urllib.parse import quote

    made, at = "", 0
    for found in TEMPLATE.finditer(template):
        value = shared(found[0][1:-1], values)
        if not value:
            return None
        made += template[at : found.start()]
        in_credentials = "://" in made and "/" not in made.partition("://")[2] and "@" in template[found.end() :]
        made += quote(value, safe="") if in_credentials else value
        at = found.end()
    return made + template[at:]


def shared(reference: str, values: Values) -> str | None:
    """The value of `OTHER`, of `OTHER#password` or of `OTHER#host`: parts of a URL. None where there is none."""
    key, _, part = reference.partition("#")
    value = values(key)
    if value is None or not part:
        return value
    return password_in(value) if part == "password" else host_in(value)


def password_in(url: str) -> str | None:
    """The password inside a URL, percent-decoded."""
    from urllib.parse import unquote, urlsplit

    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password else None


def host_in(url: str) -> str | None:
    """Host and port of a URL, as written."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url).netloc.rpartition("@")[2] or None
    except ValueError:
        return None
