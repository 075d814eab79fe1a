"""doodled as an operator has it: installed by systemd/install on a booted Debian, used by a person, and maltreated."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.integration.booted import CHECKOUT
from tests.integration.installed_doodled import LONG, OTHER_USER, PERSON, QUICK, SPOOL, InstalledDoodled, copy_of_character, exposure
from tests.locked import LIST_VERSIONS, installed_versions, pins

SETTINGS = "etc/doodled/doodled.toml"
WATCHDOG_S = 5


@pytest.fixture
def doodled(installed: InstalledDoodled) -> Iterator[InstalledDoodled]:
    """The service as it is after an installation, whatever the test before did to it."""
    yield installed
    installed.machine.run("find", f"/{SPOOL}/inbox", "-mindepth", "1", "-delete", check=False)
    for name in ("watchdog", "gpu"):
        installed.drop_in(name)
    installed.environ(QUICK)
    shutil.copy(installed.machine.root / "usr/local/share/doodled/shipped/doodled.toml", installed.machine.root / SETTINGS)
    installed.machine.run("systemctl", "reset-failed", "doodled", check=False)
    installed.restart()


def check_animation(doodled: InstalledDoodled, name: str) -> None:
    """There is one result, it can be played, and the kept source is what was dropped."""
    manifest = doodled.manifest(name)
    stem = Path(name).stem
    assert doodled.published(stem) == [f"{stem}.json"]
    for output in manifest["outputs"]:
        assert output["frames"] > 10
        assert doodled.place("outbox", output["file"]).stat().st_size == output["bytes"]
    doodled.machine.wait_for(lambda: not doodled.unfinished(), "nothing is left in the spool")
    kept = doodled.place("spool", "done", manifest["job_id"], "source")
    assert kept.read_bytes() == (doodled.sources / "etc/drawings/green_crayon.jpg").read_bytes()


# --- a person uses it ------------------------------------------------------------------------------------------------


def test_a_person_drops_drawings_and_reads_animations(doodled):
    doodled.drop("mine.jpg", umask="077")
    doodled.drop("dab/mine.jpg", "mouse_monster.jpg")
    doodled.manifest("mine.jpg")
    assert doodled.manifest("dab/mine.jpg")["options"]["motions"] == ["dab"]
    doodled.as_person(f"cat /{SPOOL}/outbox/mine.json /{SPOOL}/outbox/mine.gif /{SPOOL}/outbox/dab/mine.gif >/dev/null")
    with Image.open(doodled.place("outbox", "mine.gif")) as animation:
        assert (animation.size, animation.n_frames > 10) == ((128, 128), True)
    done = doodled.record("job.done", FILE_NAME="mine.jpg", FOLDER="dab")
    assert "llvmpipe" in done["RENDERER"]
    assert re.search(r"^0 running, 0 waiting, done \d+, failed \d+$", doodled.status) or "running" in doodled.status
    output = doodled.machine.output("systemctl", "status", "--no-pager", "doodled")
    assert "active (running)" in output
    assert f'Status: "{doodled.status}"' in output


def test_installs_the_locked_versions(doodled):
    installed = installed_versions(doodled.machine.output("/opt/doodled/bin/python", "-c", LIST_VERSIONS))
    of_debian = {"pip", "setuptools"}  # whose Python made the environment
    locked = pins(CHECKOUT / "requirements.lock", "3.11")
    assert installed.keys() - locked.keys() <= {"doodled", *of_debian}
    assert len(installed) > 20
    assert {name: version for name, version in installed.items() if name in locked.keys() - of_debian}.items() <= locked.items()


def test_other_users_see_nothing(doodled):
    for script in (f"ls /{SPOOL}", f"ls /{SPOOL}/inbox", f"touch /{SPOOL}/inbox/strange.png"):
        assert doodled.machine.run("sh", "-c", script, user=OTHER_USER, check=False).returncode != 0


def test_what_the_daemon_may_not_take_waits_until_it_may(doodled):
    """Only users who may write to a folder can move it (rename(2)), and users' folders are often not writable for the group."""
    folder = copy_of_character(doodled.machine)
    doodled.as_person(f"umask 022; cp -r {folder} /{SPOOL}/inbox/kept; cp {folder}/texture.png /{SPOOL}/inbox/secret.png")
    doodled.as_person(f"chmod 600 /{SPOOL}/inbox/secret.png")
    doodled.machine.wait_for(
        lambda: "2 left in the inbox: kept (immovable), secret.png (unreadable)" in doodled.status, "both are in the status line"
    )
    doodled.machine.wait_for(lambda: doodled.events("file.rejected", FILE_NAME="kept", REASON="immovable"), "the rejection is logged")
    assert not doodled.events("inbox.degraded")
    doodled.as_person(f"chmod g+w /{SPOOL}/inbox/kept; rm -f /{SPOOL}/inbox/secret.png")
    assert doodled.manifest("kept")["outputs"]
    assert len(doodled.events("file.rejected", FILE_NAME="kept")) == 1


