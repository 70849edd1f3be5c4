"""The stubs say what the package is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dermx

pytest.importorskip("mypy")
PACKAGE = Path(dermx.__file__).parent


def mypy(*args: str, cwd: Path) -> None:
    """Runs mypy and expects no complaint."""
    ended = subprocess.run([sys.executable, "-m", *args], capture_output=True, text=True, cwd=cwd, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_stubs_and_tests_are_typed(tmp_path: Path) -> None:
    assert (PACKAGE / "py.typed").is_file()
    tests = sorted(str(path) for path in Path(__file__).parent.glob("*.py"))
    options = ["--strict", "--cache-dir", str(tmp_path), "--ignore-missing-imports", "--python-executable", sys.executable]
    mypy("mypy", *options, *tests, cwd=Path(__file__).parent)


def test_stubs_are_those_of_the_package(tmp_path: Path) -> None:
    mypy("mypy.stubtest", "dermx", cwd=tmp_path)
