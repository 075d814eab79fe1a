"""Private folders with a daemon and two users of its group, each with a user id of its own: neither gets at what is the other's.

The folders are made by `systemd/private_folders` and systemd-tmpfiles, as on a real machine, below another root.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from spool_oracle import ROOT

from daemon.commands.web import serve_web
from daemon.settings import Settings, SettingsError
from daemon.spool.layout import Layout, SpoolUnusable, prepare
from daemon.spool.private_folders import check_private_root, is_private, others_permissions
from daemon.spool.quarantine import all_failed_drawings
from daemon.spool.review import all_drawings_for_review

AS_OTHER = Path(__file__).parent / "as_nobody.py"
SCRIPT = ROOT / "systemd" / "private_folders"
DAEMON, GROUP, ANNA, BEN = "games", "users", "www-data", "backup"
"""Accounts that every Debian has; no program runs as them here."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("systemd-tmpfiles") is None, reason="other users are forbidden here")

LIST_ALL = """
import os, sys
def walk(folder):
    try:
        names = os.listdir(folder)
    except PermissionError:
        return
    for name in names:
        path = os.path.join(folder, name)
        print(path)
        if os.path.isdir(path):
            walk(path)
walk(sys.argv[1])
"""
TRY_ALL = """
import json, os, sys
got = []
for path, target in json.load(sys.stdin):
    for what in (
        lambda: os.stat(path),
        lambda: open(path, 'rb').read(),
        lambda: os.listdir(path),
        lambda: os.link(path, target),
        lambda: open(path, 'ab').write(b'x'),
        lambda: open(path + '.new', 'wb'),
        lambda: os.rename(path, path + '.mine'),
        lambda: os.unlink(path),
    ):
        try:
            what()
        except OSError:
            continue
        got.append(path)
print(json.dumps(sorted(set(got))))
"""
PYTHON = "/usr/bin/python3"
"""One that every user may run."""


@dataclass(frozen=True)
class Machine:
    """A spool with private folders of two users."""

    root: Path

    def run_as(self, user: str, *command: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            user=pwd.getpwnam(user).pw_uid,
            group=grp.getgrnam(GROUP).gr_gid,
            extra_groups=[],
            cwd="/",
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            umask=0o077,
        )

    def drop(self, user: str, name: str, content: str) -> None:
        folder = self.root / "inbox" / user / "dab"
        done = self.run_as(user, "sh", "-c", f"mkdir -p {folder} && cat >{folder / name}", given=content)
        assert done.returncode == 0, done.stderr

    def run_daemon(self, **environ: str) -> subprocess.CompletedProcess[str]:
        ids = f"{pwd.getpwnam(DAEMON).pw_uid}:{grp.getgrnam(GROUP).gr_gid}"
        quick = {"DOODLED_INBOX_STABLE_S": "0.2", "DOODLED_INBOX_RESCAN_S": "0.2", "DOODLED_INBOX_DRAIN_PATIENCE_S": "2"}
        return subprocess.run(
            [sys.executable, str(AS_OTHER), ids, str(self.root), "--drain"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_INBOX_PRIVATE": "true", "HOME": "/nonexistent", **quick, **environ},
            capture_output=True,
            text=True,
            umask=0o027,
            timeout=60,
            check=False,
        )

    def files_with(self, content: str) -> list[Path]:
        return [path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink() and content in path.read_text("latin-1")]

    def belongs_to(self, user: str) -> list[str]:
        """Every path below a folder of a user, and every path of the spool."""
        tops = [*(self.root / top / user for top in ("inbox", "outbox", "failed", "review")), self.root / "spool"]
        return [str(path) for top in tops for path in (top, *top.rglob("*"))]


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="doodled-private-") as folder:
        Path(folder).chmod(0o755)
        root = Path(folder) / "doodled"
        text = subprocess.run([SCRIPT, "--print", ANNA, BEN], capture_output=True, text=True, check=True).stdout
        text = text.replace("/var/lib/doodled", str(root)).replace(" doodled doodled -", f" {DAEMON} {GROUP} -")
        text = text.replace("user:doodled:", f"user:{DAEMON}:")
        (Path(folder) / "private.conf").write_text(text)
        for _ in range(2):  # again, as at each boot
            done = subprocess.run(["systemd-tmpfiles", "--create", f"{folder}/private.conf"], capture_output=True, text=True, check=False)
            if "not supported" in done.stderr:
                pytest.skip("other users are forbidden here: no access control lists")
            assert done.returncode == 0, done.stderr
        yield Machine(root)


