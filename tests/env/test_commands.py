"""The commands in comments, and what is made in their place."""

import pytest

from upgrader.env.commands import generator_in


@pytest.mark.parametrize(
    ("comments", "spec"),
    [
        (["Generate with: openssl rand -hex 32"], "hex:32"),
        (["`openssl rand -base64 33`"], "base64:33"),
        (["Use openssl rand -hex 16 in your", "terminal"], "hex:16"),
        (["wrapped sentence: openssl rand", "-hex 24"], "hex:24"),
        (["openssl rand -base64 32 | tr -d '\\n'"], "base64:32"),
        (["openssl rand -base64 48 | tr -dc 'A-Za-z0-9' | head -c 32"], "alnum:32"),
        (["min 32 chars: tr -dc A-Za-z0-9 </dev/urandom | head -c 32"], "alnum:32"),
        (["python -c 'import secrets; print(secrets.token_urlsafe(50))'"], "urlsafe:50"),
        (["secrets.token_hex()"], "hex:32"),
        (["docker run --rm app bundle exec rails secret"], "hex:64"),
        (["uuidgen"], "uuid4"),
        (["exactly 32 characters: openssl rand -hex 16"], "hex:16"),
        (["URL-safe: openssl rand -hex 24 (or: tr -dc A-Za-z0-9 </dev/urandom | head -c 32)"], "hex:24"),
        (["openssl rand -hex 24, NOT openssl rand -base64 24: it breaks URLs"], "hex:24"),
        (["NEVER reuse across environments. Generate with: openssl rand -hex 32"], "hex:32"),
        (["Do not use openssl rand -base64 24"], None),
        (["first key: openssl rand -hex 16. second key: openssl rand -hex 32"], None),
        (["openssl rand -base64 32 | md5sum"], None),
        (["openssl rand -base64 32 | tr -d '=+/'"], "urlsafe:32"),
        (["openssl rand -hex 0"], None),
        (["run ./generate-secrets.sh"], None),
        (["a long random string of 32 characters"], None),
        ([], None),
    ],
)  # fmt: skip
def test_commands_in_comments(comments: list[str], spec: str | None) -> None:
    assert generator_in(comments) == spec
