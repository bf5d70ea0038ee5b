"""One Page asked again for some of its posts or videos, by listing or by id.

A batch that fails as a whole is halved until the id that breaks it stands alone; one such id must
not keep fifty others from their links, nor cost more than a call or two for each halving.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Final

from fbsyncd.errors import CallRefused, GraphError, Interrupted, Throttled, TokenRefused
from fbsyncd.graph import BATCH, Graph
from fbsyncd.heal.plan import Window
from fbsyncd.records import Post, Video
from fbsyncd.sync import Source

log = logging.getLogger(__name__)

#: An exchange that fails may be a hiccup of the line, so a second one is made before an id is
#: blamed. More are no use: when Facebook is down, asking for the Page itself tells.
AGAIN: Final = 2

Records = Sequence[Post] | Sequence[Video]


class Inquiry:
    """What is asked of one *stream* of one Page; *put* is given every record that comes.

    *answers* holds None for each id that was given, and the error for each that was not.
    *poisoned* are ids that break every batch they are in.
    """

    def __init__(
        self, graph: Graph, source: Source, stream: str, put: Callable[[Records], None]
    ) -> None:
        self.answers: dict[str, GraphError | None] = {}
        self.poisoned: set[str] = set()
        self._graph = graph
        self.source = source
        self.page_id = source.page_id
        self.stream = stream
        self._put = put

    def list_again(self, window: Window) -> None:
        """List a window until all wanted are seen; some may stay without an answer.

        A list that cannot be had or leads nowhere is no obstacle: what is left is asked for by id.
        Raises GraphError for what is wrong with the whole Page.
        """
        wanted = set(window.ids) - self.answers.keys()
        if not wanted:
            return
        try:
            self._list(window, wanted)
        except (Throttled, TokenRefused, Interrupted):
            raise
        except GraphError as error:
            # Some Pages refuse the list of videos and give each of them.
            log.info("page %s: %s: %s", self.source.page_id, self.stream, error)
            if not isinstance(error, CallRefused):
                self._check_page()

    def ask(self, ids: Collection[str]) -> None:
        """Ask for *ids* one by one, in batches; raises GraphError as :meth:`list_again` does."""
        left = sorted(set(ids) - self.answers.keys())
        for start in range(0, len(left), BATCH):
            batch = left[start : start + BATCH]
            if self._fault(batch, AGAIN):
                self._check_page()
                self._halve(batch)

    def _list(self, window: Window, wanted: set[str]) -> None:
        ask = self._graph.posts if self.stream == "posts" else self._graph.videos
        # The API's ``until`` may leave its own second out, so add one.
        until = window.newest + timedelta(seconds=1)
        # By id they would cost a call each: a listing that costs more has lost its way.
        calls = len(wanted)
        for listing in ask(self.source.page_id, self.source.token(), until=until):
            self._heard(listing.records)
            wanted -= self.answers.keys()
            calls -= 1
            past = any(record.created_time < window.oldest for record in listing.records)
            if not wanted or past or calls <= 0:
                return

    def _halve(self, ids: Sequence[str]) -> None:
        """Ask for *ids*, which failed together, in parts; one that fails alone is poisoned."""
        if len(ids) == 1:
            error = self._fault(ids, AGAIN)
            if error:
                self.poisoned.add(ids[0])
                self.answers[ids[0]] = error
            return
        middle = len(ids) // 2
        if not self._fault(ids[:middle]):
            # So it is the other half's doing, which need not be asked to know that.
            self._halve(ids[middle:])
            return
        self._halve(ids[:middle])
        if self._fault(ids[middle:]):
            self._check_page()
            self._halve(ids[middle:])

    def _fault(self, ids: Sequence[str], tries: int = 1) -> GraphError | None:
        """Ask for *ids* in one batch; return what is wrong with it as a whole.

        Raises what concerns the whole Page.
        """
        try:
            self._batch(ids, tries)
        except (Throttled, TokenRefused, Interrupted):
            raise
        except GraphError as error:
            return error
        return None

    def _batch(self, ids: Sequence[str], tries: int) -> None:
        page_id, token = self.source.page_id, self.source.token()
        ask = self._graph.batch_posts if self.stream == "posts" else self._graph.batch_videos
        given = ask(page_id, token, ids, tries)
        self._heard([one for one in given if isinstance(one, Post)])
        self._heard([one for one in given if isinstance(one, Video)])
        for id_, one in zip(ids, given, strict=True):
            if isinstance(one, Throttled | TokenRefused):
                raise one
            # The answer counts for the id that was asked for, whatever it calls itself.
            self.answers[id_] = one if isinstance(one, GraphError) else None

    def _check_page(self) -> None:
        """Ask for the Page itself: halving batches is no use when nothing is answered."""
        self._graph.page(self.source.page_id, self.source.token())

    def _heard(self, records: Records) -> None:
        if not records:
            return
        self._put(records)
        for record in records:
            self.answers[record.id if isinstance(record, Post) else record.video_id] = None
