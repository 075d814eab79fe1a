"""Fixtures that several tests share, and the rule that CI skips nothing by accident."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ALLOWED_SKIPS = ("needs a GPU",)
"""What CI's machine can't run; any other skip is a fault there (`--strict-skips`)."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="fail if a test is skipped that this machine should be able to run")
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def _wrongly_skipped(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [
        report for report in reporter.stats.get("skipped", []) if not any(reason in str(report.longrepr) for reason in ALLOWED_SKIPS)
    ]


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and session.config.getoption("--strict-skips") and _wrongly_skipped(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--strict-skips"):
        for report in _wrongly_skipped(terminalreporter):
            terminalreporter.line(f"must not be skipped here: {report.nodeid}: {report.longrepr}", red=True)


@pytest.fixture(scope="session")
def reference_root() -> Path:
    """AnimatedDrawings' examples and our reference numbers."""
    root = os.environ.get("ANIMATED_DRAWINGS_ROOT")
    if not root:
        pytest.skip("needs AnimatedDrawings' examples: set ANIMATED_DRAWINGS_ROOT")
    return Path(root)
