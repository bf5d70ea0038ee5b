"""The command line as values, read from the parser, for its manual and completions."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fbsyncd import __main__ as program

Kind = Literal["none", "text", "file", "folder"]


@dataclass(frozen=True, slots=True)
class Option:
    """An option: its names, what it takes, and which others it cannot stand beside."""

    names: tuple[str, ...]
    takes: Kind
    metavar: str
    many: bool
    required: bool
    does: str
    not_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Argument:
    """What stands after a command without a name of its own."""

    shown: str
    takes: Kind
    choices: tuple[str, ...]
    does: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command, or with an empty name the program itself."""

    name: str
    does: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]

    def synopsis(self) -> list[str]:
        """Return the parts of a line that shows how it is called, each in its brackets."""
        parts, told = list[str](), set[str]()
        for option in self.options:
            if not told.intersection(option.names):
                group = [one for one in self.options if option.names[0] in one.not_with]
                call = " | ".join(_call(one) for one in [option, *group])
                parts.append(call if option.required else f"[{call}]")
                told.update(name for one in group for name in one.names)
        return [*parts, *(argument.shown for argument in self.arguments)]


def whole() -> Command:
    """Return the program with the options it takes before a command."""
    return _command("", "", program._parser())


def commands() -> list[Command]:
    """Return every command, in the order of ``fbsyncd --help``."""
    parser = program._parser()
    (sub,) = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    does = {action.dest: str(action.help) for action in sub._choices_actions}
    return [_command(name, does[name], sub.choices[name]) for name in sub.choices]


def _call(option: Option) -> str:
    return " ".join(filter(None, [option.names[-1], option.metavar, "..." * option.many]))


def _command(name: str, does: str, parser: argparse.ArgumentParser) -> Command:
    # "-h" is told once, for all of them.
    known = [
        action
        for action in parser._actions
        if action.help != argparse.SUPPRESS and not isinstance(action, argparse._SubParsersAction)
    ]
    return Command(
        name,
        does,
        tuple(
            _option(action, parser)
            for action in known
            if action.option_strings and not (name and "--help" in action.option_strings)
        ),
        tuple(_argument(action) for action in known if not action.option_strings),
    )


def _option(action: argparse.Action, parser: argparse.ArgumentParser) -> Option:
    beside = tuple(
        other.option_strings[-1]
        for group in parser._mutually_exclusive_groups
        if action in group._group_actions
        for other in group._group_actions
        if other is not action
    )
    metavar = str(action.metavar or "") if action.nargs != 0 else ""
    takes = _kind(action) if metavar else "none"
    return Option(
        tuple(action.option_strings),
        takes,
        metavar,
        action.nargs == "+",
        action.required,
        action.help or "",
        beside,
    )


def _argument(action: argparse.Action) -> Argument:
    name = str(action.metavar)
    shown = {"?": f"[{name}]", "*": f"[{name} ...]"}.get(str(action.nargs), name)
    choices = tuple(str(choice) for choice in action.choices or ())
    return Argument(shown, _kind(action), choices, action.help or "")


def _kind(action: argparse.Action) -> Kind:
    if action.metavar == "DIR":
        return "folder"
    return "file" if action.type is Path or action.metavar == "FILE" else "text"