def test_neither_user_gets_at_the_others_drawings(machine: Machine) -> None:
    for user in (ANNA, BEN):
        machine.drop(user, "garlic.png", f"a drawing of {user}")
        machine.drop(user, "bad.png", f"refuse this of {user}")
        machine.drop(user, "odd.png", f"doubtful, of {user}")
    assert machine.files_with(f"a drawing of {ANNA}")
    check_nobody_else_gets(machine)  # while they wait
    done = machine.run_daemon()
    assert done.returncode == 0, done.stderr + done.stdout
    for user in (ANNA, BEN):
        found = {
            str(path.relative_to(machine.root)) for top in ("outbox", "failed", "review") for path in (machine.root / top).rglob("*.*")
        }
        assert {f"outbox/{user}/dab/garlic.gif", f"outbox/{user}/dab/garlic.json", f"failed/{user}/bad.png"} <= found
        assert {f"failed/{user}/bad.png.error.json", f"review/{user}/odd.png/drawing.png"} <= found
    check_nobody_else_gets(machine)
    check_owner_gets(machine, ANNA)


def check_nobody_else_gets(machine: Machine) -> None:
    for user, other in ((ANNA, BEN), (BEN, ANNA)):
        listed = machine.run_as(user, PYTHON, "-c", LIST_ALL, str(machine.root))
        assert listed.returncode == 0, listed.stderr
        seen = listed.stdout.split("\n")
        assert f"{machine.root}/inbox/{user}" in seen
        assert not [path for path in seen if re.search(rf"/{other}/|/spool/.", path)]
        paths = machine.belongs_to(other)
        assert len(paths) > 8
        own = machine.root / "inbox" / user / "stolen"
        tried = machine.run_as(user, PYTHON, "-c", TRY_ALL, given=json.dumps([(path, str(own)) for path in paths]))
        assert tried.returncode == 0, tried.stderr
        got = [path for path in json.loads(tried.stdout) if Path(path) not in {machine.root / "spool", *machine.root.glob(f"*/{other}")}]
        assert got == []  # stat shows that the folders themselves exist, and nothing more
        outside = machine.run_as(
            user, "sh", "-c", f"touch {machine.root}/inbox/x.png || mv {machine.root}/inbox/{other} {machine.root}/inbox/x"
        )
        assert outside.returncode != 0


def check_owner_gets(machine: Machine, user: str) -> None:
    """A user reads results and reasons, takes a result away, and drops a failed drawing again."""
    root = machine.root
    for path in (f"outbox/{user}/dab/garlic.gif", f"outbox/{user}/dab/garlic.json", f"failed/{user}/bad.png.error.json"):
        assert machine.run_as(user, "cat", str(root / path)).returncode == 0, path
    again = f"mv {root}/failed/{user}/bad.png {root}/inbox/{user}/ && rm {root}/outbox/{user}/dab/garlic.gif"
    assert machine.run_as(user, "sh", "-c", again).returncode == 0
    assert machine.run_as(user, "cat", str(root / f"review/{user}/odd.png/drawing.png")).stdout.startswith("doubtful")


