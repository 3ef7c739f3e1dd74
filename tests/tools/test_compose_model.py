"""Models as Compose prints them: kinds of services, order, volumes, differences, variables; and words for failures."""

import json
from pathlib import Path
from typing import Any

import pytest

from upgrader.errors import StepError, TransientError
from upgrader.tools import compose_errors
from upgrader.tools.compose_model import Model, Variable, changed, homes, relocated, repository_name, variables


def _model(services: dict[str, Any], **top: Any) -> Model:
    return Model.of({"name": "shop", "services": services, **top})


def _after(*names: str, condition: str = "service_started") -> dict[str, Any]:
    return {"depends_on": {name: {"condition": condition, "required": True} for name in names}}


def _volume(target: str, source: str = "", kind: str = "volume", **more: Any) -> dict[str, Any]:
    return {"type": kind, "source": source, "target": target, **more}


class TestOneShots:
    def test_what_another_waits_to_complete(self) -> None:
        model = _model({"app": _after("work", condition="service_completed_successfully"), "work": {"ports": [{}]}})
        assert model.one_shots() == {"work"}

    def test_a_service_of_another_profile_is_none(self) -> None:
        assert _model({"app": _after("gone", condition="service_completed_successfully")}).one_shots() == set()

    @pytest.mark.parametrize(
        "name", ["migrate", "db-migrations", "app_init", "seed", "create-buckets", "setup", "Migrator"]
    )
    def test_a_telling_name(self, name: str) -> None:
        assert _model({name: {}}).one_shots() == {name}

    @pytest.mark.parametrize("name", ["web", "administrator", "reseeder", "digit", "immigration"])
    def test_other_names(self, name: str) -> None:
        assert _model({name: {}}).one_shots() == set()

    @pytest.mark.parametrize(
        "busy",
        [
            {"restart": "unless-stopped"},
            {"ports": [{"target": 80}]},
            {"healthcheck": {"test": ["CMD", "true"]}},
            {"deploy": {"restart_policy": {"condition": "any"}}},
        ],
    )
    def test_a_telling_name_is_not_enough_for_what_keeps_running(self, busy: dict[str, Any]) -> None:
        assert _model({"migrate": busy}).one_shots() == set()

    @pytest.mark.parametrize(
        "calm", [{"restart": "on-failure"}, {"healthcheck": {"disable": True}}, {"healthcheck": {"test": ["NONE"]}}]
    )
    def test_what_may_end_still_is_one(self, calm: dict[str, Any]) -> None:
        assert _model({"migrate": calm}).one_shots() == {"migrate"}


class TestDatabases:
    @pytest.mark.parametrize(
        "image",
        [
            "postgres",
            "postgres:17",
            "docker.io/library/postgres:16-alpine@sha256:0123",
            "localhost:5000/postgres",
            "postgis/postgis:16-3.4",
            "timescale/timescaledb:latest-pg16",
            "timescale/timescaledb-ha:pg17",
            "pgvector/pgvector:pg17",
            "ghcr.io/immich-app/postgres:14-vectorchord",
            "bitnami/postgresql:17",
        ],
    )
    def test_by_image(self, image: str) -> None:
        assert _model({"db": {"image": image}}).databases() == {"db": (image, "")}

    @pytest.mark.parametrize(
        "image", ["postgrest/postgrest", "edoburu/pgbouncer", "dpage/pgadmin4", "prodrigestivill/postgres-backup-local"]
    )
    def test_what_only_sounds_like_one(self, image: str) -> None:
        assert _model({"db": {"image": image}}).databases() == {}

    def test_by_data_directory_with_the_volumes_real_name(self) -> None:
        mounts = [_volume("/docker-entrypoint-initdb.d", "/x", "bind"), _volume("/var/lib/postgresql/data", "pg")]
        model = _model({"db": {"build": {"context": "/db"}, "volumes": mounts}}, volumes={"pg": {"name": "shop_pg"}})
        assert model.databases() == {"db": ("shop-db", "shop_pg")}

    def test_a_reader_of_the_data_directory_is_none(self) -> None:
        mounts = [_volume("/var/lib/postgresql/data", "pg", read_only=True)]
        assert _model({"archiver": {"image": "wal-g", "volumes": mounts}}).databases() == {}


