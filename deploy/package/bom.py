"""Write the bill of materials (CycloneDX 1.6, JSON) and the licences of the linked libraries.

Usage: bom.py VERSION FOLDER, which gets `bom.cdx.json` and `THIRD-PARTY-LICENSES`.

Only what the binary links is listed: `cargo tree` leaves out the dependencies of build scripts,
macros and tests. C libraries inside a crate and Rust's standard library are listed too. The licence
texts come from the sources of each library; a crate that ships none gets the standard text.
"""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "COPYRIGHT")
# Test data and sources that are not compiled.
SKIPPED = {"benches", "examples", "resources", "sqlcipher", "testdata", "tests"}
# What a crate with C sources bundles: name, licence, header, and the version in that header.
BUNDLED = {
    "libsqlite3-sys": ("sqlite", "blessing", "sqlite3/sqlite3.h", r'SQLITE_VERSION +"([\d.]+)"'),
    "ring": None,  # its C and assembly are its own, and carry its version
}


def output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(target: str) -> list[dict]:
    """The packages that the binary links, without our own, by name and version."""
    edges = ["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]
    tree = output("cargo", "tree", "--locked", "--package", "tramonto", "--target", target, *edges)
    names = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    metadata = ["--format-version", "1", "--locked", "--filter-platform", target]
    packages = json.loads(output("cargo", "metadata", *metadata))["packages"]
    found = [each for each in packages if (each["name"], f"v{each['version']}") in names]
    libraries = [each for each in found if each["source"]]
    return sorted(libraries, key=lambda each: (each["name"], each["version"]))


def licence(package: dict) -> str:
    """The SPDX expression; older manifests separate alternatives by a slash."""
    return re.sub(r" ?/ ?", " OR ", package["license"])


def component(ecosystem: str, name: str, version: str, expression: str) -> dict:
    purl = f"pkg:{ecosystem}/{name}@{version.replace('+', '%2B')}"
    licences = [{"expression": expression}]
    known = {"type": "library", "bom-ref": purl, "name": name, "version": version}
    return known | {"licenses": licences, "purl": purl}


def components(libraries: list[dict], rust: str) -> list[dict]:
    lock = tomllib.loads(Path("Cargo.lock").read_text())["package"]
    checksums = {(each["name"], each["version"]): each.get("checksum") for each in lock}
    found = [component("generic", "rust-std", rust, "MIT OR Apache-2.0")]
    for package in libraries:
        name, version = package["name"], package["version"]
        entry = component("cargo", name, version, licence(package))
        digest = checksums[name, version]
        found.append(entry | {"hashes": [{"alg": "SHA-256", "content": digest}]})
        if package["links"] and name not in BUNDLED:
            sys.exit(f"bom.py: {name} may bundle C sources; add it to BUNDLED")
        if bundled := BUNDLED.get(name):
            library, expression, file, pattern = bundled
            header = (Path(package["manifest_path"]).parent / file).read_text()
            found.append(component("generic", library, re.search(pattern, header)[1], expression))
    return found


def own_texts(package: dict) -> list[str]:
    folder = Path(package["manifest_path"]).parent
    files = sorted(file for file in folder.rglob("*") if file.name.upper().startswith(NAMES))
    kept = [file for file in files if not SKIPPED & set(file.relative_to(folder).parts)]
    return [file.read_text(errors="replace").strip() for file in kept if file.is_file()]


def standard_texts(expression: str, folder: Path) -> list[str]:
    """The texts of the licences in an expression, as the Rust toolchain ships them."""
    names = [folder / f"{name}.txt" for name in re.findall(r"[\w.-]+", expression)]
    return [file.read_text().strip() for file in names if file.is_file()]


def licences(libraries: list[dict], rust: str, standard: Path) -> str:
    """Every text once, under the libraries that it belongs to."""
    owners: dict[str, list[str]] = {}
    for package in libraries:
        name = f"{package['name']} {package['version']}"
        texts = own_texts(package) or standard_texts(licence(package), standard)
        if not texts:
            sys.exit(f"bom.py: no licence text of {name} ({package['license']})")
        for text in texts:
            owners.setdefault(text, []).append(name)
    for text in standard_texts("MIT OR Apache-2.0", standard):
        owners.setdefault(text, []).append(f"rust-std {rust}")
    rule = "=" * 80
    parts = [f"{rule}\n{', '.join(names)}\n{rule}\n\n{text}\n" for text, names in owners.items()]
    return "\n".join(parts)


def main(version: str, folder: Path) -> None:
    told = dict(line.split(": ", 1) for line in output("rustc", "-vV").splitlines()[1:])
    standard = Path(output("rustc", "--print", "sysroot").strip()) / "share/doc/rust/licenses"
    libraries = linked(told["host"])
    application = component("generic", "tramonto", version, "Apache-2.0") | {"type": "application"}
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": application},
        "components": components(libraries, told["release"]),
    }
    (folder / "bom.cdx.json").write_text(json.dumps(bom, indent=2) + "\n")
    (folder / "THIRD-PARTY-LICENSES").write_text(licences(libraries, told["release"], standard))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
