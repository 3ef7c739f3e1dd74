"""The commands in comments, and what is made in their place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrader.env.commands import generator_for, generator_in, generator_in_value, generators_by_key, length_said
from upgrader.env.document import Document
from upgrader.env.generate import Length, is_generator


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
        (["openssl rand -base64 24 is the wrong choice: a URL breaks. openssl rand -hex 24 is right"], "hex:24"),
        (["first key: openssl rand -hex 16. second key: openssl rand -hex 32"], None),
        (["openssl rand -base64 32 | md5sum"], None),
        (["openssl rand -base64 32 | tr -d '=+/'"], "urlsafe:32"),
        (["openssl rand -hex 0"], None),
        (["run ./generate-secrets.sh"], None),
        (["a long random string of 32 characters"], None),
        ([], None),
        # the same in other programs
        (["docker compose run --rm app php artisan key:generate --show"], "laravel-key"),
        (["Run `php artisan key:generate` once"], "laravel-key"),
        (["docker run --rm img bundle exec rake secret"], "hex:64"),
        (['python3 -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"'], "fernet"),
        (["python3 -c \"import os, base64; print('kek-v1:' + base64.b64encode(os.urandom(32)).decode())\""], "kek-v1:base64:32"),
        (['python3 -c "import os, base64;', 'print(base64.urlsafe_b64encode(os.urandom(32)))"'], "base64:32"),
        (['echo "base64:$(openssl rand -base64 32)"'], "laravel-key"),
        (["KEY=v2:$(openssl rand -hex 16)"], "v2:hex:16"),
        (["node -e \"console.log(require('crypto').randomBytes(32).toString('hex'))\""], "hex:32"),
        (["crypto.randomBytes(24).toString('base64url')"], "urlsafe:24"),
        (["openssl rand 32 | base64"], "base64:32"),
        (["head -c 32 /dev/urandom | base64"], "base64:32"),
        (["dd if=/dev/urandom bs=24 count=1 2>/dev/null | base64"], "base64:24"),
        (["for example with `dd if=/dev/urandom bs=1K count=1 | md5sum`"], "hex:16"),
        (["head -c 64 /dev/urandom | sha1sum | cut -d ' ' -f 1"], "hex:20"),
        (["dd if=/dev/random bs=32 count=1 2>/dev/null | sha256sum | awk '{print $1}'"], "hex:32"),
        (["cat /dev/urandom | tr -dc 'a-zA-Z0-9' | fold -w 40 | head -n 1"], "alnum:40"),
        (["openssl rand -base64 32 | tr -d '=+/' | cut -c1-25"], "alnum:25"),
        (["openssl rand -base64 32 | tr '+/' '-_' | head -n1"], "base64:32"),
        (["pwgen -s 48 1"], "alnum:48"),
        (["cat /proc/sys/kernel/random/uuid"], "uuid4"),
        (["A=$(openssl rand -hex 32)"], "hex:32"),
        # what makes something else of it
        (["KEY=sk-$(openssl rand -hex 16)"], None),
        (["'sk-' + secrets.token_hex(16)"], None),
        (["secrets.token_hex(16)[:10]"], None),
        (["openssl rand -hex 32 | sha256sum"], None),
        (["dd if=/dev/urandom bs=1K count=1 | md5sum | base64"], None),
        (["openssl rand -base64 32 | head -c 32"], None),
        (["openssl genrsa 2048"], None),
        (["htpasswd -nbB admin password"], None),
        # counter-examples and alternatives
        (["A '/' of base64 (e.g. `openssl rand -base64 24`) terminates the URL early. Use `openssl rand -hex 24`."], "hex:24"),
        (["Make one: openssl rand -hex 24   (or: tr -dc A-Za-z0-9 </dev/urandom | head -c 32)", "`openssl rand -base64 24` breaks the URL"], "hex:24"),
        (["Avoid openssl rand -base64 24, use openssl rand -hex 24"], "hex:24"),
        (["openssl rand -base64 24 is not URL-safe"], None),
        (["Must not be empty, generate with openssl rand -hex 32"], "hex:32"),
        (["Never commit it. openssl rand -hex 32"], "hex:32"),
        (["Do not generate it with openssl rand -base64 24"], None),
        (["`openssl rand -hex 32` / `uuidgen`"], "hex:32"),
        (["openssl rand -hex 32, alternatively openssl rand -base64 32"], "hex:32"),
        (["EXACTLY 32 bytes; generate with: openssl rand -hex 32  (64 hex chars)"], "hex:32"),
    ],
)  # fmt: skip
def test_commands_in_comments(comments: list[str], spec: str | None) -> None:
    assert generator_in(comments) == spec


def test_a_command_is_never_made_of_two_lines_that_do_not_belong_together() -> None:
    assert generator_in(["openssl rand", "is on every host. -hex 32"]) is None


TABLE = """\
# Secrets:
#   JWT_SECRET            openssl rand -hex 32
#   DB_PASSWORD           openssl rand -hex 24   (it is part of a URL)
#   - `TOKEN_KEY`: `openssl rand -base64 32`
#   TWICE   openssl rand -hex 8
#   TWICE   openssl rand -hex 16
#   NOTES   are no generators
#   REQUIRED: openssl rand -hex 4
#
#   echo "MASTER_KEY=$(openssl rand -hex 16)" >> .env

