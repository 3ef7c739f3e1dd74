"""Playbooks on top of playbooks, and their frozen copies."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.playbook.kinds import KINDS, Command, Fetch, Move
from upgrader.playbook.load import Playbook, Procedure, from_frozen, from_text, load
from upgrader.playbook.problems import PlaybookError
from upgrader.playbook.show import show

BASE = Path(__file__).parent / "cases" / "bases" / "base.yaml"
Written = Callable[..., Playbook]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    """Loads a playbook of this text that extends the base."""

    def write(text: str, **options: Any) -> Playbook:
        path = tmp_path / "app.yaml"
        path.write_text(f"name: app\nextends: {BASE}\n{text}", encoding="utf-8")
        return load(path, KINDS, **options)

    return write


def ids(procedure: Procedure) -> list[tuple[str, str]]:
    return [(phase, step.id) for phase, step in procedure]


def test_a_playbook_without_base() -> None:
    playbook = load(BASE, KINDS)
    assert playbook.name == "base"
    assert ids(playbook.upgrade) == [("preflight", "fetch"), ("cutover", "move"), ("cutover", "again")]
    assert playbook.upgrade.phases["cutover"][0] == Move(id="move", uses="move", how="copy", tables=("a", "b"))
    assert list(playbook.rollback.phases) == ["preflight", "prepare", "cutover", "verify", "finish"]


def test_mappings_are_joined_and_lists_replaced(written: Written) -> None:
    facts = written("stack: {files: [other.yaml], env: {file: prod.env}}\ndatabases: {sso: {service: sso_db}}").facts
    assert [file.file for file in facts.stack.files] == ["other.yaml"]
    assert (facts.stack.env.file, facts.stack.env.example) == ("prod.env", ".env.example")
    assert list(facts.databases) == ["app", "sso"]
    assert facts.name == "app"


def test_an_empty_key_takes_the_base_s_away(written: Written) -> None:
    facts = written("stack: {env: {example: }}\ndatabases:\n  app:\n").facts
    assert facts.stack.env.example is None
    assert facts.databases == {}


def test_an_empty_section_without_a_base_counts_as_not_written(tmp_path: Path) -> None:
    path = tmp_path / "app.yaml"
    path.write_text(BASE.read_text(encoding="utf-8") + "hooks:\nextends:\nhealth:\n", encoding="utf-8")
    assert load(path, KINDS).digest == load(BASE, KINDS).digest


def test_a_base_does_not_say_how_to_recognise_its_children(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE.read_text(encoding="utf-8") + "detect: {files: [x]}\n", encoding="utf-8")
    (tmp_path / "app.yaml").write_text("name: app\nextends: base.yaml\n", encoding="utf-8")
    assert load(tmp_path / "app.yaml", KINDS).facts.detect is None


def test_a_step_is_replaced_under_its_id_and_without_its_old_values(written: Written) -> None:
    playbook = written("change: {upgrade: [{replace: move, with: {how: dump}}]}")
    assert playbook.upgrade.phases["cutover"][0] == Move(id="move", uses="move", how="dump", tables=())


def test_a_step_is_replaced_by_another_kind(written: Written) -> None:
    playbook = written("change: {upgrade: [{replace: again, with: {uses: command, run: [make, data]}}]}")
    assert playbook.upgrade.phases["cutover"][1] == Command(id="again", uses="command", run=("make", "data"))


def test_steps_are_added_around_others_and_removed(written: Written) -> None:
    playbook = written(
        """change:
  upgrade:
    - {before: move, add: {id: first, uses: fetch}}
    - {after: first, add: [{id: second, uses: fetch}, {id: third, uses: fetch}]}
    - {remove: again}
  rollback:
    - {after: move, add: {uses: fetch, commit: "${{ run.fetch.before.commit }}"}}
