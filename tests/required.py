"""Where CI has installed what tests need, that it is missing is a failure, and not a skip.

``FBSYNCD_REQUIRE`` names it: a test that is skipped for a reason with one of its words has failed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Look at the report of each phase of a test."""
    return _judged((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    """Look at the report of each module, which may skip itself as a whole."""
    return _judged((yield))


def _judged(report: Any) -> Any:
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2])
        if any(word in reason for word in os.environ.get("FBSYNCD_REQUIRE", "").split()):
            report.outcome, report.longrepr = "failed", f"required by FBSYNCD_REQUIRE: {reason}"
    return report
