"""Keys that are set on more than one line: the last line wins."""

from collections.abc import Iterator

from upgrader.env.checks.scene import Scene
from upgrader.env.finding import Finding


def check_duplicates(scene: Scene) -> Iterator[Finding]:
    """`duplicate`, at the first line that is without effect; a note where all lines say the same."""
    values: dict[str, set[str | None]] = {}
    repeated = scene.live.duplicates()
    for entry in scene.live.entries if repeated else ():
        if entry.key in repeated:
            values.setdefault(entry.key, set()).add(entry.value)
    for key, lines in repeated.items():
        *lost, wins = lines
        same = len(values[key]) == 1
        listed = f"{', '.join(map(str, lost))} and {wins}"
        yield Finding(
            "duplicate",
            "note" if same else "warning",
            f"{key} is set on lines {listed}{', to the same value' if same else ''}: line {wins} wins",
            scene.edit(
                lost[0], f"delete {'it' if len(lost) == 1 else 'all but one'}, or line {wins} if that is the wrong one"
            ),
            key,
            scene.live.path,
            lost[0],
        )
