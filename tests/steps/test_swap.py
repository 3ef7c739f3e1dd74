"""Which containers are not as a model wants them, and in which order they are swapped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from upgrader.steps.batches import batches
from upgrader.steps.swap import mounted_files, outdated, serves
from upgrader.tools.compose_model import Model
from upgrader.tools.docker_model import Container, Mount

HERE = Path("/srv/app")


def model(**services: dict[str, Any]) -> Model:
    return Model.of({"name": "app", "services": services, "volumes": {"data": {"name": "app_data"}}})


def bind(source: str, target: str = "/x") -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": target}


WEB = Container(
    id="c1",
    name="app-web-1",
    service="web",
    image_id="sha256:1",
    image_ref="web:1",
    state="running",
    exit_code=0,
    health="",
    started_at="2026-11-20T09:30:00Z",
    restarting=False,
    restart_count=0,
    oneoff=False,
    number=1,
    labels={},
    env={"A": "1", "PATH": "/bin"},
    mounts=(Mount("volume", "app_data", "/var/lib/docker/volumes/app_data/_data", "/data"),),
)
VOLUMES = [{"type": "volume", "source": "data", "target": "/data"}]


@pytest.mark.parametrize(
    ("service", "image", "why"),
    [
        ({"environment": {"A": "1"}, "volumes": VOLUMES}, "sha256:1", ""),
        ({"environment": {"A": "1"}}, None, ""),
        ({"environment": {"A": "1"}}, "sha256:2", "another image"),
        ({"environment": {"A": "2"}}, "sha256:1", "environment: A"),
        ({"environment": {"B": "1"}}, "sha256:1", "environment: B"),
        ({"environment": {"B": None}}, "sha256:1", ""),
        ({"volumes": [{**VOLUMES[0], "source": "fresh"}]}, "sha256:1", "volume at /data"),
        ({"volumes": [bind("/srv/data", "/data")]}, "sha256:1", "volume at /data"),
    ],
)
def test_outdated(service: dict[str, Any], image: str | None, why: str) -> None:
    assert outdated(WEB, model(web={"image": "web:1", **service}), "web", image) == why


def test_outdated_never_tells_a_value() -> None:
    wanted = model(web={"image": "web:1", "environment": {"A": "hunter2"}})
    assert "hunter2" not in outdated(WEB, wanted, "web", None)


@pytest.mark.parametrize(
    ("source", "files", "found"),
    [
        ("/srv/app/conf/web.conf", ["conf/web.conf"], "conf/web.conf"),
        ("/srv/app/conf", ["conf/deep/web.conf", "README.md"], "conf/deep/web.conf"),
        ("/srv/app", ["README.md"], "README.md"),
        ("/srv/app/conf/web.conf", ["conf/web.conf.example"], None),
        ("/srv/app/conf", ["conf.d/web.conf"], None),
        ("/etc/web.conf", ["etc/web.conf"], None),
        ("/srv/app/conf", [], None),
    ],
)
def test_mounted_files(source: str, files: list[str], found: str | None) -> None:
    mounting = model(web={"image": "web:1", "volumes": [bind(source)]}, worker={"image": "web:1", "volumes": VOLUMES})
    assert mounted_files(HERE, mounting, files) == ({"web": found} if found else {})


def test_serves() -> None:
    assert serves(WEB)
    assert serves(replace(WEB, health="starting"))
    assert not serves(replace(WEB, health="unhealthy"))
    assert not serves(replace(WEB, state="exited"))
    assert not serves(replace(WEB, oneoff=True))


def test_batches_follow_the_dependencies() -> None:
    def waits(*names: str) -> dict[str, Any]:
        return {"image": "x", "depends_on": {name: {"condition": "service_started"} for name in names}}

    app = model(db=waits(), cache=waits(), api=waits("db", "cache"), web=waits("api"), worker=waits("db"))
    assert [sorted(batch) for batch in batches(app, ["web", "worker", "api", "cache"])] == [
        ["cache", "worker"],
        ["api"],
        ["web"],
    ]
    assert batches(app, ["web"]) == [["web"]]
    assert batches(app, []) == []
    assert batches(app, ["web", "gone"]) == [["web"], ["gone"]]
