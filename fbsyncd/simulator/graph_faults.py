"""What can be made to go wrong with the Graph API.

Each method arms one fault; *times* is how often it strikes, None until it is cleared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fbsyncd.simulator.switchboard import Switchboard

if TYPE_CHECKING:
    from collections.abc import Collection

    from fbsyncd.simulator.usage import Percentages, Usage


class GraphFaults(Switchboard):
    """Arms the faults of the Graph side."""

    usage_meter: Usage

    def throttle(
        self,
        code: int = 80001,
        minutes: int = 30,
        times: int | None = 1,
        page: str | None = None,
    ) -> None:
        """Refuse calls (of *page*) for too many calls, saying to wait *minutes*.

        Codes 4, 17, 32, 341, 368, 613 and 80001 come with their own words and headers; 4 is
        the app's limit, HTTP 403 and (misleadingly) is_transient. With *times* None it ends
        when the simulator's clock has gone *minutes* further.
        """
        until = self.usage_meter.in_minutes(minutes) if times is None else None
        self.arm("throttle", times, code=code, minutes=minutes, page=page, until=until)

    def budget(self, calls_per_hour: int | None) -> None:
        """Give each page so many calls an hour by the simulator's clock; None: no limit."""
        self.usage_meter.calls_per_hour = calls_per_hour

    def usage(
        self,
        app: Percentages | None = None,
        page: Percentages | None = None,
        page_id: str = "",
    ) -> None:
        """Set what the usage headers say: a dict of percentages, or a text as it is.

        ``usage()`` alone goes back to counting.
        """
        self.usage_meter.app = app
        self.usage_meter.pages.pop(page_id, None)
        if page is not None:
            self.usage_meter.pages[page_id] = page

    def transient(self, times: int | None = 1, page: str | None = None) -> None:
        """Answer code 2 with HTTP 500 and is_transient."""
        self.arm("transient", times, page=page)

    def reduce_data(
        self, above: int = 25, times: int | None = None, having: str | None = None
    ) -> None:
        """Ask for less data while ``limit`` is over *above* (and fields name *having*)."""
        self.arm("reduce_data", times, above=above, having=having)

    def token_dead(self, page: str | None = None, subcode: int | None = 463) -> None:
        """Refuse the token of *page* (of every page) with 190 and *subcode*."""
        self.arm("token_dead", None, page=page, subcode=subcode)

    def token_terms(self, page: str | None = None, **terms: Any) -> None:
        """Let debug_token tell *terms* of the token of *page* (of every page), ``expires_at`` say.

        It only tells: the token goes on being accepted.
        """
        self.arm("token_terms", None, page=page, **terms)

    def revive(self, page: str | None = None) -> None:
        """Accept the token of *page* (of every page) again."""
        self.disarm("token_dead", lambda fault: page is None or fault["page"] == page)

    def refuse(
        self, code: int, times: int | None = 1, message: str = "", status: int = 400
    ) -> None:
        """Answer any other error."""
        self.arm("refuse", times, code=code, message=message, status=status)

    def truncate_json(self, times: int | None = 1) -> None:
        """End the JSON in the middle, under an honest Content-Length."""
        self.arm("truncate_json", times)

    def html(self, times: int | None = 1) -> None:
        """Answer 200 with the HTML of a captive portal."""
        self.arm("html", times)

    def empty_body(self, times: int | None = 1) -> None:
        """Answer 200 with nothing."""
        self.arm("empty_body", times)

    def array(self, times: int | None = 1) -> None:
        """Answer 200 with a JSON array where an object belongs."""
        self.arm("array", times)

    def hang(self, seconds: float, times: int | None = 1) -> None:
        """Let an answer take *seconds* of real time."""
        self.arm("hang", times, seconds=seconds)

    def drop(self, times: int | None = 1) -> None:
        """Close the connection without an answer."""
        self.arm("drop", times)

    def glitch_without_attachments(
        self, post_ids: Collection[str] | None = None, times: int | None = 1
    ) -> None:
        """Leave the attachments of these posts (of all) out of a listing.

        Seen once in 16 months on a real feed, for four posts of twenty-five.
        """
        self.arm("glitch", times, post_ids=None if post_ids is None else frozenset(post_ids))

    def refuse_videos(self, times: int | None = None) -> None:
        """Refuse the videos edge with code 3, as its documentation says it does."""
        self.arm("refuse_videos", times)

    def repeat_cursor(self, times: int | None = None) -> None:
        """Hand the same cursor out again and again: the walk goes round in circles."""
        self.arm("repeat_cursor", times)

    def empty_pages_forever(self) -> None:
        """List nothing, with ever new cursors and a next link."""
        self.arm("empty_page", None, forever=True)

    def empty_page_once(self) -> None:
        """List one empty page that has a next link; the walk goes on behind it."""
        self.arm("empty_page", 1, forever=False)

    def invalid_cursors(self, times: int | None = 1) -> None:
        """Refuse a request that carries a cursor (100)."""
        self.arm("invalid_cursors", times)

    def ignore_until(self, times: int | None = None) -> None:
        """Take no notice of since and until."""
        self.arm("ignore_until", times)

    def show_unpublished(self) -> None:
        """List scheduled posts among the published ones."""
        self.arm("show_unpublished", None)

    def serve_version(self, version: str) -> None:
        """Name *version* in ``facebook-api-version``, whatever was asked."""
        self.disarm("serve_version")
        self.arm("serve_version", None, version=version)

    def batch_nulls(self, ids: Collection[str] | None = None, times: int | None = 1) -> None:
        """Put null for these ids (for every item) into *times* batch answers."""
        self.arm("batch_nulls", times, ids=None if ids is None else frozenset(ids))

    def poison(self, ids: Collection[str], alone: bool = True) -> None:
        """Let a whole batch that names one of *ids* fail with HTTP 500; *alone*: its node too."""
        self.arm("poison", None, ids=frozenset(ids), alone=alone)
