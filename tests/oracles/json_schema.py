"""The part of JSON Schema that gradflow's own schemas use, checked in a few lines."""

from __future__ import annotations

TYPES = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "null": (type(None),),
}
KNOWN = {
    *("$schema", "$defs", "$ref", "title", "type", "const", "enum", "oneOf", "required"),
    *("properties", "additionalProperties", "items", "minLength"),
}


def faults(value, schema, whole=None, at="$"):
    """Return what does not fit, a line each; a word of a schema that is unknown here fails."""
    whole = whole or schema
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return faults(value, whole["$defs"][name], whole, at)
    found = []
    if "oneOf" in schema:
        fitting = [one for one in schema["oneOf"] if not faults(value, one, whole, at)]
        found += [] if len(fitting) == 1 else [f"{at}: fits {len(fitting)} of oneOf"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{at}: is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{at}: {value!r} is none of the enum")
    if "type" in schema:
        allowed = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        kinds = tuple(kind for name in allowed for kind in TYPES[name])
        if not isinstance(value, kinds) or isinstance(value, bool):
            return [*found, f"{at}: a {type(value).__name__} is none of {allowed}"]
    if isinstance(value, str) and len(value) < schema.get("minLength", 0):
        found.append(f"{at}: is too short")
    if isinstance(value, dict):
        found += [f"{at}: lacks {name}" for name in schema.get("required", ()) if name not in value]
        more = schema.get("additionalProperties", {})
        for name, inner in value.items():
            rule = schema.get("properties", {}).get(name, more)
            if rule is False:
                found.append(f"{at}: {name} is not allowed")
            else:
                found += faults(inner, rule, whole, f"{at}.{name}")
    if isinstance(value, list):
        for i, inner in enumerate(value):
            found += faults(inner, schema.get("items", {}), whole, f"{at}[{i}]")
    return found
