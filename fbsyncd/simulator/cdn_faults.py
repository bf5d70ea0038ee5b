"""What can be made to go wrong with the CDN.

Each method arms one fault; *times* is how often it strikes (None: until it is cleared) and
*match* a part of the address (path and query) it is for (None: every one).
"""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from fbsyncd.simulator.messages import Answer
from fbsyncd.simulator.switchboard import Fault, Switchboard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fbsyncd.simulator.messages import Request

PORTAL = b"<!DOCTYPE html><html><head><title>Welcome to Cafe WiFi</title></head><body>Log in</body>"
# What replaces the whole answer comes first, what only spoils it on the wire after.
_ORDER = ("cdn_answer", "cdn_digest", "cdn_length", "cdn_cut", "cdn_slow", "cdn_delay")


class CdnFaults(Switchboard):
    """Arms the faults of the CDN side."""

    def cdn_status(self, code: int, times: int | None = None, match: str | None = None) -> None:
        """Answer with *code* and a short text."""
        text = f"{code} by order".encode()
        self._spoil("cdn_answer", times, match, lambda _a: Answer(code, text, _TEXT))

    def cdn_html(self, times: int | None = 1, match: str | None = None) -> None:
        """Answer 200 with the HTML of a captive portal."""
        headers = {"Content-Type": "text/html; charset=utf-8"}
        self._spoil("cdn_answer", times, match, lambda _a: Answer(200, PORTAL, headers))

    def cdn_serve(
        self,
        content: bytes | str,
        content_type: str = "image/jpeg",
        times: int | None = 1,
        match: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer 200 with any *content* under any type, with more *headers* if wished."""
        body = content.encode() if isinstance(content, str) else content
        told = {"Content-Type": content_type, **(headers or {})}
        self._spoil("cdn_answer", times, match, lambda _a: Answer(200, body, told))

    def cdn_redirect(self, location: str, times: int | None = 1, match: str | None = None) -> None:
        """Send the client elsewhere with a 302; ``{self}`` stands for the address itself."""
        self._spoil("cdn_answer", times, match, lambda _a: Answer(302, b"", {"Location": location}))

    def cdn_header_flood(self, headers: int = 500, times: int | None = 1) -> None:
        """Send the picture under *headers* useless headers."""
        flood = {f"x-flood-{nth}": "x" * 200 for nth in range(headers)}
        self._spoil("cdn_digest", times, None, lambda a: replace(a, headers={**flood, **a.headers}))

    def cdn_endless(self, times: int | None = 1, match: str | None = None) -> None:
        """Send the picture over and over, without a length and without an end."""
        self._spoil("cdn_length", times, match, lambda a: replace(a, endless=True))

    def cdn_no_length(self, times: int | None = None, match: str | None = None) -> None:
        """Leave Content-Length out and end the body by closing the connection."""
        self._spoil("cdn_length", times, match, lambda a: replace(a, length=-1))

    def cdn_cut_body(
        self, times: int | None = 1, match: str | None = None, honest: bool = False
    ) -> None:
        """Send half of the body; *honest*: under a Content-Length that says so."""
        self._spoil("cdn_cut", times, match, lambda a: _cut(a, honest))

    def cdn_wrong_digest(self, times: int | None = 1, match: str | None = None) -> None:
        """Tell a wrong adler32 of the bytes."""
        self._spoil("cdn_digest", times, match, _misdigested)

    def cdn_slow(
        self, bytes_per_second: int, times: int | None = None, match: str | None = None
    ) -> None:
        """Drip the body."""
        self._spoil("cdn_slow", times, match, lambda a: replace(a, rate=bytes_per_second))

    def cdn_delay(self, seconds: float, times: int | None = None, match: str | None = None) -> None:
        """Wait *seconds* of real time before each answer."""
        self._spoil("cdn_delay", times, match, lambda a: replace(a, delay=a.delay + seconds))

    def cdn_offline(self) -> None:
        """Close every connection without an answer, until :meth:`cdn_online`."""
        self._spoil("cdn_answer", None, None, lambda _a: Answer(503, drop=True))

    def cdn_online(self) -> None:
        """End every fault that replaces answers of the CDN."""
        self.clear("cdn_answer")

    def spoil(self, answer: Answer, request: Request) -> Answer:
        """Do to *answer* what the armed faults say."""
        address = f"{request.path}?{request.raw_query}"
        for name in _ORDER:
            fault = self.take(name, lambda armed: _fits(armed, address))
            if fault:
                answer = fault["twist"](answer)
        if answer.headers.get("Location") == "{self}":
            return replace(
                answer, headers={"Location": f"{quote(request.path)}?{request.raw_query}"}
            )
        return answer

    def _spoil(
        self,
        name: str,
        times: int | None,
        match: str | None,
        twist: Callable[[Answer], Answer],
    ) -> None:
        self.arm(name, times, match=match, twist=twist)


_TEXT = {"Content-Type": "text/plain"}


def _fits(fault: Fault, address: str) -> bool:
    return fault["match"] is None or fault["match"] in address


def _cut(answer: Answer, honest: bool) -> Answer:
    half = len(answer.body) // 2
    return replace(answer, body=answer.body[:half]) if honest else replace(answer, cut=half)


def _misdigested(answer: Answer) -> Answer:
    wrong = str(zlib.adler32(answer.body) ^ 1)
    headers = {**answer.headers, "content-digest": f"adler32={wrong}", "x-needle-checksum": wrong}
    return replace(answer, headers=headers)
