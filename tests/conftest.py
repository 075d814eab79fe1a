"""Fixtures that several tests share, and the rule that CI skips nothing by accident."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from pipeline.adapters.opengl.renderer import GLRenderer
from pipeline.adapters.opengl.resources import check
from pipeline.errors import RenderUnavailable

settings.register_profile("doodled", deadline=None)  # a busy machine may be slow
settings.load_profile("doodled")

REFERENCE_ROOT = "ANIMATED_DRAWINGS_ROOT"
NO_RIGHTS = (
    "ptrace is forbidden here",
    "mounts are forbidden here",
    "control groups are forbidden here",
    "namespaces are forbidden here",
    "other users are forbidden here",
)
NO_TORCH = () if importlib.util.find_spec("torch") else ("the training needs",)
"""`.ci/run` has a step with torch."""
NO_MLSERVER = () if os.environ.get("DOODLED_MLSERVER_PYTHON") else ("DOODLED_MLSERVER_PYTHON",)
"""It supports older Pythons only, and `.ci/run` works without it."""
ALLOWED_SKIPS = ("needs a GPU", *NO_TORCH, *NO_MLSERVER, *NO_RIGHTS, *(() if os.environ.get(REFERENCE_ROOT) else (REFERENCE_ROOT,)))
"""Reasons of skips that are allowed in CI: no GPU, no rights, or no reference data. Any other skip fails with `--strict-skips`."""


SHARED = {
    **dict.fromkeys(("test_systemd", "test_systemd_logs", "test_systemd_torchserve"), "a booted machine"),
    **dict.fromkeys(("test_log_schema", "test_log_queries"), "the log of real daemons"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="fail if a test is skipped that this machine should be able to run")
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, a module's tests stay in one process, and so do modules that share an expensive fixture."""
    from xdist.scheduler import LoadFileScheduling

    class ByWhatIsShared(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = nodeid.partition("::")[0]
            return SHARED.get(Path(module).stem, module)

    return ByWhatIsShared(config, log)


def _wrongly_skipped(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    return [report for report in reporter.stats.get("skipped", []) if not any(reason in str(report.longrepr) for reason in ALLOWED_SKIPS)]


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
    root = os.environ.get(REFERENCE_ROOT)
    if not root:
        pytest.skip(f"needs AnimatedDrawings' examples: set {REFERENCE_ROOT}")
    return Path(root)


@pytest.fixture(scope="session")
def _session_renderer() -> Iterator[GLRenderer]:
    """One context for all tests: it is made in 50 ms, and its shaders are compiled once."""
    try:
        opened = GLRenderer.open()
        renderer = opened.__enter__()
    except RenderUnavailable as refusal:
        pytest.skip(f"no OpenGL here: {refusal}")
    try:
        yield renderer
    finally:
        opened.__exit__(None, None, None)


@pytest.fixture
def renderer(_session_renderer: GLRenderer) -> Iterator[GLRenderer]:
    """A renderer whose OpenGL error flag is clean before and after the test. Mark its tests `gl`."""
    context = _session_renderer._context
    context.make_current()
    check(context.gl, "whatever came before this test")
    yield _session_renderer
    context.make_current()
    check(context.gl, "this test")
