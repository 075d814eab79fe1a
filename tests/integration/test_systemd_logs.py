"""The installed service's log in a real journal: read by `doodled report` and the queries, and explained by journalctl."""

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
    installed.as_person(f"cat >'/{SPOOL}/inbox/{BAD}'", text="this is no image")
    assert installed.manifest("log/drawing.jpg")
    installed.machine.wait_for(lambda: installed.events("job.failed", FILE_NAME=BAD), "the image without a drawing has failed")
    installed.machine.wait_for(lambda: installed.events("job.done", FILE_NAME="drawing.jpg", FOLDER="log"), "the other one is done")
    return installed


def test_report_reads_the_journal(logged):
    report = json.loads(logged.machine.output("/opt/doodled/bin/doodled", "report", "--journal", "--json"))
    of_all = ("journalctl", "--identifier=doodled", "--output=json", "--all")  # of a person's own daemon in another test, too
    for outcome in ("done", "failed"):
        assert report[outcome] == len(logged.machine.output(*of_all, f"EVENT=job.{outcome}").splitlines())
    assert BAD in [name for failure in report["failures"] for name in failure["files"]]
    assert {"decode", "segment", "render", "encode"} <= {stage["stage"] for stage in report["stages"]}
    entries = logged.machine.output("journalctl", "--identifier=doodled", "--output=json", "--all").splitlines()
    stacks = [entry for entry in entries if "EVENT" not in json.loads(entry)]  # of a daemon that the watchdog killed in another test
    assert report["log"]["unreadable"] + report["log"]["foreign"] == len(stacks)


def test_queries_on_the_journal(logged, tmp_path):
    if not JOURNAL_REMOTE.exists() or shutil.which("jq") is None:
        pytest.skip("systemd-journal-remote or jq is not installed")
    export, journal = tmp_path / "export", tmp_path / "doodled.journal"
    export.write_text(logged.machine.run("journalctl", "--output=export", "--all", "--unit=doodled").stdout)
    subprocess.run([JOURNAL_REMOTE, "-o", journal, export], check=True, capture_output=True)

    def asked(question: str, *before: str) -> str:
        script = CHECKOUT / "etc" / "queries" / "journalctl" / f"{question}.sh"
        return subprocess.run([script, *before, "--file", journal], check=True, capture_output=True, text=True).stdout

    assert f"\t{BAD}\tdecode\tunsupported\t" in asked("02_failures")
    (job,) = [record["JOB_ID"] for record in logged.events("job.done", FILE_NAME="drawing.jpg", FOLDER="log")]
    story = asked("05_story", job).splitlines()
    assert ": drawing.jpg claimed after " in story[0]
    assert ": drawing.jpg animated: 1 output in " in story[-1]
    stages = {line.split("\t")[0] for line in asked("01_p95_per_stage").splitlines()}
    assert stages == {line.split("\t")[0] for line in asked("07_time_by_stage").splitlines()}
    assert job not in asked("04_stuck")


def test_journalctl_explains_warnings(logged):
    entries = logged.machine.output(
        "journalctl", "--catalog", "--no-pager", "--identifier=doodled", "--priority=warning", f"FILE_NAME={BAD}"
    )
    assert "Subject: A drawing can't be animated: unsupported" in entries
    assert "doodled jobs retry" in entries
