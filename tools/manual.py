"""Write the man page: ``python tools/manual.py [FILE]``.

What stays as it is comes from ``fbsyncd.1.in``. Its lines ``@COMMAND name`` become the command's
head and options, as the program's parser has them; the sentences behind them are the template's.
``@OPTIONS`` are those before a command, ``@KEYS section`` the keys of a section of the reference
config.toml with defaults and comments. To leave out a command or a section is an error.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import interface
from interface import Command

from fbsyncd import __version__, config

ROOT = Path(__file__).resolve().parent.parent
_KEY = re.compile(r"(?P<key>\w+) = (?P<value>.+?)(?:\s{2,}# (?P<comment>.*))?")


def page() -> str:
    """Return the man page. Raises SystemExit, with their names, when something is left out."""
    parts = {f"@COMMAND {one.name}": _command(one) for one in interface.commands()}
    parts |= {f"@KEYS {name}": _keys(name) for name in _sections()}
    parts["@OPTIONS"] = _options(interface.whole())
    lines = (ROOT / "tools" / "fbsyncd.1.in").read_text(encoding="utf-8").splitlines()
    if left_out := parts.keys() - set(lines):
        sys.exit(f"not in fbsyncd.1.in: {', '.join(sorted(left_out))}")
    text = "\n".join(parts.get(line, line) for line in lines) + "\n"
    return text.replace("@VERSION", __version__)


def _command(command: Command) -> str:
    words = " ".join([command.name, *command.synopsis()])
    does = f"{command.does[0].upper()}{command.does[1:]}."
    return "\n".join(filter(None, [f".SS {_quoted(words)}", _wrapped(does), _options(command)]))


def _options(command: Command) -> str:
    told = []
    for option in command.options:
        names = ", ".join(rf"\fB{_text(name)}\fR" for name in option.names)
        value = rf" \fI{option.metavar}\fR" + " ..." * option.many if option.metavar else ""
        told.append(f".TP\n{names}{value}\n{_wrapped(option.does)}")
    return "\n".join(told)


def _sections() -> dict[str, list[str]]:
    """Return the lines of each section of the reference configuration."""
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in config.example().splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            lines = sections.setdefault(found[1], [])
        else:
            lines.append(line)
    return sections


def _keys(section: str) -> str:
    return "\n".join(
        "\n".join(filter(None, [".TP", rf"\fB{key}\fR = {_text(value)}", _wrapped(does)]))
        for key, value, does in _described(_sections()[section])
    )


def _described(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield key, default and comment; a comment stands before its key, behind it and below it."""
    before: list[str] = []
    key, value, does = "", "", list[str]()
    for line in lines:
        if found := _KEY.fullmatch(line):
            if key:
                yield key, value, " ".join(does)
            key, value = found["key"], found["value"]
            does, before = [*before, *filter(None, [found["comment"]])], []
        elif line.startswith("# "):
            before.append(line[2:])
        elif line.strip().startswith("# "):
            does.append(line.strip()[2:])
    yield key, value, " ".join(does)


def _wrapped(text: str) -> str:
    lines = textwrap.wrap(text, 70, break_long_words=False, break_on_hyphens=False)
    return "\n".join(_text(line) for line in lines)


def _text(text: str) -> str:
    """Return *text* as groff takes it literally."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace("…", "...")
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def _quoted(text: str) -> str:
    return '"' + _text(text).replace('"', r"\(dq") + '"'


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "man" / "fbsyncd.1"
    target.write_text(page(), encoding="utf-8")
