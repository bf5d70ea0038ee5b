"""Texts as they are searched: what readers hold for the same letter becomes the same letter.

Capitals, full-width and styled letters, the accents of Latin, Greek and Cyrillic script, digits of
other scripts, invisible characters and the width of white space make no difference. The vowel and
tone signs of Thai and its neighbours are letters and stay.

Each character is folded by itself, so that every part of a text, folded, is a part of the folded
text: whatever somebody copies out of a post finds that post. Who changes this has to have all
posts folded again: ``INSERT INTO search_stale (post_id) SELECT id FROM facebook_posts``.
"""

from __future__ import annotations

import unicodedata
from typing import Final

# Letters that Unicode does not take apart, as people write them who have no such key.
_LETTERS: Final = {"đ": "d", "ð": "d", "ø": "o", "ł": "l", "\u0131": "i", "æ": "ae", "œ": "oe"}
_INVISIBLE: Final = {"Cc", "Cf", "Cs"}


def fold(text: object) -> str:
    """Return *text* as it is searched, on one line; SQLite may hold a number in its place."""
    return " ".join(str(text).translate(_FOLDED).split())


class _Folded(dict[int, str]):
    """Remembers what each character becomes; a text has few different ones."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char.isspace():
            folded = " "
        else:
            bare = unicodedata.normalize("NFKD", char).casefold()
            folded = "".join(map(_plain, unicodedata.normalize("NFKD", bare)))
        self[code] = folded
        return folded


def _plain(char: str) -> str:
    if "\u0300" <= char <= "\u036f" or unicodedata.category(char) in _INVISIBLE:
        return ""
    if "\ufe00" <= char <= "\ufe0f":
        # Whether a heart is shown red or black is decided by one of these after it.
        return ""
    digit = unicodedata.decimal(char, None)
    return _LETTERS.get(char, char) if digit is None else str(digit)


_FOLDED: Final = _Folded()
