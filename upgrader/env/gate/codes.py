"""What can be wrong with a release: the code of each finding, why it matters, and what mends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from upgrader.env.finding import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of finding. `severity` is the worst that it can have, the texts are whole sentences."""

    severity: Severity
    what: str
    why: str
    help: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "example-refused": Rule(
            "error",
            "Docker Compose refuses the example.",
            "Who copies it cannot start anything: one line it cannot read makes Compose refuse the whole file.",
            "Comments begin with `#`, every other line is `KEY=value`; close every quote.",
        ),
        "compose-refused": Rule(
            "error",
            "A Compose file is not YAML.",
            "No operator can start this release.",
            "Run `docker compose config --quiet` before the tag.",
        ),
        "conflict-marker": Rule(
            "error",
            "A merge left its markers.",
            "Docker Compose refuses the file, and nobody knows which side was meant.",
            "Choose one side, delete the three marker lines.",
        ),
        "duplicate-key": Rule(
            "error",
            "The example has a key twice.",
            "Compose takes the last line without a word; the operator edits the first one and nothing happens.",
            "Delete one of the lines; comment the alternative out.",
        ),
        "comment-as-value": Rule(
            "error",
            "A comment behind an empty value is the value.",
            "For `KEY= # note` Compose and python-dotenv hand `# note` to the app.",
            'Put the comment on the line above, or write `KEY="" # note`.',
        ),
        "prose-as-key": Rule(
            "warning",
            "A sentence reads like a commented-out key.",
            "Tools, and people who remove the `#`, take the sentence for the key's value.",
            "Word the line so that it does not begin with `KEY=`.",
        ),
        "required-without-source": Rule(
            "error",
            "A new required key comes without generator, safe default or human hint.",
            "Existing installations stop at this release, and their operators have nothing to go by.",
            'Put `# @generate hex:32` or `# @human "where to get it"` above the key, or a default that fits everyone.',
        ),
        "not-in-notes": Rule(
            "error",
            "A new required key is absent from the release notes.",
            "Operators read the notes, not the difference of two examples.",
            "Paste the section that `--format markdown` prints into the notes.",
        ),
        "secret-without-generator": Rule(
            "error",
            "A secret has a placeholder or a guessable value, and nothing says how to make a real one.",
            "Some operators start with the published value, and everyone knows it.",
            "Put `# @generate hex:32` above the key and leave its value empty.",
        ),
        "published-secret": Rule(
            "error",
            "A real-looking secret is shipped as a default.",
            "Whoever copies the example runs with a secret that everybody can read; if it is yours, it has leaked.",
            "Revoke it if it is real, leave the value empty, and put `# @generate hex:32` above the key.",
        ),
        "value-moved": Rule(
            "error",
            "A key's default changed, and a new key takes over the old one.",
            "The old key means something else now, and the value that operators have set for it is wrong.",
            "Keep the old key's meaning and give the new one a new name, or annotate it with `@renamed-from`.",
        ),
        "compose-key-missing": Rule(
            "error",
            "A Compose file reads a variable that the example lacks.",
            "Operators hear of it from an error of Compose, or not at all where an empty value is silently wrong.",
            "Add the key to the example, or give the variable a default: `${KEY:-value}`.",
        ),
        "compose-default-differs": Rule(
            "warning",
            "Compose's default for a key is not the example's.",
            "Installations with the key and those without it run differently.",
            "Make both the same, or say in the example's comment why they differ.",
        ),
        "gated-requirement": Rule(
            "warning",
            "A service behind a profile demands a variable.",
            "Compose reads the whole file: `${KEY:?}` stops operators who do not use the profile, too.",
            "Write `${KEY:-}` and let the service check it, or move the service into a file of its own.",
        ),
        "project-name": Rule(
            "error",
            "The release sets or changes the Compose project's name.",
            "Under another name Compose makes new, empty volumes: to the operator all data is gone.",
            "Leave `COMPOSE_PROJECT_NAME` and `name:` as they were.",
        ),
        "removed-key": Rule(
            "error",
            "A key is gone without a word.",
            "Operators still have it in their file and cannot know whether it was renamed, replaced or dropped.",
            'Put `@renamed-from OLD` above the new key, or `@removed "reason"` for the old one into the overlay.',
        ),
        "demoted-key": Rule(
            "warning",
            "A key is commented out now.",
            "Existing installations still set it; new ones run without it.",
            "Name it in the release notes if the two behave differently.",
        ),
        "annotation": Rule(
            "error",
            "An annotation cannot be meant as it stands.",
            "What is not understood is not followed: the key is judged as if the word were not there.",
            "Correct the word, the generator or its argument; the page on annotations lists all of them.",
        ),
        "overlay-refused": Rule(
            "error",
            "The overlay cannot be read.",
            "Everything it says is lost.",
            "Correct the line.",
        ),
        "overlay-stale": Rule(
            "error",
            "The overlay has a key that the example lacks.",
            "It was renamed or dropped, and what the overlay says of it no longer applies.",
            "Delete it from the overlay, rename it there, or mark it `@removed`.",
        ),
    }
)
