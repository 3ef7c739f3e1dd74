"""Who has to be recreated for a new value."""

from upgrader.env.case import Case
from upgrader.env.compose_text import read_references
from upgrader.env.document import Document
from upgrader.env.readers import services_reading

COMPOSE = b"""
services:
  api: {env_file: [deploy/.env]}
  web: {environment: {URL: "${API_URL}"}}
  worker: {environment: [API_URL]}
  db: {image: postgres}
  backup: {profiles: [backup], env_file: [deploy/.env]}
"""


def readers(key: str, *profiles: str) -> list[str]:
    empty = Document.parse(b"", "deploy/.env")
    return services_reading(
        Case(empty, empty, compose=read_references([("compose.yaml", COMPOSE)]), profiles=profiles or None), [key]
    )


def test_readers_interpolate_pass_through_or_take_the_file_in() -> None:
    assert readers("API_URL") == ["api", "web", "worker"]
    assert readers("OTHER") == ["api"]


def test_a_service_whose_profile_is_off_is_not_named() -> None:
    assert readers("OTHER", "backup") == ["api", "backup"]


def test_without_compose_files_nobody_is_known() -> None:
    empty = Document.parse(b"", ".env")
    assert services_reading(Case(empty, empty), ["API_URL"]) == []
