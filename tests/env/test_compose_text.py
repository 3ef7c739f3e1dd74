"""Compose files read as text: where variables stand, and what becomes of an unset one."""

import time

import pytest

from upgrader.env.compose_text import fatal, read_references, references_in, stops
from upgrader.env.references import Reference, References, Source
from upgrader.errors import RefusedError

BOMB = b"a: &a [x,x,x,x,x,x,x,x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (97 + n, 97 + n, b",".join([b"*%c" % (96 + n)] * 8)) for n in range(1, 9)
)
"""Nine lines whose aliases stand for 8 ** 9 scalars."""


def read(text: str, **others: str) -> References:
    beside = {f"{name}.yml": content.encode() for name, content in others.items()}
    return read_references([("compose.yml", text.encode())], beside.get)


def only(text: str) -> Reference:
    found = read(text).references
    assert len(found) == 1
    return found[0]


def test_a_reference_knows_its_place() -> None:
    text = 'services:\n  web:\n    image: app\n    ports:\n      - "80:80"\n      - "127.0.0.1:${PORT:-3000}:3000"\n'
    assert only(text) == Reference(
        "PORT",
        ":-",
        "3000",
        "compose.yml",
        6,
        20,
        ("services", "web", "ports", "1"),
        whole=False,
        value="127.0.0.1:${PORT:-3000}:3000",
    )
    assert only(text).service == "web"
    assert only(text).section == "ports"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$A", [("A", "", "")]),
        ("${A}", [("A", "", "")]),
        ("$$A $${B} ${C}", [("C", "", "")]),
        ("${A-b}${C:?no, really}", [("A", "-", "b"), ("C", ":?", "no, really")]),
        ("${A:-${B:-c}}-$D", [("A", ":-", "${B:-c}"), ("B", ":-", "c"), ("D", "", "")]),
        ("postgres://$U:${P}@db/${N:+x}", [("U", "", ""), ("P", "", ""), ("N", ":+", "x")]),
        ("a ${ b", []),
        ("100$ and $5", []),
    ],
)
def test_references_of_a_value(text: str, found: list[tuple[str, str, str]]) -> None:
    assert [each[:3] for each in references_in(text)] == found


def test_places_in_quoted_folded_and_block_text() -> None:
    text = (
        "services:\n  web:\n    command: >-\n      run --a\n      --b=${B}\n    entrypoint: |\n      x\n      é ${C} $C\n"
        '    user: "a${U}b\\n${V}"\n'
    )
    assert [(each.name, each.line, each.column) for each in read(text).references] == [
        ("B", 5, 11),
        ("C", 8, 9),
        ("C", 8, 14),
        ("U", 9, 13),
        ("V", 9, 20),
    ]


def test_environment_in_both_forms() -> None:
    text = """\
services:
  list:
    environment: [A=1, "B=${X}", PASSED]
  map:
    environment:
      A: 1
      B: ${Y:-2}
      PASSED:
"""
    found = read(text)
    assert dict(found.services["list"].environment) == {"A": "1", "B": "${X}", "PASSED": None}
    assert dict(found.services["map"].environment) == {"A": "1", "B": "${Y:-2}", "PASSED": None}
    assert [each.path[-2:] for each in found.references] == [("environment", "1"), ("environment", "B")]


def test_anchors_and_merges_belong_to_the_services_that_use_them() -> None:
    text = """\
x-common: &common
  env_file: .env
  environment: &env
    KEY: ${SECRET:?}
x-more: &more {image: "app:${TAG}"}
x-unused: ${NOBODY}
services:
  api:
    <<: [*common, *more]
  worker:
    <<: *common
    image: other
    environment: {<<: *env, OWN: "${OWN}"}
"""
    found = read(text)
    assert sorted((each.name, each.service, each.line) for each in found.references) == [
        ("NOBODY", "", 6),
        ("OWN", "worker", 13),
        ("SECRET", "api", 4),
        ("SECRET", "worker", 4),
        ("TAG", "api", 5),
    ]
    assert found.services["api"].image == "app:${TAG}"
    assert found.services["worker"].image == "other"
    assert found.services["worker"].env_files == (".env",)


def test_later_files_add_to_services_and_their_values_win() -> None:
    first = b"services:\n  web:\n    image: a\n    environment: [A=1, B=2]\n    profiles: [x]\n"
    second = b"services:\n  web:\n    image: b\n    environment: {B: '3'}\n    env_file: [{path: w.env}, more.env]\n"
    found = read_references([("a.yml", first), ("b.yml", second)])
    web = found.services["web"]
    assert (web.image, web.profiles, dict(web.environment)) == ("b", ("x",), {"A": "1", "B": "3"})
    assert set(web.env_files) == {"w.env", "more.env"}
    assert found.files == ("a.yml", "b.yml")


def test_a_reference_that_a_later_file_overrides_still_counts() -> None:
    """Compose substitutes each file before it merges them: an overridden `${K:?}` refuses all the same."""
    first = b"services: {web: {environment: {A: '${K:?}'}}}"
    second = b"services: {web: {environment: {A: plain}}}"
    assert [each.name for each in read_references([("a.yml", first), ("b.yml", second)]).references] == ["K"]


