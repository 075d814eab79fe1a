"""Reloaded settings: what applies at once, what waits for a restart, and whether etc/doodled.toml marks the same keys."""

from __future__ import annotations

import re
from pathlib import Path

from spool_oracle import ROOT

from daemon.service.settings_reload import RESTART_KEYS, settings_in_force
from daemon.settings import DuplicatePolicy, LogFormat, Settings

STARTED = Settings.model_validate({"jobs": {"workers": 2}, "inbox": {"duplicates": "skip"}})


def test_reload_applies_settings_that_need_no_restart() -> None:
    read = Settings.model_validate(
        {
            "root": "/elsewhere",
            "inbox": {"duplicates": "again", "rescan_s": 1.0},
            "jobs": {"workers": 3, "deadline_s": 7.0},
            "storage": {"retention_h": 1.0},
            "log": {"format": "ecs", "level": "debug"},
        }
    )
    applied, pending = settings_in_force(STARTED, read)
    assert pending == ["root", "inbox.duplicates", "jobs.workers", "log.format"]
    assert (applied.root, applied.inbox.duplicates, applied.jobs.workers) == (None, DuplicatePolicy.SKIP, 2)
    assert (applied.inbox.rescan_s, applied.jobs.deadline_s, applied.storage.retention_h) == (1.0, 7.0, 1.0)
    assert (applied.log.format, applied.log.level) == (LogFormat.AUTO, "debug")


def test_reload_without_change_keeps_everything() -> None:
    assert settings_in_force(STARTED, STARTED) == (STARTED, [])


def test_reload_keeps_retention_that_policy_for_duplicates_needs() -> None:
    read = Settings.model_validate({"jobs": {"workers": 2}, "inbox": {"duplicates": "again"}, "storage": {"retention_h": 0}})
    applied, pending = settings_in_force(STARTED, read)
    assert pending == ["inbox.duplicates", "storage.retention_h"]
    assert (applied.inbox.duplicates, applied.storage.retention_h) == (DuplicatePolicy.SKIP, STARTED.storage.retention_h)
    assert Settings.model_validate(dict(applied)) == applied


def test_pauses_of_other_protocols_servers_need_a_restart() -> None:
    started = Settings.model_validate({"torchserve": {"url": ["http://a:8080"], "probe_first_s": 5.0}})
    read = Settings.model_validate({"torchserve": {"probe_first_s": 5.0}, "oip": {"url": ["http://b:8000"]}})
    assert settings_in_force(started, read)[1] == ["oip.probe_first_s"]
    same = Settings.model_validate({"torchserve": {"probe_first_s": 5.0}, "oip": {"url": ["http://b:8000"], "probe_first_s": 5.0}})
    assert settings_in_force(started, same)[1] == ["oip.probe_first_s"]  # its own key has changed


def test_unmarked_key_takes_effect_at_once_and_marked_one_does_not() -> None:
    read = Settings.model_validate(
        {"jobs": {"workers": 3, "deadline_s": 7.0}, "inbox": {"duplicates": "skip"}, "dask": {"scheduler": "tcp://a:8786"}}
    )
    applied, pending = settings_in_force(STARTED, read)
    assert pending == ["jobs.workers", "dask.scheduler"]
    assert (applied.jobs.deadline_s, applied.jobs.workers, applied.dask) == (7.0, 2, STARTED.dask)


def marked_keys(toml: Path) -> set[str]:
    """Keys with "(restart)" in their comment, and all keys of a section with it."""
    section, above, is_marked, found = "", "", False, set()
    for line in toml.read_text().splitlines():
        if begins := re.match(r"\[(\w+)\]", line):
            section, is_marked = begins[1], "(restart)" in line
        elif (key := re.match(r"(?:# )?(\w+) = ", line)) and (is_marked or "(restart)" in line + above):
            found.add(f"{section}.{key[1]}".removeprefix("."))
        above = above + line if line.startswith("#") and not section else ""
    return found


def test_settings_file_marks_the_keys_that_need_a_restart() -> None:
    assert marked_keys(ROOT / "etc" / "doodled.toml") == set(RESTART_KEYS)
