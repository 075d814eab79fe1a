"""The trial of a worker, in this process, with real models and a real renderer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from daemon.options.inference import InferenceRequest
from daemon.policy.failures import ErrorType
from daemon.settings import Settings
from daemon.worker import resources, runner
from daemon.worker.resources import WorkerResources
from daemon.worker.task import trial_task
from daemon.worker.trial import try_out

TRIAL = trial_task(Path("/nowhere"), Settings(), InferenceRequest())


def test_worker_animates_the_stick_figure() -> None:
    opened = WorkerResources(os.environ)
    try:
        try_out(TRIAL, opened)
    finally:
        opened.clear()


def test_trial_with_model_server_asks_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "open_predictor", None)
    opened = WorkerResources(os.environ)
    try:
        try_out(replace(TRIAL, inference=InferenceRequest(urls=("http://127.0.0.1:9",))), opened)
    finally:
        opened.clear()


@pytest.mark.parametrize("words", ["std::bad_alloc", "(-4:Insufficient memory) Failed to allocate", "can't start new thread"])
def test_refused_memory_is_recognized_in_other_errors(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    def refused(*_: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr("daemon.worker.trial.try_out", refused)
    monkeypatch.setattr(runner, "_resources", None)
    failure = runner.run_task(TRIAL).failure
    assert failure is not None
    assert (failure.kind, failure.exceeds_limit) == (ErrorType.OUT_OF_MEMORY, True)