def test_operator_lists_and_retries_for_all_users(machine: Machine) -> None:
    for user in (ANNA, BEN):
        machine.drop(user, "bad.png", f"refuse this of {user}")
        machine.drop(user, "odd.png", f"doubtful, of {user}")
    assert machine.run_daemon().returncode == 0
    layout = Layout(machine.root, is_private=True)
    assert {each.path for each in all_failed_drawings(layout)} == {f"{user}/bad.png" for user in (ANNA, BEN)}
    assert {each.path for each in all_drawings_for_review(layout)} == {f"{user}/odd.png" for user in (ANNA, BEN)}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "DOODLED_ROOT": str(machine.root), "DOODLED_INBOX_PRIVATE": "true"}
    for command in (["retry", f"{ANNA}/bad.png"], ["approve", f"{BEN}/odd.png"], ["discard", f"{BEN}/bad.png"]):
        done = subprocess.run(
            [sys.executable, "-m", "daemon", "jobs", *command],
            cwd="/",
            env=environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert (machine.root / "inbox" / ANNA / "dab" / "bad.png").exists()
    assert (machine.root / "inbox" / BEN / "dab" / "odd.png").exists()
    assert [each.path for each in all_failed_drawings(layout)] == []


def test_user_without_closed_folders_waits(machine: Machine) -> None:
    machine.drop(ANNA, "garlic.png", "a drawing")
    os.removexattr(machine.root / "outbox" / ANNA, "system.posix_acl_access")
    (machine.root / "outbox" / ANNA).chmod(0o755)
    machine.run_daemon()
    assert (machine.root / "inbox" / ANNA / "dab" / "garlic.png").exists()
    assert not list((machine.root / "outbox").rglob("*.*"))


@pytest.mark.parametrize(("folder", "mode"), [("spool", 0o750), ("inbox", 0o770), ("review", 0o777)])
def test_open_root_is_refused(machine: Machine, folder: str, mode: int) -> None:
    (machine.root / folder).chmod(mode)
    refused = machine.run_daemon().stderr.splitlines()[-1]
    assert refused.startswith(f"daemon.spool.layout.SpoolUnusable: {machine.root / folder} must ")
    assert "(run systemd/private_folders as root" in refused


# --- the check itself ------------------------------------------------------------------------------------------------


def test_mode_bits_count_where_there_is_no_list(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "root", is_private=True)
    prepare(layout)
    for top in (layout.inbox, layout.outbox, layout.failed, layout.review):
        top.chmod(0o755)
        (top / "anna").mkdir(mode=0o700)
    layout.work.parent.chmod(0o700)
    check_private_root(layout)
    assert is_private(layout, ("anna", "dab"))
    assert not is_private(layout, ())
    assert not is_private(layout, ("ben",))
    for mode in (0o710, 0o701, 0o740):
        (layout.review / "anna").chmod(mode)
        assert not is_private(layout, ("anna",))
    (layout.review / "anna").chmod(0o700)
    (layout.failed / "anna").rmdir()
    (layout.failed / "anna").symlink_to(layout.review / "anna")
    assert not is_private(layout, ("anna",))
    os.chown(layout.review / "anna", 5, -1)
    assert not is_private(layout, ("anna",))
    layout.work.parent.chmod(0o711)
    with pytest.raises(SpoolUnusable, match=r"must be closed to the group"):
        check_private_root(layout)


def test_group_entry_of_a_list_counts(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir(mode=0o700)
    (tmp_path / "acl.conf").write_text(f"a {folder} - - - - u::rwx,g::---,g:users:r-x,m::rwx,o::---\n")
    subprocess.run(["systemd-tmpfiles", "--create", tmp_path / "acl.conf"], check=True, capture_output=True)
    assert others_permissions(folder) == 0o5


def test_setting_is_off_by_default() -> None:
    assert not Settings().inbox.private


def test_web_application_does_not_start(tmp_path: Path) -> None:
    environ = {"DOODLED_ROOT": str(tmp_path), "DOODLED_INBOX_PRIVATE": "true", "HOME": str(tmp_path)}
    with pytest.raises(SettingsError, match=r"\[inbox\] private excludes doodled web"):
        serve_web(None, environ, lambda _: None)