def test_order_is_after_what_each_depends_on() -> None:
    model = _model({"a": _after("web"), "db": {}, "web": _after("db", "cache", "elsewhere"), "cache": {}})
    assert model.order() == ["cache", "db", "web", "a"]


def test_dependents_are_those_through_others_too() -> None:
    model = _model({"a": _after("web"), "db": {}, "web": _after("db"), "cache": {}})
    assert model.dependents_of("db") == {"web", "a"}
    assert model.dependents_of("a") == set()


def test_volume_identity() -> None:
    mounts = [
        _volume("/data", "data"),
        _volume("/old", "outside"),
        _volume("/conf", "/srv/conf", "bind"),
        _volume("/cache"),
        _volume("/run", kind="tmpfs"),
    ]
    top = {"data": {"name": "shop_data"}, "outside": {"name": "elsewhere", "external": True}}
    assert _model({"web": {"volumes": mounts}}, volumes=top).volume_identity("web") == {
        "/data": "shop_data",
        "/old": "elsewhere",
        "/conf": "/srv/conf",
        "/cache": "",
    }


class TestChanged:
    def difference(self, one: dict[str, Any], other: dict[str, Any]) -> str | None:
        return changed(_model({"web": one}), _model({"web": other})).get("web")

    def test_nothing(self) -> None:
        assert self.difference({"image": "x", "command": ["a"]}, {"command": ["a"], "image": "x"}) is None

    def test_services_that_come_and_go(self) -> None:
        assert changed(_model({"a": {}, "b": {}}), _model({"b": {}, "c": {}})) == {"a": "removed", "c": "new service"}

    def test_variables_are_named_and_their_values_are_not(self) -> None:
        why = self.difference(
            {"environment": {"GONE": "hunter2", "SAME": "1", "TOKEN": "hunter2"}},
            {"environment": {"PAGE_SIZE": "hunter2", "SAME": "1", "TOKEN": "hunter3"}},
        )
        assert why == "environment: GONE removed, PAGE_SIZE added, TOKEN changed"

    def test_several_keys(self) -> None:
        assert (
            self.difference({"image": "x:1", "command": ["a"]}, {"image": "x:2", "command": ["b"]}) == "image; command"
        )

    def test_what_only_concerns_the_build(self) -> None:
        one = {"build": {"context": "/a"}, "pull_policy": "build"}
        assert self.difference(one, {"build": {"context": "/a", "args": {"V": "2"}}}) is None

    def test_a_built_image_that_becomes_a_named_one(self) -> None:
        assert self.difference({"build": {"context": "/a"}}, {"image": "ghcr.io/shop/web"}) == "image"

    def test_another_volume_behind_the_same_key(self) -> None:
        service = {"web": {"volumes": [_volume("/data", "data")]}}
        one = _model(service, volumes={"data": {"name": "shop_data"}})
        other = _model(service, volumes={"data": {"name": "shop2_data"}})
        assert changed(one, other) == {"web": "volumes: /data changed"}

    def test_a_mount_that_becomes_read_only(self) -> None:
        one, other = {"volumes": [_volume("/d", "d")]}, {"volumes": [_volume("/d", "d", read_only=True)]}
        assert self.difference(one, other) == "volumes: /d changed"

    def test_another_network_behind_the_same_key(self) -> None:
        service = {"web": {"networks": {"default": None}}}
        one = _model(service, networks={"default": {"name": "shop_default"}})
        other = _model(service, networks={"default": {"name": "shop_default", "internal": True}})
        assert changed(one, other) == {"web": "network default"}


