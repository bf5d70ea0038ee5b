"""Which size a file should have, so that one that was cut in its place is not handed out.

A row tells it, and once is enough: a file's name carries the hash of its content, so another size
is another name. Whether the bytes are right too is the scrub's business.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, TypeVar

from fbsyncd.errors import FbsyncdError

log = logging.getLogger(__name__)

#: Files whose size is kept: some megabytes.
MOST: Final = 32_768
#: Seconds for which a database that gave no answer is asked for no other size: while it is away,
#: pictures must not wait for it one after another.
PAUSE: Final = 10.0
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Sizes:
    """The sizes of files by their places (category/filename); safe to ask from many threads.

    *ask* reads one from the rows, None where no row has that file. *doubt* is called for a file of
    another size, once for each that it is met in.
    """

    def __init__(
        self,
        ask: Callable[[str, str], int | None],
        doubt: Callable[[], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask = ask
        self._doubt = doubt
        self._clock = clock
        self._kept: OrderedDict[str, int] = OrderedDict()
        self._wrong: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._silent_until = float("-inf")
        self._lock = Lock()

    def fits(self, place: str, size: int) -> bool | None:
        """Tell whether a file of that *size* may be whole, None when the rows cannot be read.

        A file of no row may: nothing is known of it.
        """
        if self._kept.get(place) == size:
            return True
        try:
            wanted = self._asked(place)
        except FbsyncdError as error:
            self._silent_until = self._clock() + PAUSE
            log.debug("the size of %s is not told: %s", place, error)
            wanted = None
        if self._clock() < self._silent_until:
            return None
        if wanted is None or wanted == size:
            return True
        self._complain(place, size, wanted)
        return False

    def _asked(self, place: str) -> int | None:
        if self._clock() < self._silent_until:
            return None
        category, _, name = place.partition("/")
        wanted = self._ask(category, name)
        if wanted is not None:
            with self._lock:
                _put(self._kept, place, wanted)
        return wanted

    def _complain(self, place: str, size: int, wanted: int) -> None:
        with self._lock:
            is_news = (place, size) not in self._wrong
            _put(self._wrong, (place, size), None)
        if is_news:
            log.warning("%s has %d bytes, not %d: it is not served", place, size, wanted)
            self._doubt()


def _put(kept: OrderedDict[_Key, _Value], key: _Key, value: _Value) -> None:
    kept[key] = value
    if len(kept) > MOST:
        kept.popitem(last=False)
