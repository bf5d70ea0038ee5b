"""A CI that lacks a browser or a server must not look as if it had tried the page on them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SKIPPED = {
    "a test": "import pytest\ndef test_it(): pytest.skip('no Chromium can be started: none')\n",
    "a module": "import pytest\npytest.skip('no Chromium', allow_module_level=True)\n",
    "a mark": "import pytest\n@pytest.mark.skipif(True, reason='Chromium')\ndef test_it(): ...\n",
}


def outcome(folder: Path, text: str, required: str) -> tuple[int, str]:
    (folder / "test_it.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "required", "-p", "no:cacheprovider", "."],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(TESTS), "FBSYNCD_REQUIRE": required},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("text", SKIPPED.values(), ids=SKIPPED)
def test_what_is_required_is_not_skipped(tmp_path: Path, text: str) -> None:
    """Its skip is a failure with the reason, whoever skips."""
    status, said = outcome(tmp_path, text, "nginx Chromium")
    assert status != 0
    assert "required by FBSYNCD_REQUIRE: " in said
    assert "Chromium" in said


@pytest.mark.parametrize("text", SKIPPED.values(), ids=SKIPPED)
def test_what_is_not_required_may_be_skipped(tmp_path: Path, text: str) -> None:
    """On a machine of one's own nothing has to be installed."""
    _, said = outcome(tmp_path, text, "nginx")
    assert "1 skipped" in said
    assert "failed" not in said