def test_secrets_are_not_in_a_models_repr() -> None:
    model = _model({"web": {"environment": {"TOKEN": "hunter2"}}})
    assert "hunter2" not in repr(model)


@pytest.mark.parametrize(
    ("image", "name"),
    [("postgres", "postgres"), ("a.b:5000/c/d:1", "d"), ("c/d@sha256:01", "d"), ("localhost:5000/d", "d"), ("", "")],
)
def test_repository_name(image: str, name: str) -> None:
    assert repository_name(image) == name


def test_the_export_stands_for_the_live_directory_and_what_is_above_it() -> None:
    places = homes(Path("/tmp/scratch/tree/infra"), Path("/opt/shop/infra"))
    value = {
        "a": "/tmp/scratch/tree/infra/conf",
        "b": ["/tmp/scratch/tree/infra", "/tmp/scratch/tree/data", "/tmp/scratch/beside"],
        "c": "/tmp/scratch/tree/infra-2 /tmp/scratch/trees /etc/hostname",
        "d": 5,
    }
    assert relocated(value, places) == {
        "a": "/opt/shop/infra/conf",
        "b": ["/opt/shop/infra", "/opt/shop/data", "/opt/beside"],
        "c": "/opt/shop/infra-2 /opt/trees /etc/hostname",
        "d": 5,
    }


def test_a_directory_that_holds_both_stands_for_nothing() -> None:
    assert homes(Path("/srv/x/tree"), Path("/srv/x/live")) == {"/srv/x/tree": "/srv/x/live"}
    assert homes(Path("/tmp/tree"), Path("/opt/shop")) == {"/tmp/tree": "/opt/shop"}


def test_variables_of_newer_versions_are_json() -> None:
    out = json.dumps({
        "B": {"Name": "B", "DefaultValue": "d", "PresenceValue": "", "Required": False},
        "A": {"Name": "A", "DefaultValue": "", "PresenceValue": "p", "Required": True},
    })  # fmt: skip
    assert variables(out) == {"A": Variable(True, "", "p"), "B": Variable(False, "d", "")}


def test_variables_of_older_versions_are_a_table_whose_cells_may_spill_over() -> None:
    out = (
        "NAME                REQUIRED            DEFAULT VALUE       ALTERNATE VALUE\n"
        "TEXT                false               two\n"
        "lines               \n"
        "REQ                 true                                    \n"
        "ALT                 false                                   alt value\n"
    )
    assert variables(out) == {
        "ALT": Variable(False, "", "alt value"),
        "REQ": Variable(True),
        "TEXT": Variable(False, "two"),
    }
    assert variables("") == {}


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", TransientError, "does not answer"),
        ('Get "https://r.example/v2/": dial tcp: lookup r.example: no such host', TransientError, "network"),
        ("toomanyrequests: You have reached your pull rate limit.", TransientError, "network"),
        ("net/http: TLS handshake timeout", TransientError, "network"),
        ("write /var/lib/docker/tmp/x: no space left on device", StepError, "disk is full"),
        ("manifest for shop/web:9 not found: manifest unknown: manifest unknown", StepError, "no shop/web:9 for us"),
        ("pull access denied for shop/web, repository does not exist", StepError, "no shop/web for us"),
        ("WARNING: Some service image(s) must be built from source by running:", StepError, "must be built"),
        ("Error response from daemon: No such image: shop-web:latest", StepError, "shop-web:latest is not on this"),
        ("Bind for 0.0.0.0:80 failed: port is already allocated", StepError, "port that it publishes is taken"),
        (
            'Conflict. The container name "/shop-web-1" is already in use by container "ab"',
            StepError,
            "named shop-web-1",
        ),
        ("something new", StepError, "pulling web failed"),
    ],
)
def test_failures_in_words(said: str, kind: type[StepError], message: str) -> None:
    error = compose_errors.failed("pulling web", said, [said])
    assert type(error) is kind
    assert error.message.startswith("pulling web")
    assert message in error.message
    assert error.lines == (said,)
