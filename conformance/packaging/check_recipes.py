#!/usr/bin/env python3
"""Holds the vcpkg port, the Conan recipe and the changelog to the project: one version, one namespace, one set of components, files that parse and run.

    check_recipes.py SOURCE_DIRECTORY VERSION WORK_DIRECTORY CMAKE
"""

import ast
import json
import pathlib
import re
import subprocess
import sys

source, version, work, cmake = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
packaging = source / "docs" / "packaging"


def require(holds, what):
    if not holds:
        sys.exit(f"check_recipes.py: {what}")


# The changelog has an entry for the version.
changelog = (source / "docs" / "CHANGELOG.md").read_text()
require(re.search(rf"^## \[{re.escape(version)}\]", changelog, re.MULTILINE), f"docs/CHANGELOG.md has no entry [{version}]")

# Each header is in the inline namespace of the version. (The kit is a library of its own: it is compiled with the headers that it came with.)
abi = "v" + "_".join(version.split(".")[:2])
for header in sorted((source / "include").rglob("*.hpp")):
    for name in re.findall(r"^(?:inline )?namespace (hybridbuffer\b.*) \{$", header.read_text(), re.MULTILINE):
        require(re.fullmatch(rf"hybridbuffer::inline {abi}(::\w+)*", name), f"{header.relative_to(source)}: the namespace {name} is not that of {abi}")

# The components, as the build has them.
components = set(re.findall(r"^hybridbuffer_add_component\((\w+)", (source / "CMakeLists.txt").read_text(), re.MULTILINE))
require(components, "CMakeLists.txt adds no component")
# The isal of vcpkg installs its headers where no other distribution does.
not_in_vcpkg = {"checksum"}

port = packaging / "vcpkg" / "hybridbuffer"
manifest = json.loads((port / "vcpkg.json").read_text())
require(manifest["name"] == port.name, "vcpkg.json: the name is not that of its folder")
require(manifest["version-semver"] == version, f"vcpkg.json: version-semver is {manifest['version-semver']}, the project's is {version}")
require(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", manifest["name"]), "vcpkg.json: the name has letters that vcpkg does not take")
require(manifest["license"] == "MIT" and "MIT License" in (source / "LICENSE").read_text(), "vcpkg.json: the licence")
known = {"$schema", "name", "version-semver", "description", "license", "supports", "dependencies", "features"}
require(set(manifest) <= known, f"vcpkg.json: fields that are not known: {set(manifest) - known}")
require(set(manifest["features"]) == components - not_in_vcpkg | {"views"}, f"vcpkg.json: features {set(manifest['features'])}, components {components}")
for name, feature in manifest["features"].items():
    require(set(feature) == {"description", "dependencies"}, f"vcpkg.json: the fields of feature {name}")
    names = [dependency if isinstance(dependency, str) else dependency["name"] for dependency in feature["dependencies"]]
    require(names == sorted(names), f"vcpkg.json: the dependencies of {name} are not in order, as `vcpkg format-manifest` puts them")
subprocess.run(
    [cmake, f"-DPORT_DIRECTORY={port}", f"-DWORK={work}", "-P", pathlib.Path(__file__).with_name("run_portfile.cmake")], check=True
)

# The recipe's own code finds the version; an option for each component, and a component with its target for each option.
recipe = packaging / "conan" / "conanfile.py"
tree = ast.parse(recipe.read_text(), str(recipe))
ast.parse((recipe.parent / "test_package" / "conanfile.py").read_text())
(recipe_class,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
attributes = {}
methods = {node.name: node for node in recipe_class.body if isinstance(node, ast.FunctionDef)}
for node in recipe_class.body:
    if isinstance(node, ast.Assign):
        attributes[node.targets[0].id] = ast.literal_eval(node.value)
options = {name.removeprefix("with_") for name in attributes["options"]}
require(options == components | {"views"}, f"conanfile.py: options {options}, components {components}")
require(set(attributes["options"]) == set(attributes["default_options"]), "conanfile.py: an option has no default")
require(attributes["package_type"] == "header-library", "conanfile.py: the package type")
targets = set(re.findall(r'"HybridBuffer::(\w+)"', ast.get_source_segment(recipe.read_text(), methods["package_info"])))
require(targets == components | {"HybridBuffer"}, f"conanfile.py: targets {targets}, components {components}")
for name in ("set_version", "export_sources", "layout", "requirements", "package_id", "validate", "generate", "build", "package"):
    require(name in methods, f"conanfile.py: no {name}()")
pattern = next(node.value for node in ast.walk(methods["set_version"]) if isinstance(node, ast.Constant) and "#define" in str(node.value))
header = (source / "include" / "hybridbuffer" / "version.hpp").read_text()
require(".".join(re.findall(pattern, header, re.MULTILINE)) == version, "conanfile.py: set_version() does not find the version")
for pattern in [node.value for node in ast.walk(methods["export_sources"]) if isinstance(node, ast.Constant)]:
    require(list(source.glob(pattern)), f"conanfile.py: export_sources(): nothing is called {pattern}")

print(f"changelog, vcpkg port and Conan recipe: version {version}, components {', '.join(sorted(components))}")
