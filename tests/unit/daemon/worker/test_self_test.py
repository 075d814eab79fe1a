"""The self-test of a worker, in this process, with real models and a real renderer."""

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
from daemon.worker.self_test import run_self_test
from daemon.worker.task import self_test_task

SELF_TEST = self_test_task(Path("/nowhere"), Settings(), InferenceRequest())


def test_worker_animates_the_stick_figure() -> None:
    opened = WorkerResources(os.environ)
    try:
        run_self_test(SELF_TEST, opened)
    finally:
        opened.clear()


def test_self_test_with_model_server_asks_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "open_predictor", None)
    opened = WorkerResources(os.environ)
    try:
        run_self_test(replace(SELF_TEST, inference=InferenceRequest(urls=("http://127.0.0.1:9",))), opened)
    finally:
        opened.clear()


@pytest.mark.parametrize("words", ["std::bad_alloc", "(-4:Insufficient memory) Failed to allocate", "can't start new thread"])
def test_refused_memory_is_recognized_in_other_errors(monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    def refused(*_: object) -> None:
        raise RuntimeError(words)

    monkeypatch.setattr("daemon.worker.self_test.run_self_test", refused)
    monkeypatch.setattr(runner, "_resources", None)
    failure = runner.run_task(SELF_TEST).failure
    assert failure is not None
    assert (failure.kind, failure.exceeds_limit) == (ErrorType.OUT_OF_MEMORY, True)