JWT_SECRET=
"""


def test_a_table_in_the_head_of_a_file() -> None:
    assert generators_by_key(Document.parse(TABLE.encode())) == {
        "JWT_SECRET": "hex:32",
        "DB_PASSWORD": "hex:24",
        "TOKEN_KEY": "base64:32",
        "MASTER_KEY": "hex:16",
    }


@pytest.mark.parametrize(
    ("key", "comments", "expected"),
    [
        ("A", ["openssl rand -hex 32"], "hex:32"),
        ("A", ["A    openssl rand -hex 16", "B    openssl rand -hex 32"], "hex:16"),
        ("C", ["A    openssl rand -hex 16"], None),
        ("C", ["A    openssl rand -hex 16", "else: openssl rand -hex 8"], "hex:8"),
        ("T", [], "uuid4"),
        ("T", ["openssl rand -hex 32"], "hex:32"),
        ("A", ["A \u2014 required. At least 32 chars; make one with: openssl rand -hex 32."], "hex:32"),
    ],
)
def test_the_generator_of_one_key(key: str, comments: list[str], expected: str | None) -> None:
    assert generator_for(key, comments, {"T": "uuid4"}) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("CHANGE_ME_OPENSSL_RAND_HEX_32", "hex:32"),
        ("CHANGE-ME-openssl-rand-hex-24", "hex:24"),
        ("[generate with <openssl rand -base64 32>]", "base64:32"),
        ("<php artisan key:generate>", "laravel-key"),
        ("openssl_rand_hex_0", None),
        ("CHANGE_ME", None),
        ("", None),
    ],
)
def test_a_generator_in_a_placeholder(value: str, expected: str | None) -> None:
    assert generator_in_value(value) == expected


@pytest.mark.parametrize(
    ("comments", "length"),
    [
        (["EXACTLY 32 bytes"], Length(32, "bytes")),
        (["EXACTLY 32 bytes (not min 16 bytes)"], Length(32, "bytes")),
        (["exactly 32 chars (16 hex bytes -> 32 hex chars)"], Length(32)),
        (["exactly 32", "characters"], Length(32)),
        (["must be 32 characters"], Length(32)),
        (["At least 32 chars; openssl rand -hex 32"], Length(32, "characters", "at least")),
        (["min 8 chars, upper + lower"], Length(8, "characters", "at least")),
        (["minimum length: 12 characters"], Length(12, "characters", "at least")),
        ([">= 32 chars"], Length(32, "characters", "at least")),
        (["a random 32-character string"], Length(32, "characters", "at least")),
        (["max 64 characters"], Length(64, "characters", "at most")),
        (["a 256 bit key"], Length(32, "bytes", "at least")),
        (["exactly 256 bits"], Length(32, "bytes")),
        (["EXACTLY 32 bytes; make it with openssl rand -hex 32 (64 hex chars)"], Length(32, "bytes")),
        (["at least 32 characters, exactly 48 characters"], Length(48)),
        (["at least 8 characters, at least 16 characters"], None),
        (["32 bytes, or 64 characters"], None),
        (["not 32 characters"], None),
        (["port 8080"], None),
        (["v1.32 characters"], None),
        ([], None),
    ],
)  # fmt: skip
def test_lengths(comments: list[str], length: Length | None) -> None:
    assert length_said(comments) == length


WORDS = st.sampled_from(
    ["openssl rand -hex 32", "openssl rand -base64 24", "tr -dc A-Za-z0-9", "| head -c 32", "not", "or", "e.g.", "(", "`", "'kek-v1:' +",
     "$(", "key:generate", "artisan", "exactly", "32", "bytes", "characters", "KEY", "=", ":", ".", "  ", "\u2014"]
)  # fmt: skip


@given(st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=5))
def test_any_comment_names_a_known_generator_or_none(comments: list[str]) -> None:
    spec = generator_in(comments)
    assert spec is None or is_generator(spec)
    length = length_said(comments)
    assert length is None or str(length)


@pytest.mark.parametrize(
    "text",
    [
        *["tr -dc A-Za-z0-9 " * 2000, "openssl rand -hex 32 | " * 500, "not " * 5000 + "openssl rand -hex 3", "exactly " * 5000 + "32"],
        *["32 " * 5000, "openssl rand -hex 32 |" + " " * 9000 + "|", '"' * 5000 + "+ openssl rand -hex 3", "KEY=$(" * 3000],
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
@pytest.mark.timeout(20)
def test_a_long_comment_takes_no_longer_than_its_length(text: str) -> None:
    spec = generator_in([text])
    assert spec is None or is_generator(spec)
    length_said([text])
