"""The installed wheel: all of doodled, nothing else, and working outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from pipeline.files.assets import AssetKind

CHECKOUT = Path(__file__).resolve().parents[2]
CHARACTER = "stick_king"


def output_of(*command: str | Path, cwd: Path, environ: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    output_of(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=CHECKOUT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def packed(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the installed wheel. Dependencies come from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-deps", "--no-index", "--no-compile")
    output_of(*pip, "--target", folder, wheel, cwd=folder)
    return folder


@pytest.fixture
def environ(installed: Path) -> dict[str, str]:
    """An environment that finds the installed packages before those of the checkout."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AD_", "ANIMATED_DRAWINGS"))}
    return kept | {"PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}


def files_below(folder: Path) -> set[str]:
    """Files of the project, as paths from `folder`, without those that Python or a tool has written."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and "cache" not in str(path.relative_to(folder))}


def test_contains_only_daemon_and_pipeline(packed):
    tops = {name.partition("/")[0] for name in packed}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"daemon", "pipeline"}


@pytest.mark.parametrize("package", ["daemon", "pipeline"])
def test_contains_every_file_of_the_packages(package, packed):
    """Shaders and other data files included."""
    assert {f"{package}/{name}" for name in files_below(CHECKOUT / package)} <= packed


@pytest.mark.parametrize("kind", AssetKind)
def test_contains_data_without_the_scripts_that_made_it(kind, packed):
    expected = {f"pipeline/assets/{kind}/{name}" for name in files_below(CHECKOUT / "etc" / kind) if not name.endswith(".py")}
    assert {name for name in packed if name.startswith(f"pipeline/assets/{kind}/")} == expected


def test_imports_the_installed_packages(installed, environ, tmp_path):
    code = "import daemon, pipeline; print(daemon.__file__, pipeline.__file__)"
    assert all(
        Path(file).is_relative_to(installed) for file in output_of(sys.executable, "-c", code, cwd=tmp_path, environ=environ).split()
    )


def test_installed_command_lists_every_motion(installed, environ, tmp_path):
    listed = output_of(installed / "bin/doodled", "motions", cwd=tmp_path, environ=environ).splitlines()[1:]
    assert [line.split()[0] for line in listed] == sorted(path.stem for path in (CHECKOUT / "etc/motions").glob("*.yaml"))


@pytest.mark.gl
def test_installed_command_renders_its_own_character(installed, environ, tmp_path):
    character = installed / "pipeline/assets/characters" / CHARACTER
    asked = ("--motion", "jump", "--size", "64x64", "--fps", "5", "-o", "jump.gif")
    output = output_of(installed / "bin/doodled", "render", character, *asked, cwd=tmp_path, environ=environ)
    assert "64x64" in output
    with Image.open(tmp_path / "jump.gif") as image:
        assert (image.format, image.size) == ("GIF", (64, 64))
        assert image.n_frames > 5
