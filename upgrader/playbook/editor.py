"""The JSON Schema of playbooks, for editors."""

from typing import Any

from upgrader.playbook.schema import Document
from upgrader.steps.base import Kinds

_REF = "#/$defs/{model}"


def schema(kinds: Kinds) -> dict[str, Any]:
    """The schema of a playbook as it is written, with every kind of step."""
    document = Document.model_json_schema(ref_template=_REF, by_alias=True)
    definitions = document.setdefault("$defs", {})
    for name, kind in sorted(kinds.items()):
        step = kind.model_json_schema(ref_template=_REF, by_alias=True)
        definitions |= step.pop("$defs", {})
        step["properties"] |= {"id": {"type": "string"}, "uses": {"const": name}}
        definitions[f"step {name}"] = {**step, "required": sorted({*step.get("required", []), "uses"})}
    definitions["step"] = {"anyOf": [{"$ref": _REF.format(model=f"step {name}")} for name in sorted(kinds)]}
    for phase in definitions["ProcedureSection"]["properties"].values():
        phase["items"] = {"$ref": "#/$defs/step"}
    # `with` stays open: a replacement may leave out its kind
    definitions["Amendment"]["properties"]["add"] = {
        "anyOf": [{"$ref": "#/$defs/step"}, {"type": "array", "items": {"$ref": "#/$defs/step"}}]
    }
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A playbook of upgrader"}
    return {**document, **title}
