"""The release's files are found among a repository's, in the shapes that real repositories have."""

import pytest

from upgrader.env.gate.files import choose_compose, choose_example
from upgrader.errors import UsageError


@pytest.mark.parametrize(
    ("paths", "example", "compose"),
    [
        (".env.example docker-compose.yml src/a.py", ".env.example", "docker-compose.yml"),
        (
            ".env.example apps/api/.env.example infra/env/.env.prod.example compose.yaml infra/docker-compose.prod.yaml",
            "infra/env/.env.prod.example",
            "compose.yaml infra/docker-compose.prod.yaml",
        ),
        (
            ".env.example .env.production.example docker-compose.yml docker-compose.production.yml docker-compose.test.yml",
            ".env.production.example",
            "docker-compose.yml docker-compose.production.yml",
        ),
        (".env.example .env.advanced.example compose.yml", ".env.example", "compose.yml"),
        (".env.example docker-compose.dev.yml docker/docker-compose.yml", ".env.example", "docker/docker-compose.yml"),
        ("compose/compose.env compose/mongo.compose.yaml", "compose/compose.env", "compose/mongo.compose.yaml"),
        ("docker/.env docker/docker-compose.yml web/.env.development", "docker/.env", "docker/docker-compose.yml"),
        ("template.env", "template.env", ""),
        ("packages/x/.env.example deploy/env.sample", "deploy/env.sample", ""),
    ],
)
def test_the_files_of_a_release(paths: str, example: str, compose: str) -> None:
    listed = paths.split()
    assert choose_example(listed) == example
    assert choose_compose(listed, example) == tuple(compose.split())
    assert choose_compose(reversed(listed), choose_example(reversed(listed))) == tuple(compose.split())


@pytest.mark.parametrize("paths", ["README.md", "tests/.env", "a/.env.example b/.env.example", ""])
def test_what_cannot_be_told_is_asked_for(paths: str) -> None:
    with pytest.raises(UsageError) as refused:
        choose_example(paths.split())
    assert "--example" in refused.value.hint
