"""Compile the Vyper contracts into the artifacts that the package ships.

::

    python tools/compile_contracts.py              compile what changed, write artifacts
    python tools/compile_contracts.py Token        only the contracts named
    python tools/compile_contracts.py --check      compile all afresh, exit 1 naming artifacts that differ

An artifact is one JSON object: ``name``, ``compiler``, ``evm``, ``source_sha256`` (over the contract and
all that it imports), ``abi``, ``bytecode`` (deployment, without compiler metadata) and ``runtime_size`` in
bytes. A file in CamelCase is deployed and has an artifact; a file in snake_case is a library.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

CONTRACTS = Path(__file__).resolve().parent.parent / "src" / "weftwork" / "contracts"
ARTIFACTS = CONTRACTS / "artifacts"
COMPILER = "0.4.3"
EVM = "cancun"
CODE_LIMIT = 24_576
"""The largest deployed code of EIP-170, bytes."""


def _compiler_data(source: Path | str, paths: list[Path]) -> Any:
    """The compiler's own object for one contract: a path, or source text."""
    import vyper
    from vyper.compiler.input_bundle import FilesystemInputBundle
    from vyper.compiler.phases import CompilerData
    from vyper.compiler.settings import Settings

    if vyper.__version__.split("+")[0] != COMPILER:
        raise SystemExit(f"vyper {COMPILER} is wanted, {vyper.__version__} is installed: uv sync")
    bundle = FilesystemInputBundle(paths)
    given: Any = source
    if isinstance(source, Path):
        with bundle.search_path(source.parent):
            given = bundle.load_file(Path(source.name))
    return CompilerData(given, bundle, Settings(evm_version=EVM), no_bytecode_metadata=True)


def compile_source(source: Path | str, name: str, paths: list[Path] | None = None) -> dict[str, Any]:
    """Compile one contract (a path, or source text); imports are found in ``paths`` and among our own."""
    from vyper.compiler.output import build_abi_output
    from vyper.compiler.settings import anchor_settings

    data = _compiler_data(source, [*(paths or []), CONTRACTS])
    with anchor_settings(data.settings):
        bytecode, runtime = data.bytecode, data.bytecode_runtime
        immutables = data.annotated_vyper_module._metadata["type"].immutable_section_bytes
        abi = build_abi_output(data)
    return {
        "name": name,
        "compiler": COMPILER,
        "evm": EVM,
        "source_sha256": data.integrity_sum,
        "abi": abi,
        "bytecode": "0x" + bytecode.hex(),
        "runtime_size": len(runtime) + immutables,
    }


def deployables() -> list[str]:
    """The names of all contracts that deploy, sorted."""
    return sorted(path.stem for path in CONTRACTS.glob("[A-Z]*.vy"))


def render(artifact: dict[str, Any]) -> str:
    """An artifact as text: sorted keys, one line for each item of the ABI."""
    lines = []
    for key in sorted(artifact):
        if key == "abi":
            items = ",\n".join("    " + json.dumps(item, sort_keys=True) for item in artifact["abi"])
            lines.append(f'  "abi": [\n{items}\n  ]')
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(artifact[key])}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compile_named(name: str) -> tuple[str, str, int]:
    """Compile one of our contracts: its name, its artifact as text, its size; a negative size is an error."""
    from vyper.exceptions import VyperException

    try:
        artifact = compile_source(CONTRACTS / f"{name}.vy", name)
    except VyperException as error:
        return name, f"{type(error).__name__}: {error}", -1
    return name, render(artifact), artifact["runtime_size"]


def _is_fresh(name: str) -> bool:
    """Whether the artifact on disk was made by this compiler from the source as it stands."""
    path = ARTIFACTS / f"{name}.json"
    if not path.exists():
        return False
    kept = json.loads(path.read_text())
    source = _compiler_data(CONTRACTS / f"{name}.vy", [CONTRACTS]).integrity_sum
    return (kept["compiler"], kept["evm"], kept["source_sha256"]) == (COMPILER, EVM, source)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="contracts to compile; all when none is named"
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if an artifact differs")
    given = parser.parse_args()

    known = deployables()
    unknown = sorted(set(given.names) - set(known))
    if unknown:
        print(f"no such contract: {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    names = given.names or known
    work = names if given.check or given.names else [name for name in names if not _is_fresh(name)]

    wrong: list[str] = []
    ARTIFACTS.mkdir(exist_ok=True)
    with ProcessPoolExecutor(max_workers=max(1, min(len(work), os.cpu_count() or 1))) as pool:
        for name, text, size in pool.map(_compile_named, work):
            path = ARTIFACTS / f"{name}.json"
            if size < 0:
                wrong.append(name)
                print(f"{name}: does not compile\n{text}")
            elif size > CODE_LIMIT:
                wrong.append(name)
                print(f"{name}: {size} bytes of code, over the limit of {CODE_LIMIT}")
            elif not given.check:
                path.write_text(text)
                print(f"{name}: {size} bytes")
            elif not path.exists() or path.read_text() != text:
                wrong.append(name)
                print(f"{name}: the artifact differs from a fresh compile")
    if given.check or not given.names:
        for path in sorted(ARTIFACTS.glob("*.json")):
            if path.stem not in known:
                wrong.append(path.stem)
                print(f"{path.stem}: an artifact without a contract")
    if wrong:
        print("next: python tools/compile_contracts.py")
        return 1
    if given.check:
        print(f"{len(work)} artifacts equal a fresh compile")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
