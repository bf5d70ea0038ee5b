"""What pip installs: everything the program needs, from the wheel and from the sdist alike."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fbsyncd import __version__

# Building itself is tested; with the setuptools at hand, so that no network is needed.
pytest.importorskip("setuptools", minversion="77")

ROOT = Path(__file__).resolve().parent.parent
SHARED = [
    "share/man/man1/fbsyncd.1",
    "share/bash-completion/completions/fbsyncd.bash",
    "share/zsh/site-functions/_fbsyncd",
    "share/fish/vendor_completions.d/fbsyncd.fish",
]
_BUILD = (
    "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])('.'))"
)
_LEFT_OUT = shutil.ignore_patterns(".*", "media", "build", "dist", "*.egg-info", "__pycache__")
_LOCATE = """
from fbsyncd import datafiles
for engine in ("sqlite", "postgresql"):
    print(*sorted(datafiles.schema_dir(engine).iterdir()), sep="\\n")
print(datafiles.web_dir())
print(datafiles.unit("fbsyncd.service"))
print(datafiles.reference_config())
"""


def _build(tree: Path, kind: str) -> Path:
    command = [sys.executable, "-c", _BUILD, f"build_{kind}"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True)
    return tree / done.stdout.splitlines()[-1]


def _wheel_names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that building leaves nothing behind in them."""
    copy = tmp_path_factory.mktemp("packaging") / "fbsyncd"
    shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    """The wheel of the sources."""
    return _build(tree, "wheel")


def test_wheel_carries_everything(wheel: Path) -> None:
    """Every module, SQL file and web file, the reference config.toml, manual and completions."""
    package = {path for path in (ROOT / "fbsyncd").rglob("*") if path.is_file()}
    schema = {Path("fbsyncd", path.relative_to(ROOT)) for path in (ROOT / "schema").rglob("*.sql")}
    expected = {path.relative_to(ROOT) for path in package if "__pycache__" not in path.parts}
    units = {Path("fbsyncd", path.relative_to(ROOT)) for path in ROOT.glob("systemd/*.service")}
    expected |= schema | units | {Path("fbsyncd/config.toml")}
    expected |= {Path(f"fbsyncd-{__version__}.data", "data", path) for path in SHARED}
    assert _wheel_names(wheel) == {path.as_posix() for path in expected}
    assert len(schema) >= 2


def test_sdist_makes_the_same_wheel(tree: Path, wheel: Path, tmp_path: Path) -> None:
    """Who builds from the sdist gets what we get."""
    subprocess.run(["tar", "-xzf", _build(tree, "sdist"), "-C", tmp_path], check=True)
    (unpacked,) = tmp_path.iterdir()
    assert _wheel_names(_build(unpacked, "wheel")) == _wheel_names(wheel)
    assert (unpacked / "tests" / "conftest.py").exists()


def test_installed_package_finds_its_files(wheel: Path, tmp_path: Path) -> None:
    """An installed package finds schema, web files and config.toml inside itself."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, '.')\n{_LOCATE}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    found = [Path(line) for line in done.stdout.splitlines()]
    assert all(path.exists() and path.is_relative_to(tmp_path / "fbsyncd") for path in found)
    assert (tmp_path / "fbsyncd" / "config.toml").read_text() == (ROOT / "config.toml").read_text()


def test_checkout_finds_its_files() -> None:
    """A checkout, and an editable install of it, finds them where they are edited."""
    command = [sys.executable, "-c", _LOCATE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = [Path(line) for line in done.stdout.splitlines()]
    assert ROOT / "config.toml" in found
    assert ROOT / "schema" / "sqlite" in [path.parent for path in found]
