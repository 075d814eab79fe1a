"""The installed service's log in a real journal: `doodled report` and the queries find in it what happened, and journalctl explains it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.booted import CHECKOUT
from tests.integration.installed_doodled import SPOOL, InstalledDoodled

JOURNAL_REMOTE = Path("/lib/systemd/systemd-journal-remote")
BAD = "a log.png"


@pytest.fixture(scope="module")
def logged(installed: InstalledDoodled) -> InstalledDoodled:
    """The service after a drawing that can be animated, and one that can't."""
    installed.drop("log/drawing.jpg")
    installed.as_person(f"cat >'/{SPOOL}/inbox/{BAD}'", text="this is no picture")
    assert installed.manifest("log/drawing.jpg")
    installed.machine.wait_for(lambda: installed.events("job.failed", FILE_NAME=BAD), "the bad one has failed")
    installed.machine.wait_for(lambda: installed.events("job.done", FILE_NAME="drawing.jpg", FOLDER="log"), "the good one is told")
    return installed


def test_doodled_reports_on_the_journal(told):
    report = json.loads(told.machine.said("/opt/doodled/bin/doodled", "report", "--journal", "--json"))
    assert report["done"] == len(told.events("job.done"))
    assert report["failed"] == len(told.events("job.failed"))
    assert BAD in [name for failure in report["failures"] for name in failure["files"]]
    assert {"decode", "segment", "render", "encode"} <= {stage["stage"] for stage in report["stages"]}
    entries = told.machine.said("journalctl", "--identifier=doodled", "--output=json", "--all").splitlines()
    stacks = [entry for entry in entries if "EVENT" not in json.loads(entry)]  # of a daemon that the watchdog ended, in another test
    assert report["log"]["unreadable"] + report["log"]["foreign"] == len(stacks)


def test_the_queries_answer_on_its_journal(told, tmp_path):
    if not JOURNAL_REMOTE.exists() or shutil.which("jq") is None:
        pytest.skip("systemd-journal-remote or jq is not installed")
    export, journal = tmp_path / "export", tmp_path / "doodled.journal"
    export.write_text(told.machine.run("journalctl", "--output=export", "--all", "--unit=doodled").stdout)
    subprocess.run([JOURNAL_REMOTE, "-o", journal, export], check=True, capture_output=True)

    def asked(question: str, *before: str) -> str:
        script = CHECKOUT / "etc" / "queries" / "journalctl" / f"{question}.sh"
        return subprocess.run([script, *before, "--file", journal], check=True, capture_output=True, text=True).stdout

    assert f"\t{BAD}\tdecode\tunsupported\t" in asked("02_failures")
    (job,) = [record["JOB_ID"] for record in told.events("job.done", FILE_NAME="drawing.jpg", FOLDER="log")]
    story = asked("05_story", job).splitlines()
    assert ": job.claimed drawing.jpg" in story[0]
    assert ": job.done drawing.jpg " in story[-1]
    stages = {line.split("\t")[0] for line in asked("01_p95_per_stage").splitlines()}
    assert stages == {line.split("\t")[0] for line in asked("07_time_by_stage").splitlines()}
    assert job not in asked("04_stuck")


def test_journalctl_explains_what_is_wrong(told):
    said = told.machine.said("journalctl", "--catalog", "--no-pager", "--identifier=doodled", "--priority=err", f"FILE_NAME={BAD}")
    assert "Subject: A drawing can't be animated: unsupported" in said
    assert "doodled jobs retry" in said
