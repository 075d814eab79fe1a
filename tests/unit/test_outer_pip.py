"""Settings of this machine's pip, as the integration tests carry them into machines and image builds."""

from __future__ import annotations

import subprocess
import sys

from tests.integration.outer_pip import Mount, carried_settings, config_file, pip_settings

LISTING = r"""
:env:.cert='/etc/ssl/ca.pem'
:env:.find-links='/opt/wheels'
global.constraint='/etc/pip/constraints.txt'
global.extra-index-url='file:///opt/a/simple https://example.org/simple'
global.find-links='/opt/other'
install.find-links='/opt/third'
install.no-binary='a\nb'
""".strip()


def test_environment_overrides_every_section():
    assert pip_settings(LISTING) == {
        "global": {
            "constraint": "/etc/pip/constraints.txt",
            "extra-index-url": "file:///opt/a/simple https://example.org/simple",
            "find-links": "/opt/wheels",
            "cert": "/etc/ssl/ca.pem",
        },
        "install": {"no-binary": "a\nb"},
    }


def test_environment_alone_makes_global_settings():
    assert pip_settings(":env:.timeout='9'") == {"global": {"timeout": "9"}}


def test_no_settings():
    assert config_file(pip_settings("")) == "\n"


def test_pip_reads_what_is_written(tmp_path):
    written = tmp_path / "pip.conf"
    settings = pip_settings(LISTING)
    written.write_text(config_file(settings))
    command = [sys.executable, "-m", "pip", "config", "list"]
    listing = subprocess.run(
        command, env={"PIP_CONFIG_FILE": str(written), "HOME": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    read = pip_settings(listing.stdout)
    assert read["global"].items() >= settings["global"].items()
    assert read["install"] == {"no-binary": "a b"}


def test_every_file_that_is_named_is_mounted(tmp_path):
    files = {name: tmp_path / name for name in ("ca.pem", "key.pem", "constraints.txt", "build.txt", "needed.txt")}
    for file in files.values():
        file.write_text("")
    for folder in ("wheels", "index/simple", "pages"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "pages/links.html").write_text("")
    settings = {
        "global": {
            "cert": f"{tmp_path}/ca.pem",
            "client-cert": f"{tmp_path}/key.pem",
            "constraint": f"{tmp_path}/constraints.txt",
            "build-constraint": f"{tmp_path}/build.txt",
            "extra-index-url": f"file://{tmp_path}/index/simple\nhttps://example.org/simple",
            "index-url": f"file://{tmp_path}/gone/simple",
            "find-links": f"{tmp_path}/wheels file://{tmp_path}/pages/links.html",
            "timeout": "9",
            "cache-dir": str(tmp_path),
            "log": f"{tmp_path}/ca.pem",
        },
        "install": {"requirement": f"{tmp_path}/needed.txt"},
    }
    carried, mounts = carried_settings(settings, tmp_path)
    assert set(mounts) == {
        Mount(tmp_path / "ca.pem", "/etc/pip-cert.pem"),
        Mount(tmp_path / "key.pem", "/etc/pip-client-cert.pem"),
        *(
            Mount(tmp_path / name, f"{tmp_path}/{name}")
            for name in ("constraints.txt", "build.txt", "needed.txt", "wheels", "index", "pages")
        ),
    }
    assert carried["global"] == {
        "cert": "/etc/pip-cert.pem",
        "client-cert": "/etc/pip-client-cert.pem",
        "constraint": f"{tmp_path}/constraints.txt",
        "build-constraint": f"{tmp_path}/build.txt",
        "extra-index-url": f"file://{tmp_path}/index/simple https://example.org/simple",
        "index-url": f"file://{tmp_path}/gone/simple",
        "find-links": f"{tmp_path}/wheels file://{tmp_path}/pages/links.html",
        "timeout": "9",
    }
    assert carried["install"] == settings["install"]


def test_relative_paths_become_absolute(tmp_path):
    (tmp_path / "constraints.txt").write_text("")
    carried, mounts = carried_settings({"global": {"constraint": "constraints.txt", "timeout": "9"}}, tmp_path)
    assert carried == {"global": {"constraint": f"{tmp_path}/constraints.txt", "timeout": "9"}}
    assert mounts == [Mount(tmp_path / "constraints.txt", f"{tmp_path}/constraints.txt")]


def test_links_are_mounted_as_what_they_point_to(tmp_path):
    (tmp_path / "real.txt").write_text("")
    (tmp_path / "link.txt").symlink_to("real.txt")
    _, mounts = carried_settings({"global": {"constraint": f"{tmp_path}/link.txt"}}, tmp_path)
    assert mounts == [Mount(tmp_path / "real.txt", f"{tmp_path}/link.txt")]


def test_files_that_constraints_refer_to_are_mounted(tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "constraints.txt").write_text("numpy<3\n-c more/first.txt\n--find-links=more\n-r gone.txt\n")
    (tmp_path / "more/first.txt").write_text("  --constraint second.txt  # of its own\n")
    (tmp_path / "more/second.txt").write_text("scipy<2\n")
    _, mounts = carried_settings({"global": {"constraint": f"{tmp_path}/constraints.txt"}}, tmp_path)
    assert {mount.inside for mount in mounts} == {
        f"{tmp_path}/{name}" for name in ("constraints.txt", "more/first.txt", "more/second.txt", "more")
    }
