"""The man page and the completions say what the program's parser and configuration know."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fbsyncd.__main__ import _parser
from fbsyncd.config.settings import Config, Page

ROOT = Path(__file__).resolve().parent.parent
MAN = ROOT / "docs" / "man" / "fbsyncd.1"
COMPLETIONS = ["fbsyncd.bash", "_fbsyncd", "fbsyncd.fish"]


def options() -> Iterator[tuple[str, str]]:
    """Yield every command, with each of the options that its help tells of."""
    (commands,) = (
        action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    for name, parser in commands.choices.items():
        for action in parser._actions:
            if action.help != argparse.SUPPRESS:
                yield from ((name, option) for option in action.option_strings)


def made(script: str, target: Path) -> None:
    """Run one of the scripts that write what is compared here."""
    command = [sys.executable, str(ROOT / "tools" / script), str(target)]
    subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def ran(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run *program*, or skip where it is not."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not here")
    return subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env={**os.environ, "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_man_page_is_made_from_this_program(tmp_path: Path) -> None:
    """Who changes an option or a key makes the page anew: `make manual`."""
    made("manual.py", tmp_path / "fbsyncd.1")
    assert (tmp_path / "fbsyncd.1").read_text() == MAN.read_text()


def test_the_completions_are_made_from_this_program(tmp_path: Path) -> None:
    """The same holds for the completions."""
    made("completion.py", tmp_path)
    for name in COMPLETIONS:
        assert (tmp_path / name).read_text() == (ROOT / "completions" / name).read_text()


def test_the_man_page_tells_of_every_command_option_and_key() -> None:
    """Looked up by name, whatever made the page."""
    text = MAN.read_text().replace(r"\-", "-")
    parts = dict(re.findall(r'(?m)^\.SS "?([\w\[\].]+)(.*?)(?=^\.S[SH])', text, re.DOTALL | re.M))
    for command, option in options():
        assert option in {"-h", "--help"} or rf"\fB{option}\fR" in parts[command], command
    for name, section in Config.model_fields.items():
        keys = type(section.default).model_fields.keys() - {"pages"}
        assert all(rf"\fB{key}\fR = " in parts[f"[{name}]"] for key in keys), name
    assert all(rf"\fB{key}\fR" in parts["[[facebook.pages]]"] for key in Page.model_fields)


def test_the_man_page_is_sound() -> None:
    """mandoc has not a word to say about it, not even of style."""
    done = ran("mandoc", "-Tlint", MAN)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="the options are those of man-db")
def test_man_shows_the_page() -> None:
    """man shows it without a warning, and every command with its synopsis."""
    done = ran("man", "--warnings", "-l", MAN)
    assert (done.returncode, done.stderr) == (0, "")
    assert "sync [--page ID] [--days N | --all | --full] [--no-media]" in done.stdout


@pytest.mark.parametrize("name", COMPLETIONS)
def test_a_completion_names_every_command_and_option(name: str) -> None:
    """Each option stands in the line, or the lines, of its command."""
    text = (ROOT / "completions" / name).read_text()
    for command, option in options():
        if name == "fbsyncd.fish":
            flag = f"-l {option[2:]} " if option[:2] == "--" else ""
            where = rf'from {command}"' if option not in {"-h", "--help"} else "fbsyncd -s h"
            assert any(where in line and flag in line for line in text.splitlines()), option
        else:
            part = re.search(rf"(?m)^ +{command}\) (words|_arguments).*?;;", text, re.DOTALL)
            assert part, command
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", part[0]), option


def completed(*words: str) -> list[str]:
    """Return what bash offers for the last of *words*."""
    script = (
        'source completions/fbsyncd.bash && complete -p fbsyncd && shift 0 && COMP_WORDS=("$@")'
        ' && COMP_CWORD=$(($# - 1)) && _fbsyncd; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = ran("bash", "-c", script, "bash", *words)
    first, *offered = done.stdout.splitlines()
    assert (first, done.stderr) == ("complete -F _fbsyncd fbsyncd", "")
    return [word for word in offered if word]


def test_bash_completes() -> None:
    """Commands, options of the command at hand, files and folders where they belong."""
    if int(ran("bash", "-c", "echo $BASH_VERSINFO").stdout) < 4:
        pytest.skip("this bash is older than 4")
    assert completed("fbsyncd", "re") == ["reconcile", "retry"]
    assert completed("fbsyncd", "--config", "x", "sync", "--f") == ["--full"]
    assert completed("fbsyncd", "sync", "--page", "") == []
    assert completed("fbsyncd", "forget", "p") == ["post", "page"]
    assert completed("fbsyncd", "export", "comp") == ["completions"]
    assert completed("fbsyncd", "--config", "pyproj") == ["pyproject.toml"]
    assert completed("fbsyncd", "demo", "--replay", "a", "pyproj") == ["pyproject.toml"]


@pytest.mark.parametrize(("shell", "name"), [("zsh", "_fbsyncd"), ("fish", "fbsyncd.fish")])
def test_other_shells_can_read_theirs(shell: str, name: str) -> None:
    """The file has no mistake of syntax."""
    done = ran(shell, "-n", ROOT / "completions" / name)
    assert (done.returncode, done.stderr) == (0, "")


def test_fish_completes() -> None:
    """fish is asked what it would offer."""
    done = ran("fish", "-N", "-c", 'source completions/fbsyncd.fish; complete -C "fbsyncd re"')
    assert [line.split("\t")[0] for line in done.stdout.splitlines()] == ["reconcile", "retry"]