"""
    )
    assert [step for _, step in ids(playbook.upgrade)] == ["fetch", "first", "second", "third", "move"]
    assert ids(playbook.rollback) == [("cutover", "move"), ("cutover", "fetch")]


def test_a_grandchild_changes_what_its_parent_added(written: Written, tmp_path: Path) -> None:
    written("change: {upgrade: [{after: move, add: {id: more, uses: fetch}}]}")
    child = tmp_path / "child.yaml"
    child.write_text(
        "name: child\nextends: app.yaml\nchange: {upgrade: [{replace: more, with: {commit: abc}}]}\n", encoding="utf-8"
    )
    assert load(child, KINDS).upgrade.phases["cutover"][1] == Fetch(id="more", uses="fetch", commit="abc")


def test_the_origin_of_each_value_is_known(written: Written, tmp_path: Path) -> None:
    origins = written("stack:\n  project: mine\n").origins
    assert origins["stack.project"] == f"{tmp_path}/app.yaml:4"
    assert origins["stack.env.file"] == f"{BASE}:5"
    assert origins["upgrade.cutover[0].tables[1]"] == f"{BASE}:12"


def test_the_digest_follows_the_content_and_not_its_form(written: Written) -> None:
    plain = written("migrations: {service: migrate, path: migrations}").digest
    assert written("migrations:\n  path: 'migrations'\n  service: migrate  # once\n").digest == plain
    assert written("migrations: {service: migrate, path: migration}").digest != plain


def test_the_frozen_copy_is_the_playbook_without_its_bases(written: Written, tmp_path: Path) -> None:
    playbook = written(
        "hooks: [{when: on failure, run: \"echo 'a: b #c'\"}]\nhealthy: {timeout: 1h30m}\n"
        "change: {upgrade: [{replace: move, with: {tables: ['22:22', 'on', '010', '']}}]}\n"
    )
    frozen = playbook.to_yaml()
    (tmp_path / "app.yaml").unlink()
    again = from_frozen(frozen, KINDS)
    assert again.digest == playbook.digest
    assert (again.name, again.facts.hooks, again.facts.healthy) == ("app", playbook.facts.hooks, playbook.facts.healthy)
    assert (again.upgrade, again.rollback) == (playbook.upgrade, playbook.rollback)
    assert from_frozen(again.to_yaml(), KINDS).digest == playbook.digest


def test_a_frozen_copy_that_was_cut_off_is_refused(written: Written) -> None:
    frozen = written("").to_yaml()
    with pytest.raises(PlaybookError):
        from_frozen(frozen[: len(frozen) // 2], KINDS)


def test_a_text_that_is_no_file_yet(tmp_path: Path) -> None:
    playbook = from_text(f"name: app\nextends: {BASE}\n", tmp_path / "upgrader.yaml", KINDS)
    assert playbook.name == "app"
    assert not (tmp_path / "upgrader.yaml").exists()


def test_it_is_shown_resolved_with_origins_or_as_written(written: Written, tmp_path: Path) -> None:
    playbook = written("writers: [api]\n")
    assert any(line.startswith("  - api ") and line.endswith("app.yaml:3") for line in show(playbook).splitlines())
    assert "  - api\n" in show(playbook, origins=False)
    assert show(playbook, resolved=False) == (tmp_path / "app.yaml").read_text(encoding="utf-8")


COMMANDS = """hooks: [{when: after finish, run: [bell]}]
change: {upgrade: [{after: move, add: {uses: command, run: [make]}}]}
"""


def test_commands_of_the_app_s_own_repository_are_refused_unless_trusted(written: Written) -> None:
    assert written(COMMANDS).facts.hooks[0].run == ("bell",)
    with pytest.raises(PlaybookError) as caught:
        written(COMMANDS, trusted=False)
    assert [problem.message for problem in caught.value.problems] == [
        "a hook in a playbook from the app's own repository is refused",
        "a step that runs a command in a playbook from the app's own repository is refused",
    ]
    assert caught.value.hint.endswith("--trust-playbook app")


def test_such_a_playbook_decides_nothing_about_restore_points(written: Written) -> None:
    """Upstream could have them deleted, or sent to a place of its own."""
    text = "backups: {keep: 1, copy_to: {rclone: 'theirs:bucket'}}"
    assert written(text).facts.backups.keep == 1
    with pytest.raises(PlaybookError) as caught:
        written(text, trusted=False)
    assert [problem.message.partition(":")[0] for problem in caught.value.problems] == ["backups is refused"]
    assert written(text, trusted=False, trust="app").facts.backups.keep == 1


def test_a_copy_goes_to_one_place(written: Written) -> None:
    for text in ("{}", "{restic: a, rclone: b}"):
        with pytest.raises(PlaybookError, match="exactly one of restic, rclone"):
            written(f"backups: {{copy_to: {text}}}")


def test_without_commands_such_a_playbook_needs_no_trust(written: Written) -> None:
    assert written("writers: [api]", trusted=False).name == "app"


def test_such_a_playbook_stays_in_the_app_s_directory(written: Written) -> None:
    text = "stack: {files: [a.yaml, {file: /etc/b.yaml}], env: {file: ../.env}}"
    assert written(text).facts.stack.env.file == "../.env"
    with pytest.raises(PlaybookError) as caught:
        written(text, trusted=False)
    assert [problem.column for problem in caught.value.problems] == [32, 59]
