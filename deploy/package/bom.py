"""Write the bill of materials (CycloneDX 1.6, JSON) and the licences of the libraries in the binary.

Usage: bom.py VERSION BOM LICENCES. Only what the binary links is listed: build scripts' and tests'
dependencies are not. The licence texts come from the sources of each library, as cargo has them.
"""

import json
import subprocess
import sys
from pathlib import Path

PLATFORM = "x86_64-unknown-linux-gnu"
NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT")


def metadata() -> dict:
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", PLATFORM]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def linked(found: dict) -> list[dict]:
    """The libraries that the binary links, sorted by name and version."""
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    packages = {package["id"]: package for package in found["packages"]}
    is_macro = lambda package: any("proc-macro" in target["kind"] for target in package["targets"])
    start = next(package["id"] for package in found["packages"] if package["name"] == "tramonto")
    seen, rest = {start}, [start]
    while rest:
        for dependency in nodes[rest.pop()]["deps"]:
            normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            id_ = dependency["pkg"]
            if normal and id_ not in seen and not is_macro(packages[id_]):
                seen.add(id_)
                rest.append(id_)
    libraries = [packages[id_] for id_ in seen if packages[id_]["source"]]
    return sorted(libraries, key=lambda package: (package["name"], package["version"]))


def component(package: dict) -> dict:
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    licence = (package["license"] or "").replace("/", " OR ")
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package["name"],
        "version": package["version"],
        "purl": purl,
        "licenses": [{"expression": licence}],
    }


def texts(package: dict) -> list[Path]:
    folder = Path(package["manifest_path"]).parent
    return sorted(file for file in folder.iterdir() if file.is_file() and file.name.upper().startswith(NAMES))


def main(version: str, bom: Path, licences: Path) -> None:
    libraries = linked(metadata())
    application = {"type": "application", "bom-ref": f"pkg:cargo/tramonto@{version}", "name": "tramonto"}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": application | {"version": version, "licenses": [{"license": {"id": "Apache-2.0"}}]}},
        "components": [component(package) for package in libraries],
    }
    bom.write_text(json.dumps(document, indent=2) + "\n")
    with licences.open("w") as out:
        for package in libraries:
            out.write(f"==== {package['name']} {package['version']}: {package['license']}\n\n")
            for file in texts(package):
                out.write(file.read_text(errors="replace").strip() + "\n\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
