"""The artifact compiler: the same source gives the same artifact, and an artifact that differs is named."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "compile_contracts.py"
SOURCE = """
# pragma version ~=0.4.3
import part

@external
@view
def one() -> uint256:
    return part._one()
"""
PART = "# pragma version ~=0.4.3\n@internal\n@pure\ndef _one() -> uint256:\n    return 1\n"


@pytest.fixture
def tool(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("compile_contracts_under_test", TOOL)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    (tmp_path / "One.vy").write_text(SOURCE)
    (tmp_path / "part.vy").write_text(PART)
    monkeypatch.setattr(module, "CONTRACTS", tmp_path)
    monkeypatch.setattr(module, "ARTIFACTS", tmp_path / "artifacts")
    return module


def run(tool, monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["compile_contracts.py", *args])
    return tool.main()


def test_fresh_artifact_passes_the_check_and_is_not_compiled_twice(tool, monkeypatch, capsys):
    assert run(tool, monkeypatch) == 0
    assert capsys.readouterr().out.startswith("One: ")
    assert run(tool, monkeypatch) == 0
    assert capsys.readouterr().out == ""
    assert run(tool, monkeypatch, "--check") == 0
    assert capsys.readouterr().out == "1 artifacts equal a fresh compile\n"
    artifact = json.loads((tool.ARTIFACTS / "One.json").read_text())
    assert (artifact["name"], artifact["compiler"], artifact["evm"]) == ("One", "0.4.3", "cancun")


def test_artifact_behind_a_changed_library_is_named(tool, monkeypatch, capsys):
    run(tool, monkeypatch)
    (tool.CONTRACTS / "part.vy").write_text(PART.replace("return 1", "return 2"))
    assert run(tool, monkeypatch, "--check") == 1
    assert "One: the artifact differs from a fresh compile" in capsys.readouterr().out
    assert run(tool, monkeypatch) == 0
    assert run(tool, monkeypatch, "--check") == 0


def test_changed_stray_and_missing_artifacts_are_named(tool, monkeypatch, capsys):
    run(tool, monkeypatch)
    kept = tool.ARTIFACTS / "One.json"
    kept.write_text(kept.read_text().replace("0x", "0x00", 1))
    (tool.ARTIFACTS / "Gone.json").write_text("{}")
    assert run(tool, monkeypatch, "--check") == 1
    out = capsys.readouterr().out
    assert "One: the artifact differs" in out
    assert "Gone: an artifact without a contract" in out
    kept.unlink()
    assert run(tool, monkeypatch, "--check") == 1


def test_source_that_does_not_compile_is_named(tool, monkeypatch, capsys):
    (tool.CONTRACTS / "One.vy").write_text(SOURCE.replace("uint256", "nothing"))
    assert run(tool, monkeypatch) == 1
    assert "One: does not compile" in capsys.readouterr().out
    assert run(tool, monkeypatch, "Two") == 2
