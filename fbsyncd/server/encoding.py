"""An answer in the encodings a client may ask for: as it is, or compressed by gzip.

Each encoding has an ETag of its own, since a strong ETag names bytes and not their meaning.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final

from fbsyncd.server.answers import Answer

#: Bytes below which headers and effort cost more than is saved.
_LEAST: Final = 500
#: Beyond this level posts take twice the time for one percent less.
_LEVEL: Final = 5
_TEXTUAL: Final = re.compile(r"(?:text/|application/(?:json|openapi)|image/svg\+xml)")
_VARIES: Final = ("Vary", "Accept-Encoding")


@dataclass(slots=True)
class Ready:
    """A whole answer that can be sent again and again; compressed once, when it is first asked."""

    plain: Answer
    #: What bottle found for the path, for whoever counts requests by route.
    route: object = None
    packed: Answer | None = field(default=None, init=False)
    is_packable: bool = field(init=False)

    def __post_init__(self) -> None:
        is_text = _is_text(self.plain)
        self.is_packable = is_text and int(self.plain.header("Content-Length") or 0) >= _LEAST
        if is_text:
            # Also what is too small now: under the same address it may be larger tomorrow.
            self.plain = replace(self.plain, headers=(*self.plain.headers, _VARIES))

    def in_encoding(self, accept_encoding: str | None) -> Answer:
        """Return the answer in the encoding that suits an Accept-Encoding header best."""
        if not self.is_packable or not accept_encoding or not accepts_gzip(accept_encoding):
            return self.plain
        if self.packed is None:
            self.packed = _packed(self.plain)
        return self.packed


def _is_text(answer: Answer) -> bool:
    """Tell whether *answer* can be compressed, with profit if it is large; errors are not."""
    kind = answer.header("Content-Type")
    return answer.status == 200 and kind is not None and bool(_TEXTUAL.match(kind))


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Tell whether gzip is what an Accept-Encoding header prefers (RFC 9110 section 12.5.3).

    A quality that is no number counts as zero: who cannot say what they want gets the plain bytes.
    """
    wanted: dict[str, float] = {}
    for element in header.lower().split(","):
        name, _, parameters = element.partition(";")
        wanted[name.strip()] = _quality(parameters)
    gzip_ = max(wanted.get(name, -1.0) for name in ("gzip", "x-gzip"))
    if gzip_ < 0:
        gzip_ = wanted.get("*", 0.0)
    return gzip_ > 0 and gzip_ >= wanted.get("identity", 0.0)


def _quality(parameters: str) -> float:
    match = re.fullmatch(r"\s*(?:q\s*=\s*([01](?:\.\d{0,3})?))?\s*", parameters, re.ASCII)
    if match is None:
        return 0.0
    return 1.0 if match[1] is None else float(match[1])


def _packed(plain: Answer) -> Answer:
    body = gzip.compress(b"".join(plain.body), _LEVEL, mtime=0)
    told = {name.lower(): (name, text) for name, text in plain.headers}
    told["content-encoding"] = ("Content-Encoding", "gzip")
    told["content-length"] = ("Content-Length", str(len(body)))
    if "etag" in told:
        told["etag"] = ("ETag", f'{told["etag"][1][:-1]}-gzip"')
    return Answer(plain.status, tuple(told.values()), (body,))
