"""What every test run shares: no window system, repeatable examples, and no skips in CI."""

import importlib.util
import os

import pytest
from hypothesis import settings

os.environ.setdefault("MPLBACKEND", "Agg")

# Doctest collection imports every file; this one needs torch, and the tests that use it skip alone.
collect_ignore = [] if importlib.util.find_spec("torch") else ["oracles/torch_cells.py"]

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch):
    """``backend="auto"`` takes NumPy, whatever other tests and runs have compiled before."""
    monkeypatch.setattr("gradflow.codegen.targets.numba.target.is_known", lambda cell: False)


def _skipped(config):
    """Every skip of this run, one a line; none in an xdist worker, which has no terminal."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", []) if reporter else []
    lines = []
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        lines.append(f"{report.nodeid}: {reason}")
    return sorted(lines)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    # A green CI must not mean that a package was missing and its tests never ran.
    if os.environ.get("CI") == "true" and not session.exitstatus and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    skipped = _skipped(config)
    if os.environ.get("CI") == "true" and skipped:
        terminalreporter.section("skipped tests are failures in CI", red=True, bold=True)
        for line in skipped:
            terminalreporter.line(line)
