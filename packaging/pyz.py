"""Builds cts with its plugins and dependencies into one file: ``python packaging/pyz.py [FILE]``, default ``dist/cts.pyz``.

Nothing is unpacked where it runs, so that nothing is left there; hence no dependency may have compiled parts.
"""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tomllib
import zipapp
from pathlib import Path
from py_compile import PycInvalidationMode
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
OLDEST_PYTHON = "3.11"
WITHOUT_COMPILED_PARTS = ("--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none")


def pip(*args: str | Path, **environment: str) -> None:
    """Run pip, with more in its environment; SystemExit with its status if it fails."""
    finished = subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *args],
        check=False,
        env={**os.environ, **environment},
    )
    if finished.returncode:
        sys.exit(finished.returncode)


def fill(folder: Path, scratch: Path) -> None:
    """Put everything that runs into the folder."""
    wheels, builder = scratch / "wheels", scratch / "builder"
    projects = [ROOT, *sorted(each.parent for each in ROOT.glob("plugins/*/pyproject.toml"))]
    # What builds them is installed once for all: pip by itself would do it anew for each, which takes longer than to build.
    needed = {
        need
        for each in projects
        for need in tomllib.loads((each / "pyproject.toml").read_text())["build-system"]["requires"]
    }
    pip("install", "--no-compile", "--target", builder, *sorted(needed))
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, *projects, PYTHONPATH=str(builder))
    pip(
        *("install", "--target", folder, "--no-compile", "--python-version", OLDEST_PYTHON, *WITHOUT_COMPILED_PARTS),
        *sorted(wheels.iterdir()),
    )
    shutil.rmtree(folder / "bin", ignore_errors=True)
    for each in folder.glob("*.dist-info/direct_url.json"):
        each.unlink()  # names a folder of this machine
    # For the Python that builds; any other compiles what it imports anew at each start. An archive has no times to go by.
    compileall.compile_dir(
        folder,
        quiet=1,
        legacy=True,
        stripdir=str(folder),
        prependdir="cts.pyz",
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
    )


def main() -> None:
    """Build it, and say how large it is."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "dist" / "cts.pyz"
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="cts-pyz-") as scratch:
        folder = Path(scratch) / "app"
        fill(folder, Path(scratch))
        zipapp.create_archive(folder, target, interpreter="/usr/bin/env python3", main="cts.cli:main", compressed=True)
    target.chmod(0o755)  # zipapp lets its owner alone run it
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