def test_a_hopeless_image_is_moved_to_failed_with_its_sidecar(doodled):
    """The kernel refuses hard links to other users' files without write permission, and this sidecar is such a file."""
    doodled.as_person(f"cat >/{SPOOL}/inbox/bad.json; chmod 640 /{SPOOL}/inbox/bad.json", text='{"motions": ["dab"]}')
    doodled.as_person(f"cat >/{SPOOL}/inbox/bad.png; chmod 640 /{SPOOL}/inbox/bad.png", text="this is no image")
    failed = doodled.place("failed", "bad.png.error.json")
    doodled.machine.wait_for(failed.exists, "the image is in failed/")
    assert json.loads(failed.read_text())["error_type"] == "unsupported"
    assert json.loads(doodled.place("failed", "bad.png.options.json").read_text()) == {"motions": ["dab"]}
    doodled.machine.wait_for(doodled.place("failed", "bad.png").exists, "the image, too")
    assert "bad.png" in doodled.as_person("doodled jobs list")
    doodled.as_person(f"cat /{SPOOL}/failed/bad.png.error.json; rm /{SPOOL}/failed/bad.png*")


# --- the sandbox -----------------------------------------------------------------------------------------------------


def test_the_sandbox_is_tight(doodled):
    """The drawings of the other tests are rendered inside it."""
    assert exposure(doodled, "doodled.service") <= 1.2
    capabilities = Path(f"/proc/{doodled.main_pid}/status")
    output = doodled.machine.output("grep", "-E", "^(CapBnd|CapEff|NoNewPrivs|Seccomp):", capabilities)
    assert re.findall(r"\S+$", output, re.MULTILINE) == ["0000000000000000", "0000000000000000", "1", "2"]


def test_the_sandbox_with_a_graphics_card_renders_too(doodled):
    """Without a card, in software again; what counts is that nothing that rendering needs is forbidden."""
    doodled.install("--gpu")
    assert exposure(doodled, "doodled.service") <= 1.5
    doodled.drop("gpu.jpg")
    check_animation(doodled, "gpu.jpg")


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.fixture
def without_kill(doodled: InstalledDoodled) -> Iterator[None]:
    """A minimal Debian has no program of this name: it comes with procps."""
    program = doodled.machine.root / "usr/bin/kill"
    program.rename(program.with_name("kill.away"))
    yield
    program.with_name("kill.away").rename(program)


@pytest.mark.usefixtures("without_kill")
def test_a_reload_takes_good_settings_and_refuses_bad_ones(doodled):
    file = doodled.machine.root / SETTINGS
    shipped, pid = file.read_text(), doodled.main_pid
    file.write_text(shipped.replace('motions = ["wave"]', 'motions = ["jump"]'))
    before = len(doodled.events("config.reloaded"))
    doodled.machine.run("systemctl", "reload", "doodled")
    doodled.machine.wait_for(lambda: len(doodled.events("config.reloaded")) > before, "the new settings are read")
    file.write_text(shipped.replace('motions = ["wave"]', 'motions = ["flight of the bumblebee"]\nfrobs = 1'))
    doodled.machine.run("systemctl", "reload", "doodled")
    doodled.machine.wait_for(lambda: doodled.events("config.rejected"), "the wrong ones are refused")
    assert "frobs" in doodled.events("config.rejected")[-1]["PROBLEMS"]
    doodled.drop("reloaded.jpg")
    assert doodled.manifest("reloaded.jpg")["options"]["motions"] == ["jump"]
    assert (doodled.main_pid, doodled.is_active()) == (pid, True)


def test_bad_settings_at_the_start_are_final(doodled):
    """A restart would not heal them."""
    (doodled.machine.root / SETTINGS).write_text("frobs = 1\n")
    assert doodled.machine.run("systemctl", "restart", "doodled", check=False).returncode != 0
    doodled.machine.wait_for(lambda: doodled.machine.service_property("doodled", "ActiveState") == "failed", "systemd gives up")
    assert doodled.machine.service_property("doodled", "ExecMainStatus") == "78"
    assert "frobs" in doodled.machine.output("journalctl", "--unit=doodled", "--lines=20", "--output=cat")


# --- one user's own --------------------------------------------------------------------------------------------------


