"""Packs the command `dermx`, once it is built, into a wheel, `dermx_cli-VERSION-py3-none-PLATFORM.whl`.

    python pack.py target/release/dermx --version 0.2.0 --licenses . --out dist

The command takes minutes to compile and nothing of Python's, so it is built once, by Cargo, for the archive and for the
wheel alike. The platform is this machine's; on Linux the oldest C library that the command runs with is read from it.
Prints the path of the wheel. Only the standard library is needed.
"""

import argparse
import base64
import hashlib
import pathlib
import platform
import re
import sys
import zipfile

DISTRIBUTION = "dermx_cli"
# The wheel of one version is the same bytes whenever it is packed; a zip knows no time before 1980.
TIME = (1980, 1, 1, 0, 0, 0)

METADATA = """\
Metadata-Version: 2.4
Name: dermx-cli
Version: {version}
Summary: The command dermx: trains image classifiers, and scores where they look against several raters
License-Expression: MIT OR Apache-2.0
License-File: LICENSE-APACHE
License-File: LICENSE-MIT
Requires-Python: >=3.10
Description-Content-Type: text/markdown

# The command dermx

`pip install dermx-cli` puts the command `dermx` into the environment; nothing else is needed, no Rust either. The
package [`dermx`](https://pypi.org/project/dermx/) has the scores as functions of arrays; `pip install 'dermx[command]'`
installs both.

    dermx train --config quickstart.toml

Research output; not a medical device and not for diagnosis.
"""

WHEEL = """\
Wheel-Version: 1.0
Generator: dermx
Root-Is-Purelib: false
Tag: py3-none-{platform}
"""


def glibc(program):
    """The newest version of the C library that `program` asks for, as (2, 28); None if it asks for none."""
    found = re.findall(rb"\0GLIBC_(\d+)\.(\d+)", program)
    return max(((int(major), int(minor)) for major, minor in found), default=None)


def platform_tag(program, system=sys.platform, machine=None):
    """The wheel's platform for the bytes of `program`, built for this machine."""
    machine = (machine or platform.machine()).lower()
    if system == "win32":
        return {"amd64": "win_amd64", "x86_64": "win_amd64", "arm64": "win_arm64"}[machine]
    if system == "darwin":
        # What Rust builds for, if it is not told otherwise.
        return {"arm64": "macosx_11_0_arm64", "x86_64": "macosx_10_12_x86_64"}[machine]
    needed = glibc(program)
    if needed is None:
        raise SystemExit("the command names no version of glibc: a wheel of it would not say where it runs")
    return f"manylinux_{needed[0]}_{needed[1]}_{machine}"


def pack(command, version, licenses, out):
    """Writes the wheel of the program `command` into the folder `out`; its path."""
    program = command.read_bytes()
    tag = platform_tag(program)
    info = f"{DISTRIBUTION}-{version}.dist-info"
    files = {f"{DISTRIBUTION}-{version}.data/scripts/{command.name}": program}
    for name in ["LICENSE-APACHE", "LICENSE-MIT"]:
        files[f"{info}/licenses/{name}"] = (licenses / name).read_bytes()
    files[f"{info}/METADATA"] = METADATA.format(version=version).encode()
    files[f"{info}/WHEEL"] = WHEEL.format(platform=tag).encode()
    files[f"{info}/RECORD"] = record(files, f"{info}/RECORD").encode()
    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"{DISTRIBUTION}-{version}-py3-none-{tag}.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            mode = 0o755 if content is program else 0o644
            # A regular file with these permissions.
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, content)
    return wheel


def record(files, own_name):
    """A line for each file: name, hash, size; the list itself has neither."""
    lines = []
    for name, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}\n")
    return "".join(lines) + f"{own_name},,\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("command", type=pathlib.Path, help="the built program")
    parser.add_argument("--version", required=True)
    parser.add_argument("--licenses", type=pathlib.Path, required=True, help="the folder of LICENSE-MIT")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    print(pack(args.command, args.version, args.licenses, args.out))


if __name__ == "__main__":
    main()
