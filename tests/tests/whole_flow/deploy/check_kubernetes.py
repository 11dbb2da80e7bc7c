"""Holds Kubernetes objects (a JSON list on standard input) to the models of Kubernetes' own client.

Prints one problem a line: a kind that is not in that API, a field that is not in the schema, a value of another
type, a field that must be there. What only the server knows (do the names exist?) is not looked at.
"""

import json
import re
import sys

from kubernetes import client

PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "datetime": str}
problems = []


def check(value, kind, path):
    if kind == "object":
        return
    if kind in PLAIN:
        fits = isinstance(value, PLAIN[kind]) and (kind == "bool" or not isinstance(value, bool))
        if not fits:
            problems.append(f"{path}: {value!r} is no {kind}")
        return
    if listed := re.fullmatch(r"list\[(.*)\]", kind):
        if not isinstance(value, list):
            return problems.append(f"{path}: {value!r} is no list")
        for at, item in enumerate(value):
            check(item, listed[1], f"{path}[{at}]")
        return
    if mapped := re.fullmatch(r"dict\(str, (.*)\)", kind):
        if not isinstance(value, dict):
            return problems.append(f"{path}: {value!r} is no map")
        for key, item in value.items():
            check(item, mapped[1], f"{path}.{key}")
        return
    model(value, getattr(client, kind), path)


def model(value, shape, path):
    if not isinstance(value, dict):
        return problems.append(f"{path}: {value!r} is no {shape.__name__}")
    attributes = {field: name for name, field in shape.attribute_map.items()}
    for field, item in value.items():
        if field in attributes:
            check(item, shape.openapi_types[attributes[field]], f"{path}.{field}")
        else:
            problems.append(f"{path}: {shape.__name__} has no field {field!r}")
    try:
        shape(**{attributes[field]: item for field, item in value.items() if field in attributes})
    except ValueError as problem:
        problems.append(f"{path}: {problem}")


def api_has(version, kind):
    group, _, release = version.rpartition("/")
    name = (group.removesuffix(".k8s.io").capitalize() or "Core") + release.capitalize() + "Api"
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()
    api = getattr(client, name, None)
    return any(hasattr(api, f"create_{scope}{snake}") for scope in ("namespaced_", ""))


for item in json.load(sys.stdin):
    kind, version = item.get("kind", "?"), item.get("apiVersion", "?")
    name = f"{kind} {item.get('metadata', {}).get('name', '?')}"
    if api_has(version, kind):
        check(item, f"V1{kind}", name)
    else:
        problems.append(f"{name}: {version} has no such kind")
print("\n".join(problems))