def test_user_runs_a_daemon_of_her_own(doodled):
    machine, home = doodled.machine, f"home/{PERSON}"
    number = machine.output("id", "--user", PERSON)
    own = f"export HOME=/{home} XDG_RUNTIME_DIR=/run/user/{number}; "
    machine.run("loginctl", "enable-linger", PERSON)
    socket = f"/run/user/{number}/systemd/private"  # in a file system of its own, which only the machine sees
    machine.wait_for(lambda: machine.run("test", "-S", socket, check=False).returncode == 0, "her service manager runs")
    doodled.as_person(f"{own} systemctl --user enable --now doodled")
    place = machine.root / home / ".local/state/doodled"
    doodled.as_person(
        f"cp /{doodled.sources.relative_to(machine.root)}/etc/drawings/green_crayon.jpg /{home}/.local/state/doodled/inbox/own.jpg"
    )
    machine.wait_for((place / "outbox/own.json").exists, "her drawing is animated")
    assert "own.jpg" in doodled.as_person(f"{own} doodled jobs list --done")  # of her daemon, not of the machine's
    doodled.as_person(f"{own} systemctl --user reload doodled; systemctl --user disable --now doodled")
    machine.run("loginctl", "disable-linger", PERSON)
    shutil.rmtree(machine.root / home / ".config/doodled")
    shutil.rmtree(place)


# --- death -----------------------------------------------------------------------------------------------------------


def test_a_stop_lets_a_job_finish(doodled):
    doodled.drop("stopped.jpg", sidecar=LONG)
    doodled.machine.wait_for(lambda: doodled.is_begun("stopped.jpg"), "it is worked on")
    invocation = doodled.machine.service_property("doodled", "InvocationID")
    doodled.machine.run("systemctl", "stop", "doodled")
    assert doodled.machine.service_property("doodled", "Result") == "success"
    last_words = doodled.machine.output("journalctl", "--output=cat", f"INVOCATION_ID={invocation}")  # systemd's about the service
    assert "Deactivated successfully" in last_words
    assert "SIGKILL" not in last_words
    assert doodled.published("stopped") == ["stopped.json"]
    check_animation(doodled, "stopped.jpg")


def test_a_killed_daemon_is_started_again_and_goes_on(doodled):
    restarts = doodled.restarts
    doodled.drop("killed.jpg", sidecar=LONG)
    doodled.machine.wait_for(lambda: doodled.is_begun("killed.jpg"), "it is worked on")
    doodled.machine.run("kill", "-KILL", doodled.main_pid)
    check_animation(doodled, "killed.jpg")
    assert doodled.restarts == restarts + 1
    done = doodled.record("job.done", FILE_NAME="killed.jpg")
    assert doodled.events("job.recovered", JOB_ID=done["JOB_ID"])


def test_a_killed_worker_is_replaced_and_its_job_tried_again(doodled):
    pid = doodled.main_pid
    doodled.drop("proof.jpg")  # until a drawing is animated, a worker's death is not the drawing's fault and costs no attempt
    check_animation(doodled, "proof.jpg")
    doodled.drop("worker.jpg", sidecar=LONG)
    doodled.machine.wait_for(lambda: doodled.is_begun("worker.jpg"), "it is worked on")
    doodled.machine.wait_for(lambda: workers(doodled), "it has workers")
    doodled.machine.run("kill", "-KILL", *workers(doodled))
    check_animation(doodled, "worker.jpg")
    assert doodled.main_pid == pid
    done = doodled.record("job.done", FILE_NAME="worker.jpg")
    assert done["ATTEMPT"] == "2"


def workers(doodled: InstalledDoodled) -> list[str]:
    server = doodled.machine.run("pgrep", "--parent", doodled.main_pid, "--full", "forkserver", check=False).stdout.strip()
    return doodled.machine.run("pgrep", "--parent", server, check=False).stdout.split() if server else []


def test_a_hanging_daemon_is_caught_by_the_watchdog(doodled):
    doodled.drop_in("watchdog", f"[Service]\nWatchdogSec={WATCHDOG_S}s\n")
    doodled.restart()
    restarts = doodled.restarts
    doodled.drop("hung.jpg", sidecar=LONG)
    doodled.machine.wait_for(lambda: doodled.is_begun("hung.jpg"), "it is worked on")
    doodled.machine.run("kill", f"-{signal.SIGSTOP.name.removeprefix('SIG')}", doodled.main_pid)
    doodled.machine.wait_for(lambda: doodled.restarts > restarts, "systemd starts it again")
    check_animation(doodled, "hung.jpg")
    output = doodled.machine.output("journalctl", "--unit=doodled", "--output=cat", "--lines=200")
    assert "Watchdog timeout" in output
    assert "Fatal Python error: Aborted" in output  # and where each thread stood


