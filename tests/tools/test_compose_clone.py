"""What of a Compose model may run beside the app, and what a clone of it can reach."""

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.engine import Project, sh
from upgrader.errors import StepError
from upgrader.tools.compose_clone import Clone, NoCloneError, aliases, cloned, companions, obstacle
from upgrader.tools.compose_model import Model
from upgrader.tools.docker import Docker
from upgrader.tools.postgres_throwaway import clear, labels, leftovers

HOME = Path("/srv/shop")
DB = {"image": "postgres:17", "volumes": [{"type": "volume", "source": "data", "target": "/var/lib/postgresql/data"}]}


def shop(migrate: dict[str, Any] | None = None, **others: dict[str, Any]) -> Model:
    """An app with a database, and with what a test adds to it."""
    services = {
        "db": DB,
        "migrate": {"image": "shop", "depends_on": {"db": {"condition": "service_healthy"}}, **(migrate or {})},
        **others,
    }
    return Model.of({"name": "shop", "services": services, "volumes": {"data": {"name": "shop_data"}}})


def why(migrate: dict[str, Any], **others: dict[str, Any]) -> str:
    return obstacle(shop(migrate, **others), "migrate", ["db"], HOME)


def needing(*names: str) -> dict[str, Any]:
    return {"depends_on": {name: {"condition": "service_started"} for name in ("db", *names)}}


def bind(source: Path | str, *, read_only: bool = True) -> dict[str, Any]:
    return {"volumes": [{"type": "bind", "source": str(source), "target": "/x", "read_only": read_only}]}


# --- what stands in the way


@pytest.mark.parametrize(
    ("migrate", "reason"),
    [
        ({}, ""),
        ({"ports": [{"published": "80"}], "container_name": "m", "extra_hosts": ["a=1.2.3.4"]}, ""),
        ({"volumes": [{"type": "volume", "target": "/cache"}, {"type": "tmpfs", "target": "/t"}]}, ""),
        ({"volumes": [{"type": "volume", "source": "data", "target": "/d"}]}, "migrate mounts the volume data"),
        (bind("/srv/uploads"), "migrate mounts /srv/uploads, which is not the app's own"),
        (bind("/var/run/docker.sock"), "migrate mounts /var/run/docker.sock, which is not the app's own"),
        (bind("/srv/shop/sql", read_only=False), "migrate mounts /srv/shop/sql, and may write to it"),
        (bind("/srv/shop/../other"), "migrate mounts /srv/shop/../other, which leads elsewhere"),
        (bind("/etc/hosts"), ""),
        ({"network_mode": "host"}, "migrate uses the network of host"),
        ({"network_mode": "service:web"}, "migrate uses the network of web"),
        ({"privileged": True}, "migrate asks for privileged"),
        ({"cap_add": ["SYS_ADMIN"]}, "migrate asks for cap add"),
        ({"pid": "host"}, "migrate asks for pid"),
        ({"volumes_from": ["db"]}, "migrate mounts the volumes of others"),
    ],
)
def test_what_is_not_safe_is_not_cloned(migrate: dict[str, Any], reason: str) -> None:
    assert why(migrate) == reason


