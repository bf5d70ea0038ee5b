"""The simulated CDN: pictures behind signed links."""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from fbsyncd.simulator.messages import Answer, Request

if TYPE_CHECKING:
    from fbsyncd.simulator.cdn_faults import CdnFaults
    from fbsyncd.simulator.pictures import Gallery
    from fbsyncd.simulator.signing import Signer

_POST_REFUSED = b"""<!DOCTYPE html>
<html lang="en">
<head>
  <title>4xx Client Error</title>
</head>
<body><h1>4xx Client Error</h1><p>The request could not be served.</p></body>
</html>
"""
_FILM = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"


class Cdn:
    """Serves pictures to whoever has a link that is signed and alive."""

    def __init__(self, gallery: Gallery, signer: Signer, faults: CdnFaults) -> None:
        self._gallery = gallery
        self._signer = signer
        self._faults = faults

    def answer(self, request: Request) -> Answer:
        """Answer GET and HEAD (the server leaves the body of HEAD away), faults included."""
        return self._faults.spoil(self._served(request), request)

    def _served(self, request: Request) -> Answer:
        if request.method not in ("GET", "HEAD"):
            return Answer(400, _POST_REFUSED, {"Content-Type": "text/html; charset=utf-8"})
        refusal = self._signer.refusal(request.path, request.raw_query)
        if refusal:
            return _plain(403, refusal)
        if request.path.endswith((".mp4", ".mpd")):
            return _file(_FILM, "video/mp4")
        picture = self._gallery.find(request.path, request.raw_query)
        if picture is None:
            return _plain(404, "Not Found")
        rendition = self._gallery.render(picture, request.path, request.raw_query)
        return _ranged(_file(rendition.content, rendition.content_type), request)


def _plain(status: int, text: str) -> Answer:
    headers = {"Content-Type": "text/plain", "x-robots-tag": "noarchive, noindex"}
    return Answer(status, text.encode(), headers)


def _file(content: bytes, content_type: str) -> Answer:
    checksum = zlib.adler32(content)
    return Answer(
        200,
        content,
        {
            "Content-Type": content_type,
            # Of the file's making: any fixed time does, so that it never changes.
            "Last-Modified": formatdate(1_750_000_000 + checksum % 10_000_000, usegmt=True),
            "x-needle-checksum": str(checksum),
            "content-digest": f"adler32={checksum}",
            "Cache-Control": "max-age=1209600, no-transform",
            "Accept-Ranges": "bytes",
            "cross-origin-resource-policy": "cross-origin",
            "access-control-allow-origin": "*",
            "timing-allow-origin": "*",
        },
    )


def _ranged(answer: Answer, request: Request) -> Answer:
    """The part of *answer* that a single byte range asks for."""
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if not asked:
        return answer
    whole = len(answer.body)
    first, last = int(asked[1]), min(whole - 1, int(asked[2] or whole))
    if first > last:
        return replace(_plain(416, ""), headers={"Content-Range": f"bytes */{whole}"})
    told = {**answer.headers, "Content-Range": f"bytes {first}-{last}/{whole}"}
    return replace(answer, status=206, body=answer.body[first : last + 1], headers=told)