def test_a_backlog_is_worked_off_after_a_boot(doodled):
    doodled.machine.run("systemctl", "stop", "doodled")
    names = [f"backlog{number}.jpg" for number in range(6)]
    for name in names:
        doodled.drop(name)
    doodled.machine.shut_down()
    doodled.machine.boot()
    for name in names:
        check_animation(doodled, name)


# --- the journal -----------------------------------------------------------------------------------------------------


def test_the_journal_is_asked_by_fields(doodled):
    doodled.as_person(f"echo no image >/{SPOOL}/inbox/asked.png")
    doodled.drop("asked.jpg")
    doodled.manifest("asked.jpg")
    failed = doodled.record("job.failed", FILE_NAME="asked.png")
    assert (failed["ERROR_TYPE"], failed["PRIORITY"]) == ("unsupported", "4")  # a warning: the drawing is to blame
    done = doodled.record("job.done", FILE_NAME="asked.jpg")
    story = doodled.machine.output("journalctl", "--unit=doodled", "--output=json", f"JOB_ID={done['JOB_ID']}").splitlines()
    events = [json.loads(line)["EVENT"] for line in story]
    assert (events[0], events[-1]) == ("job.claimed", "job.done")
    assert {"stage.done"} < set(events)
    assert len({json.loads(line)["JOB_ID"] for line in story}) == 1


# --- the installation ------------------------------------------------------------------------------------------------


def test_second_installation_does_not_restart_the_daemon(doodled):
    doodled.install()  # whatever an upgrade has left there
    pid = doodled.main_pid
    assert "done" in doodled.install()
    assert doodled.main_pid == pid


def test_an_upgrade_keeps_settings_and_jobs(doodled):
    project, toml = doodled.sources / "pyproject.toml", doodled.sources / "etc/doodled.toml"
    before, default = project.read_text(), toml.read_text()
    version = re.sub(r'(?m)^version = "(.*)"$', r'version = "\1.post1"', before)
    mine = (doodled.machine.root / SETTINGS).read_text().replace('background = "transparent"', 'background = "white"')
    (doodled.machine.root / SETTINGS).write_text(mine)
    project.write_text(version)
    toml.write_text(default + "\n# new in this version\n")
    try:
        names = [f"upgraded{number}.jpg" for number in range(3)]
        for name in names:
            doodled.drop(name, sidecar=LONG)
        output = doodled.install()
    finally:
        project.write_text(before)
        toml.write_text(default)
    for name in names:
        check_animation(doodled, name)
    assert doodled.events("daemon.start")[-1]["VERSION"].endswith(".post1")
    assert "doodled.toml was changed, and stays" in output
    assert (doodled.machine.root / SETTINGS).read_text() == mine
    assert (doodled.machine.root / f"{SETTINGS}.new").read_text().endswith("# new in this version\n")
    assert len(list((doodled.machine.root / "opt/doodled-releases").iterdir())) == 1


def test_units_document_themselves_with_our_pages(doodled):
    pages = re.findall(r"man:(\S+)\((\d)\)", doodled.machine.service_property("doodled", "Documentation"))
    assert pages
    for page, section in pages:
        assert (doodled.machine.root / f"usr/local/share/man/man{section}/{page}.{section}").exists()
    assert "network-online.target" not in doodled.machine.service_property("doodled", "Wants")


def test_removing_it_leaves_data_and_settings(doodled):
    doodled.drop("left.jpg")
    doodled.manifest("left.jpg")
    doodled.machine.run("cp", "--archive", "--link", "/opt/doodled-releases", "/opt/kept")
    left = doodled.install("--uninstall").splitlines()[-1].partition("what is left: ")[2].split(", ")
    assert {"/var/lib/doodled", "/etc/doodled", "the user doodled"} <= set(left)
    for each in left:  # what other tests installed, too, and nothing that is not there
        doodled.machine.run("id", each.removeprefix("the user ")) if each.startswith("the user ") else doodled.machine.run("ls", each)
    assert not doodled.is_active()
    ours = ("opt/doodled", "opt/doodled-releases", "usr/local/bin/doodled", "usr/local/lib/doodled", "usr/local/share/doodled")
    assert [path for path in ours if os.path.lexists(doodled.machine.root / path)] == []
    assert "not-found" in doodled.machine.output("systemctl", "show", "--property=LoadState", "doodled")
    assert doodled.place("outbox", "left.gif").exists()
    assert (doodled.machine.root / SETTINGS).exists()
    doodled.machine.run("mv", "/opt/kept", "/opt/doodled-releases")  # saves the test a minute
    doodled.install()
    assert doodled.is_active()
