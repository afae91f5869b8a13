"""The SDL library's own inputs give its own outputs, byte for byte; what it refuses is refused, with a place.

The fixtures are read in place, from ``../shared/fixtures/sdl`` beside the repository or from the folder that
``WEFT_SDL_FIXTURES`` names, and are not part of the repository.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

import pytest

from weftwork.compute.error import BadSdl
from weftwork.compute.sdl import parse, read_file
from weftwork.compute.sdl.schema import export_schema

FOLDER = Path(
    os.environ.get("WEFT_SDL_FIXTURES", Path(__file__).parents[3].parent / "shared" / "fixtures" / "sdl")
)
VALID = sorted(FOLDER.glob("input/v2.*/*/input.yaml"))
INVALID = sorted(FOLDER.glob("input/invalid/*.yaml"))
SCHEMA_ONLY = sorted(FOLDER.glob("input/schema-only-invalid/*.yaml"))
PLACES = {
    "count-zero": "deployment.web.akash.count",
    "empty-image": "services.web.image",
    "invalid-endpoint-name": "endpoints.Invalid-Name",
    "invalid-port": "services.web.expose[0].port",
    "invalid-protocol": "services.web.expose[0].proto",
    "missing-deployment": "deployment",
    "missing-image": "services.web.image",
    "missing-memory-size": "profiles.compute.web.resources.memory.size",
    "missing-version": "version",
    "negative-cpu": "profiles.compute.web.resources.cpu.units",
    "port-too-high": "services.web.expose[0].port",
    "port-zero": "services.web.expose[0].port",
    "ram-persistent-true": "profiles.compute.web.resources.storage[0].attributes.persistent",
    "unknown-field": "unknown_field",
    "v2.1-tee-cpu-gpu-no-gpu": "services.web.params.tee",
    "invalid-denom": "profiles.placement.akash.pricing.web.denom",
    "invalid-gpu-vendor": "profiles.compute.web.resources.gpu.attributes.vendor.amd",
    "invalid-version": "version",
    "password-too-short": "services.web.credentials.password",
}

pytestmark = pytest.mark.skipif(
    not VALID, reason=f"no SDL fixtures in {FOLDER}; WEFT_SDL_FIXTURES names them"
)


def name_of(path: Path) -> str:
    return path.parent.name if path.name == "input.yaml" else path.stem


def expected(path: Path, name: str) -> str:
    return (FOLDER / "output-fixtures" / path.parent.relative_to(FOLDER / "input") / name).read_text()


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_valid_file_gives_the_reference_group_specs_and_manifest_byte_for_byte(
    path: Path, strict: bool
) -> None:
    deployment = read_file(path, strict=strict)
    assert json.dumps(deployment.group_specs_json(), indent=2) == expected(path, "group-specs.json")
    assert json.dumps(deployment.manifest_json(), indent=2) == expected(path, "manifest.json")
    assert not deployment.warnings


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_manifest_hash_is_that_of_the_reference_manifest(path: Path) -> None:
    reference = json.loads(expected(path, "manifest.json"))
    canonical = json.dumps(reference, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert not set("<>&") & set(canonical)
    assert read_file(path).hash == hashlib.sha256(canonical.encode()).digest()


def check_places(path: Path, error: BadSdl) -> None:
    """Each problem has file, line, column, sentence and hint, and one is at the fault."""
    lines = path.read_text().splitlines()
    for problem in error.problems:
        assert problem.file == str(path)
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1])
        assert problem.sentence
        assert problem.hint
        assert problem.code.startswith("input.sdl.")
    assert PLACES.get(path.stem, error.path) in {problem.path for problem in error.problems}


@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
@pytest.mark.parametrize("path", INVALID, ids=name_of)
def test_invalid_file_is_refused_with_its_place_and_a_hint(path: Path, strict: bool) -> None:
    with pytest.raises(BadSdl) as caught:
        read_file(path, strict=strict)
    check_places(path, caught.value)


@pytest.mark.parametrize("path", SCHEMA_ONLY, ids=name_of)
def test_what_only_the_schema_refuses_is_a_warning_until_strict(path: Path) -> None:
    assert PLACES.get(path.stem) in {warning.path for warning in read_file(path).warnings} | {None}
    with pytest.raises(BadSdl) as caught:
        read_file(path, strict=True)
    check_places(path, caught.value)


def test_our_schema_takes_and_refuses_what_the_fixtures_do() -> None:
    validator = pytest.importorskip("jsonschema").Draft7Validator(export_schema())
    import yaml

    for path in VALID:
        assert not list(validator.iter_errors(yaml.safe_load(path.read_bytes()))), path
    across_values = {"v2.1-tee-cpu-gpu-no-gpu"}
    for path in INVALID + SCHEMA_ONLY:
        refused = bool(list(validator.iter_errors(yaml.safe_load(path.read_bytes()))))
        assert refused == (path.stem not in across_values), path


@pytest.mark.parametrize("path", VALID, ids=name_of)
def test_no_cut_of_a_valid_file_breaks_the_parser(path: Path) -> None:
    source = path.read_bytes()
    for end in range(0, len(source), 7):
        with contextlib.suppress(BadSdl):
            parse(source[:end])
