"""Texts of the made-up posts: a story, its blanks filled in, a greeting or a farewell around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from fbsyncd.simulator.stories import STORIES
from fbsyncd.simulator.words import ARTICLES, EMOJI, FAREWELLS, GREETINGS, TAGS, WORDS

_BLANK = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Text:
    """What a post says, and the scenes that go with it."""

    message: str | None
    topic: str
    headline: str


def compose(theme: str, turn: int, dice: Random, silent: float = 0.10) -> Text:
    """Make up the post of a page with *theme*; a share of *silent* says nothing at all.

    Posts with following numbers (*turn*) tell different stories until all are told.
    """
    language, topic, story = _story(theme, turn)
    parts = [_filled(story, language, dice)]
    if dice.random() < 0.45:
        parts[0] = f"{dice.choice(GREETINGS[language])} {parts[0]}"
    if dice.random() < 0.3:
        other, _, more = _story(theme, turn + dice.randint(3, 9))
        parts.append(_filled(more, other, dice))
    if dice.random() < 0.5:
        parts.append(dice.choice(FAREWELLS[language]))
    if dice.random() < 0.4:
        parts.append(" ".join(dice.sample(TAGS[theme], dice.randint(1, 3))))
    message = None if dice.random() < silent else _joined(parts, topic, dice)
    return Text(message, topic, _headline(story))


def _story(theme: str, turn: int) -> tuple[str, str, str]:
    deck = [
        (language, topic, story)
        for language, stories in STORIES[theme].items()
        for topic, story in stories
    ]
    round_, place = divmod(turn, len(deck))
    Random(f"{theme}/{round_}").shuffle(deck)
    return deck[place]


def article(dice: Random) -> tuple[str, str]:
    """Address and headline of something worth sharing."""
    site, headline = dice.choice(ARTICLES)
    return f"https://{site}/{dice.randrange(2021, 2027)}/{dice.randrange(10**5)}", headline


def _filled(story: str, language: str, dice: Random) -> str:
    def fill(blank: re.Match[str]) -> str:
        if blank[1] == "n":
            return str(dice.choice((7, 9, 12, 15, 18, 24, 30, 42, 56, 80, 120, 180, 245, 360)))
        if blank[1] == "goals":
            return f"{dice.randint(0, 4)} - {dice.randint(0, 3)}"
        return dice.choice(WORDS[language][blank[1]])

    return _BLANK.sub(fill, story)


def _joined(parts: list[str], topic: str, dice: Random) -> str:
    emoji = dice.choice(EMOJI[topic.split()[0]]) if dice.random() < 0.55 else ""
    return dice.choice(("\n\n", "\n\n", "\n", " ")).join(parts) + (f" {emoji}" if emoji else "")


def _headline(story: str) -> str:
    return _BLANK.sub("…", re.split(r"[.!?:]", story)[0])[:70]
