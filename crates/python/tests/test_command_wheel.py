"""The wheel of the command: where it says that it runs, and that it is whole."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib.util
import io
import pathlib
import zipfile
from typing import Any

import pytest

FOLDER = pathlib.Path(__file__).parents[1]


@pytest.fixture(scope="module")
def pack() -> Any:
    spec = importlib.util.spec_from_file_location("pack", FOLDER / "command/pack.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_platform_is_the_oldest_that_the_command_runs_on(pack: Any) -> None:
    program = b"\x7fELF\0GLIBC_2.9\0memcpy\0GLIBC_2.28\0GLIBC_2.17\0"
    assert pack.platform_tag(program, "linux", "x86_64") == "manylinux_2_28_x86_64"
    assert pack.platform_tag(program, "linux", "aarch64") == "manylinux_2_28_aarch64"
    assert pack.platform_tag(b"MZ", "win32", "AMD64") == "win_amd64"
    assert pack.platform_tag(b"", "darwin", "arm64") == "macosx_11_0_arm64"
    with pytest.raises(SystemExit, match="glibc"):
        pack.platform_tag(b"\x7fELF", "linux", "x86_64")


def test_the_wheel_lists_every_file_with_its_hash_and_the_command_can_be_executed(
    pack: Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "dermx"
    command.write_bytes(b"\x7fELF\0GLIBC_2.28\0")
    (tmp_path / "LICENSE-MIT").write_text("MIT")
    (tmp_path / "LICENSE-APACHE").write_text("Apache")
    monkeypatch.setattr(pack, "platform_tag", lambda program: "manylinux_2_28_x86_64")
    wheel = pack.pack(command, "1.2.3", tmp_path, tmp_path / "out")
    assert wheel.name == "dermx_cli-1.2.3-py3-none-manylinux_2_28_x86_64.whl"
    with zipfile.ZipFile(wheel) as archive:
        record = archive.read("dermx_cli-1.2.3.dist-info/RECORD").decode()
        rows = list(csv.reader(io.StringIO(record)))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, digest, size in rows[:-1]:
            content = archive.read(name)
            expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            assert (digest, size) == (f"sha256={expected}", str(len(content)))
        script = archive.getinfo("dermx_cli-1.2.3.data/scripts/dermx")
        assert script.external_attr >> 16 == 0o100755
        assert "Version: 1.2.3\n" in archive.read("dermx_cli-1.2.3.dist-info/METADATA").decode()
    before = wheel.read_bytes()
    assert pack.pack(command, "1.2.3", tmp_path, tmp_path / "out").read_bytes() == before
