"""Write the shell completions: ``python tools/completion.py [FOLDER]``."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import interface
from interface import Command, Kind, Option

ROOT = Path(__file__).resolve().parent.parent
NOTE = "# Made by tools/completion.py from the program's own parser; `make manual` makes it anew."

_BASH = """\
%(note)s
# For bash 4 or newer; needs no other file.

_fbsyncd() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local command='' word i words='' rest=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
            --config) i=$((i + 1)) ;;
            -*) ;;
            *) command=$word; break ;;
        esac
    done
    COMPREPLY=()
    case $command:$before in
%(values)s
    esac
    case $command in
%(commands)s
    esac
    if [[ $current == -* || $rest == '' ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    else
        _fbsyncd_paths "$rest"
    fi
}

_fbsyncd_paths() {
    # Outside of a completion there is nothing to set.
    compopt -o filenames 2> /dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

complete -F _fbsyncd fbsyncd
"""

_ZSH = """\
#compdef fbsyncd
%(note)s

_fbsyncd() {
    local curcontext=$curcontext state line
    typeset -A opt_args
    local -a commands
    commands=(
%(names)s
    )
    _arguments -C \\
%(whole)s
        '1: :->command' \\
        '*:: :->rest' && return
    case $state in
        command) _describe -t commands command commands ;;
        rest)
            case $words[1] in
%(commands)s
            esac ;;
    esac
}

_fbsyncd "$@"
"""


def bash() -> str:
    """Return the completion for bash."""
    whole, commands = interface.whole(), interface.commands()
    values = [_bash_value("*", option) for option in whole.options if option.metavar]
    lines = [_bash_command("", _names(whole) + [one.name for one in commands], "")]
    for command in commands:
        values += [_bash_value(command.name, one) for one in command.options if one.metavar]
        words = [*_names(command), "-h", "--help", "--config"]
        words += [choice for one in command.arguments for choice in one.choices]
        lines.append(_bash_command(command.name, words, _COMPGEN[_rest(command)]))
    return _BASH % {"note": NOTE, "values": "\n".join(values), "commands": "\n".join(lines)}


_COMPGEN: dict[Kind, str] = {"none": "", "text": "", "file": "-f", "folder": "-d"}


def _bash_value(command: str, option: Option) -> str:
    paths = _COMPGEN[option.takes]
    then = f"_fbsyncd_paths {paths}; return" if paths else "return"
    return f"        {command}:{option.names[-1]}) {then} ;;"


def _bash_command(name: str, words: Iterable[str], rest: str) -> str:
    set_rest = f" rest={rest}" if rest else ""
    return f"        {name or repr('')}) words='{' '.join(words)}'{set_rest} ;;"


def _names(command: Command) -> list[str]:
    return [name for option in command.options for name in option.names]


def _rest(command: Command) -> Kind:
    """Return what may follow without an option's name, which a list of files does too."""
    lists = [option.takes for option in command.options if option.many]
    return next(iter([*(one.takes for one in command.arguments), *lists]), "none")


def zsh() -> str:
    """Return the completion for zsh."""
    commands = interface.commands()
    whole = [_zsh_option(option) for option in interface.whole().options]
    return _ZSH % {
        "note": NOTE,
        "names": "\n".join(f"        {_quoted(f'{one.name}:{one.does}')}" for one in commands),
        "whole": "\n".join(f"        {option} \\" for option in whole),
        "commands": "\n".join(_zsh_command(command) for command in commands),
    }


_ZSH_VALUE: dict[Kind, str] = {"none": "", "text": " ", "file": "_files", "folder": "_files -/"}


def _zsh_command(command: Command) -> str:
    specs = [_zsh_option(option) for option in command.options]
    specs += [_quoted("(- *)-h[show this help]"), _quoted("(- *)--help[show this help]")]
    specs.append(_quoted("--config[the config.toml to use]:FILE:_files"))
    for argument in command.arguments:
        values = f"({' '.join(argument.choices)})" if argument.choices else ""
        where = "*" if "..." in argument.shown else ""
        specs.append(_quoted(f"{where}:{argument.does}:{values or _ZSH_VALUE[argument.takes]}"))
    inner = " \\\n                    ".join(specs)
    return f"                {command.name}) _arguments \\\n                    {inner} ;;"


def _zsh_option(option: Option) -> str:
    # After --help and --version nothing else is of use.
    alone = {"--help", "--version"} & set(option.names)
    beside = "(- *)" if alone else f"({' '.join(option.not_with)})" * bool(option.not_with)
    does = option.does.replace("[", "(").replace("]", ")")
    every = "*" if option.many else ""
    value = f":{every}{option.metavar}:{_ZSH_VALUE[option.takes]}" if option.metavar else ""
    value = value.replace(":*", ":*:") if option.many else value
    return " ".join(_quoted(f"{beside}{name}[{does}]{value}") for name in option.names)


def fish() -> str:
    """Return the completion for fish."""
    commands = interface.commands()
    every = " ".join(command.name for command in commands)
    lines = [NOTE, "", "complete -c fbsyncd -f", f"set -l commands {every}", ""]
    for option in interface.whole().options:
        where = "" if "--version" not in option.names else _fish_where("$commands", seen=False)
        lines.append(_fish_option(option, where))
    for command in commands:
        where = _fish_where("$commands", seen=False)
        lines.append(f"complete -c fbsyncd{where} -a {command.name} -d {_quoted(command.does)}")
    for command in commands:
        where = _fish_where(command.name, seen=True)
        lines += [_fish_option(option, where) for option in command.options]
        choices = [choice for one in command.arguments for choice in one.choices]
        if choices:
            lines.append(f"complete -c fbsyncd{where} -a {_quoted(' '.join(choices))}")
        if _rest(command) in {"file", "folder"}:
            lines.append(f"complete -c fbsyncd{where} {_FISH_REST[_rest(command)]}")
    return "\n".join(lines) + "\n"


_FISH_REST: dict[Kind, str] = {"file": "-F", "folder": "-a '(__fish_complete_directories)'"}
_FISH_VALUE: dict[Kind, str] = {
    "none": "",
    "text": " -x",
    "file": " -r -F",
    "folder": " -x -a '(__fish_complete_directories)'",
}


def _fish_where(names: str, *, seen: bool) -> str:
    return f' -n "{"" if seen else "not "}__fish_seen_subcommand_from {names}"'


def _fish_option(option: Option, where: str) -> str:
    flags = {True: "-l", False: "-s"}
    names = " ".join(f"{flags[name[:2] == '--']} {name.lstrip('-')}" for name in option.names)
    value = _FISH_VALUE[option.takes]
    return f"complete -c fbsyncd{where} {names}{value} -d {_quoted(option.does)}"


def _quoted(text: str) -> str:
    """Return *text* for any of the three shells; an apostrophe becomes a typographic one."""
    return "'" + text.replace("'", "\u2019") + "'"


def write(folder: Path) -> None:
    """Write the three files."""
    for name, text in {"fbsyncd.bash": bash(), "_fbsyncd": zsh(), "fbsyncd.fish": fish()}.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "completions")