def test_sources_of_the_checkout_are_mounted_and_doors_are_not(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    (tmp_path / "out").symlink_to("/var/lib")
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        reasons = [
            obstacle(shop(bind(tmp_path / name)), "migrate", ["db"], tmp_path)
            for name in ("sql", "door", "out", "gone")
        ]
    assert reasons == [
        "",
        f"migrate mounts {tmp_path}/door, which is no file",
        f"migrate mounts {tmp_path}/out, which leads elsewhere",
        f"migrate mounts {tmp_path}/gone, which is no file",
    ]


def test_secrets_from_outside_cannot_be_had() -> None:
    model = shop({"secrets": [{"source": "key"}]})
    for definition, reason in (
        ({"file": "/srv/shop/key"}, ""),
        ({"external": True}, "migrate uses secrets from outside"),
    ):
        made = Model.of({**model.raw, "secrets": {"key": definition}})
        assert obstacle(made, "migrate", ["db"], HOME) == reason


def test_what_it_needs_is_cloned_too_where_that_is_safe() -> None:
    cache, queue = {"image": "redis:7", **needing("queue")}, {"image": "queue"}
    init = {"image": "shop", "restart": "no"}
    model = shop(needing("cache", "db-init"), cache=cache, queue=queue, **{"db-init": init}, web={"image": "shop"})
    assert companions(model, "migrate", ["db"]).cloned == ("queue", "cache")
    assert why(needing("cache"), cache=cache, queue=queue) == ""
    kept = {**cache, "volumes": [{"type": "volume", "source": "data", "target": "/data"}]}
    assert why(needing("cache"), cache=kept, queue=queue) == "cache mounts the volume data"
    other = {"image": "postgres:16"}
    assert why(needing("other"), other=other) == "it needs other, a database of which there is no copy"


# --- what is left of a service


def test_a_clone_has_nothing_of_the_live_project_but_its_image_and_settings() -> None:
    everything = {
        "command": ["migrate"], "environment": {"DATABASE_URL": "postgres://a:b@db/shop", "PRICE": "$5"},
        "container_name": "shop-migrate", "ports": [{"published": "80", "target": 80}], "restart": "always",
        "networks": {"back": {"aliases": ["migrator"], "ipv4_address": "10.0.0.9"}}, "labels": {"traefik.enable": "true"},
        "extra_hosts": ["gate=host-gateway"], "dns": ["1.1.1.1"], "logging": {"driver": "syslog"}, "external_links": ["x"],
        "build": {"context": "."}, "deploy": {"replicas": 2}, "links": ["db:database"], "secrets": [{"source": "key"}],
        "volumes": [{"type": "volume", "target": "/cache"}],
    }  # fmt: skip
    model = Model.of(
        {
            **shop(everything).raw,
            "secrets": {"key": {"name": "shop_key", "file": "/k"}, "other": {"file": "/o"}},
            "networks": {"back": {"name": "shop_back"}},
        }
    )
    assert cloned(model, ["migrate"], "apart", {"mark": "1"}) == {
        "name": "apart",
        "services": {
            "migrate": {
                "command": ["migrate"],
                "environment": {"DATABASE_URL": "postgres://a:b@db/shop", "PRICE": "$5"},
                "secrets": [{"source": "key"}],
                "volumes": [{"type": "volume", "target": "/cache"}],
                "networks": {"default": {"aliases": ["migrate", "shop-migrate", "migrator"]}},
                "image": "shop",
                "pull_policy": "never",
                "restart": "no",
                "labels": {"mark": "1"},
            }
        },
        "networks": {"default": {"name": "apart", "external": True}},
        "secrets": {"key": {"file": "/k"}},
    }
    assert aliases(model, "db") == ["db", "database"]


# --- what it can reach


IMAGE = "python:3.13-slim"
SERVE = "mkdir /www && echo {name} > /www/who && exec python -m http.server 80 -d /www"
COMPOSE = """\
services:
  db:
    image: {image}
    command: [sh, -c, "{live}"]
    container_name: {name}-database
  cache:
    image: {image}
    command: [sh, -c, "{cache}"]
    healthcheck: {{test: [CMD, python, -c, "import socket; socket.create_connection(('localhost', 80))"], interval: 200ms}}
  migrate:
    image: {image}
    depends_on: {{db: {{condition: service_started}}, cache: {{condition: service_healthy}}}}
    environment: {{HOSTS: "db {name}-database cache ${{LIVE:-}}", GREETING: "$$HOME 'x'"}}
    volumes: ["./look.py:/look.py:ro"]
    command: [python, /look.py]
"""
LOOK = """\
import os, sys, urllib.request
print(os.environ["GREETING"])
for host in os.environ["HOSTS"].split():
    try:
        print(f"{host}:", urllib.request.urlopen(f"http://{host}/who", timeout=3).read().decode().strip())
    except OSError:
        print(f"{host}: nobody")
try:
    open("/look.py", "a")
except OSError:
    sys.exit(3)
"""


@pytest.fixture
def stand_in(project: Project) -> Iterator[str]:
    """A container without a network that stands in for the database."""
    flags = labels(project.name, "20260801T120000Z-ab12")
    name = f"upgrader-proof-{project.name}"
    sh("docker", "run", "-d", "--name", name, *flags, "--network", "none", IMAGE, "sh", "-c", SERVE.format(name="copy"))
    yield name
    clear(project.shell, project.name)


def made(project: Project, scratch: Path) -> Clone:
    serving = {name: SERVE.format(name=name) for name in ("live", "cache")}
    project.write("compose.yaml", COMPOSE.format(image=IMAGE, name=project.name, **serving))
    project.write("look.py", LOOK)
    return Clone(project.shell, project.stack(), project.compose.model(), "20260801T120000Z-ab12", scratch)


@pytest.mark.docker
def test_names_lead_to_copies_and_nothing_leads_to_the_live_network(
    project: Project, stand_in: str, tmp_path: Path
) -> None:
    """Proved by trying: what the live service reaches, its clone does not."""
    made(project, tmp_path)
    project.compose.up(["db", "cache"])
    (live,) = [box for box in project.docker.containers(project.name) if box.service == "db"]
    address = live.addresses[0]
    project.write(".env", f"LIVE={address}\n")
    run = ("docker", "compose", "-p", project.name, "run", "--rm", "-T", "--no-deps", "migrate")
    assert f"{address}: live" in subprocess.run(run, cwd=project.directory, capture_output=True, text=True).stdout
    clone = made(project, tmp_path)
    clone.open({"db": stand_in})
    clone.start(companions(clone.model, "migrate", ["db"]), {"cache": "service_healthy"})
    clone.run_detached("migrate")
    docker = Docker(project.shell)
    assert docker.wait(clone.container) == 3
    assert docker.log_tail(clone.container) == [
        "$HOME 'x'",
        "db: copy",
        f"{project.name}-database: copy",
        "cache: cache",
        f"{address}: nobody",
    ]
    live_ones = {box.id for box in docker.containers(project.name)}
    assert len(live_ones) == 2, "the live project has got no further container"
    assert set(leftovers(project.shell, project.name)) >= {clone.container, clone.project, stand_in}
    clear(project.shell, project.name)
    assert leftovers(project.shell, project.name) == []
    assert {box.id for box in docker.containers(project.name) if box.running} == live_ones


@pytest.mark.docker
def test_a_program_that_is_not_there_fails_and_a_companion_that_ends_says_nothing(
    project: Project, stand_in: str, tmp_path: Path
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    clone = made(project, scratch)
    clone.open({"db": stand_in})
    clone.open({"db": stand_in})
    broken = {**clone.model.raw["services"]["migrate"], "command": ["/no/such/program"]}
    ending = {**clone.model.raw["services"]["cache"], "command": ["false"]}
    services = {**clone.model.raw["services"], "migrate": broken, "cache": ending}
    other = Clone(
        clone.shell, clone.stack, Model.of({**clone.model.raw, "services": services}), clone.run, clone.scratch
    )
    with pytest.raises(StepError, match="running migrate apart") as failed:
        other.run_detached("migrate")
    assert not isinstance(failed.value, NoCloneError)
    with pytest.raises(NoCloneError, match="cache, which it needs, is exited"):
        other.start(companions(other.model, "migrate", ["db"]), {"cache": "service_healthy"})
    assert not list(scratch.iterdir()), "its file, with all the secrets, is nowhere"
