"""Messages of records: every event has one, and it names the file."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.log.events import Event
from daemon.log.messages import message_of


@pytest.mark.parametrize("event", Event)
def test_every_event_has_a_message_even_without_fields(event: Event) -> None:
    message = message_of({"event": str(event)})
    assert message
    assert message != str(event)


@pytest.mark.parametrize(
    ("event", "fields", "message"),
    [
        (Event.JOB_DONE, {"file_name": "garlic.jpg", "outputs": [{}, {}], "duration_ms": 812}, "garlic.jpg animated: 2 outputs in 812 ms"),
        (Event.JOB_DONE, {"file_name": "garlic.jpg", "outputs": []}, "garlic.jpg done, without outputs of its own"),
        (Event.JOB_DONE, {"file_name": "garlic.jpg", "outputs": "[{..."}, "job.done garlic.jpg"),
        (
            Event.JOB_DUPLICATE,
            {"file_name": "garlic.jpg", "original_job_id": "01A", "policy": "link"},
            "garlic.jpg is the same drawing, with the same options, as job 01A; its results are published again",
        ),
        (Event.JOB_CLAIMED, {"file_name": "garlic.jpg", "queue_wait_ms": 65_000}, "garlic.jpg claimed after 65 s"),
        (Event.JOB_DEFERRED, {"file_name": "garlic.jpg", "reason": "disk_full"}, "garlic.jpg deferred: disk_full"),
        (Event.DAEMON_READY, {"watch_mode": "events"}, "ready, watching the inbox by events"),
        (Event.DAEMON_READY, {"recovered_jobs": 1}, "ready, 1 recovered job"),
        (Event.CONFIG_RELOADED, {"after_restart": ["root", "jobs.workers"]}, "settings reloaded; restart to change root, jobs.workers"),
        (Event.FILE_REJECTED, {"reason": "and_more", "count": 7}, "7 further files left in the inbox"),
    ],
)
def test_message_says_what_happened_to_which_file(event: Event, fields: dict[str, Any], message: str) -> None:
    assert message_of({"event": str(event), **fields}) == message