def test_included_and_extended_files_are_followed() -> None:
    found = read(
        "include:\n  - db.yml\n  - {path: [cache.yml]}\n  - absent.yml\n"
        "services:\n  web:\n    extends: {file: base.yml, service: app}\n    image: web\n",
        db="services: {db: {image: postgres, environment: {P: '${DB_PASSWORD}'}}}",
        cache="include: [compose.yml, cache.yml]\nservices: {cache: {image: 'valkey:${V}'}}",
        base="services: {app: {image: base, environment: {S: '${SECRET}'}}, other: {image: '${NOT_MEANT}'}}",
    )
    assert {each.name: each.service for each in found.references} == {
        "DB_PASSWORD": "db",
        "V": "cache",
        "SECRET": "web",
    }
    assert set(found.services) == {"db", "cache", "web"}
    assert found.services["web"].image == "web"
    assert set(found.files) == {"compose.yml", "db.yml", "cache.yml", "base.yml"}


def test_a_service_may_extend_its_neighbour_and_not_itself_for_ever() -> None:
    found = read(
        "services:\n  a: {image: x, environment: {K: '${K}'}}\n  b: {extends: a}\n  c: {extends: {service: c}}\n"
        "  d: {extends: e}\n  e: {extends: d}\n"
    )
    assert [(each.name, each.service) for each in found.references] == [("K", "a"), ("K", "b")]


def test_paths_are_beside_the_file_that_names_them() -> None:
    files = {"deploy/parts/db.yml": b"services: {db: {image: '${IMAGE}'}}"}
    found = read_references([("deploy/compose.yml", b"include: [./parts/db.yml]")], files.get)
    assert [each.file for each in found.references] == ["deploy/parts/db.yml"]


def test_several_documents_a_bom_and_tags() -> None:
    found = read_references([("c.yml", "\ufeffservices: {a: {ports: !reset []}}\n---\nname: '${N}'\n".encode())])
    assert [(each.name, each.path) for each in found.references] == [("N", ("name",))]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"services:\n  web: [\n", "c.yml:3:1: "),
        (b"a: b: c\n", "c.yml:1:5: "),
        (b"- a\n", "c.yml:1:1: "),
        (b"just words\n", "c.yml:1:1: "),
        (b"a: 1\nb: \xff\n", "c.yml:2:1: "),
        (b"a: &a [*a]\n", "c.yml:1:"),
        (b"[" * 100_000, "c.yml:1:"),
        (b"- " * 100_000, "c.yml:1:"),
        (BOMB, "c.yml:1:"),
    ],
)
def test_what_is_no_compose_file_is_refused_with_its_place(data: bytes, place: str) -> None:
    with pytest.raises(RefusedError) as refused:
        read_references([("c.yml", data)])
    assert refused.value.message.startswith(place)
    assert "c.yml" in refused.value.hint


def test_no_file_at_all_and_an_empty_one() -> None:
    assert read_references([]) == References()
    assert read("") == References(files=("compose.yml",))


@pytest.mark.parametrize(
    "place",
    [
        'image: "${K}"',
        'ports: ["${K}"]',
        'ports: ["80:${K}"]',
        "ports: [{target: '${K}'}]",
        'volumes: ["${K}:/x"]',
        'volumes: ["/x:/y:${K}"]',
        "mem_limit: ${K}",
        "privileged: ${K}",
        "stop_grace_period: $K",
        "env_file: ${K}",
        'env_file: ["${K}"]',
        'networks: ["${K}"]',
        "healthcheck: {retries: '${K}'}",
        "deploy: {resources: {limits: {cpus: '${K}'}}}",
        "ulimits: {nofile: '${K}'}",
        "environment: ['A=${K:?it is needed}']",
        "labels: ['A=${K?}']",
    ],
)
def test_where_compose_refuses_an_unset_variable(place: str) -> None:
    reference = only(f"services:\n  web:\n    {place}\n")
    assert stops(reference)
    assert fatal(reference) == "Compose refuses to read the files"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ('ports: ["${K}:80"]', "random"),
        ('ports: [{target: 80, published: "${K}"}]', "random"),
        ("image: app:${K}", "image"),
        ("volumes: ['${K}/x:/d']", "root of the host"),
        ("volumes: [{type: bind, source: '${K}', target: /d}]", "root of the host"),
        ("user: ${K}", "own user"),
        ("command: run --port=${K}", "loses"),
        ("healthcheck: {test: 'curl ${K}'}", "loses"),
    ],
)
def test_where_an_unset_variable_is_silently_wrong(place: str, words: str) -> None:
    reference = only(f"services:\n  web:\n    {place}\n")
    assert not stops(reference)
    assert words in (fatal(reference) or "")


@pytest.mark.parametrize(
    "place",
    [
        "environment: {A: '${K}'}",
        "environment: {TIMEOUT: '${K}', interval: x}",
        "environment: ['timeout=${K}']",
        "mem_limit: ${K:-1g}",
        "image: ${K:-app}",
        "ports: ['${K-80}:80']",
        "dns: ${K}",
    ],
)
def test_where_an_unset_variable_does_no_harm_that_compose_could_know(place: str) -> None:
    reference = only(f"services:\n  web:\n    {place}\n")
    assert not stops(reference)
    assert fatal(reference) is None


def test_a_long_file_is_read_in_no_time() -> None:
    services = "".join(
        f"  s{n}:\n    image: app:${{TAG}}\n    environment:\n"
        + "".join(f"      K{m}: ${{K{m}:-x}}\n" for m in range(20))
        for n in range(100)
    )
    started = time.process_time()
    assert len(read(f"services:\n{services}").references) == 2_100
    assert time.process_time() - started < 1


def test_configs_and_secrets_from_the_environment() -> None:
    text = (
        "configs:\n  crt:\n    environment: TLS_CRT\n  file:\n    file: a.conf\n"
        "secrets:\n  key:\n    environment: 'TLS_KEY'\n"
    )
    assert read(text).sources == {
        "TLS_CRT": Source("configs", "crt", "compose.yml", 3),
        "TLS_KEY": Source("secrets", "key", "compose.yml", 8),
    }
