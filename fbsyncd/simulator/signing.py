"""Signed CDN links, as Facebook hands them out: signed anew in each answer, dead after a while.

A link is its path and the parameters that matter (``stp``, ``url``...), to which every signing
adds a host (``_nc_ht``), tokens of the request (``_nc_*``), an expiry (``oe``, hexadecimal unix
seconds) and a signature (``oh``) over all of it. Measured on real feeds: each file keeps one
phase of ``oe`` modulo four hours, so that ``oe`` lies in (now + 104 h, now + 108 h].
"""

from __future__ import annotations

import hmac
import secrets
import zlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fbsyncd.simulator.clock import Clock

STEP = 4 * 3600
HOSTS = (
    "scontent-bkk1-1.xx",
    "scontent-bkk1-2.xx",
    "scontent-sin6-3.xx",
    "scontent-hkg1-2.xx",
    "scontent.fsgn5-1.fna",
)
MISMATCH = "URL signature mismatch"
EXPIRED = "URL signature expired"
UNSIGNED = "Unsigned URL"
BAD_TIMESTAMP = "Bad URL timestamp"


@dataclass(frozen=True, slots=True)
class Link:
    """What stays the same about a link, whenever it is signed."""

    path: str
    params: tuple[tuple[str, str], ...] = ()

    @property
    def lifetime(self) -> int:
        """Seconds a fresh signature lives at most."""
        if "/emg1/" in self.path or "safe_image" in self.path or self.path.endswith(".mpd"):
            return 36 * 3600
        if "/t1.6435-" in self.path:
            return 30 * 24 * 3600
        return 108 * 3600

    def expiry(self, now: datetime) -> int:
        """Unix seconds in (now + lifetime - 4 h, now + lifetime], of this file's own phase."""
        phase = zlib.crc32(self.path.rsplit("/", 1)[-1].encode()) % STEP
        latest = int(now.timestamp()) + self.lifetime
        return latest - (latest - phase) % STEP


class Signer:
    """Signs links and judges them; both by the simulator's clock.

    The secret comes from *seed*, so a restarted simulator honours the links of the one before.
    Links lead to *cdn*, and to the simulator itself where none is named.
    """

    def __init__(self, base_url: str, clock: Clock, seed: int, cdn: str = "") -> None:
        self.base_url = base_url
        self._cdn = cdn or base_url
        self._clock = clock
        self._key = sha256(f"simulated facebook {seed}".encode()).digest()
        self._dice = Random()  # no secret: noise, to make links differ

    def sign(self, link: Link, gid: str) -> str:
        """Return the whole address of *link*; *gid* is the token of the answer it is part of."""
        kept = self._kept(link)
        names = {name for name, _ in kept}
        pairs = [*kept, *(pair for pair in self._noise(gid) if pair[0] not in names)]
        pairs.append(("oe", f"{link.expiry(self._clock.now()):08X}"))
        oh = self._signature(link.path, pairs)
        pairs.insert(-1, ("oh", oh))
        return f"{self._cdn}{quote(link.path)}?{encoded(pairs)}"

    def refusal(self, path: str, query: str) -> str | None:
        """The text of the CDN's 403, or None when the link is good (*path* is not encoded)."""
        pairs = parse_qsl(query, keep_blank_values=True)
        values = dict(pairs)
        if "oh" not in values:
            # A link copied out of HTML source: the commonest way to break one.
            return BAD_TIMESTAMP if "amp;oh" in values else UNSIGNED
        expiry = _hexadecimal(values.get("oe", ""))
        if expiry is None:
            return BAD_TIMESTAMP
        signed = [pair for pair in pairs if pair[0] != "oh"]
        if not hmac.compare_digest(values["oh"], self._signature(path, signed)):
            return MISMATCH
        return EXPIRED if expiry <= self._clock.now().timestamp() else None

    def renew(self) -> None:
        """Take another key: every link signed so far is refused from now on."""
        self._key = sha256(self._key).digest()

    def _kept(self, link: Link) -> list[tuple[str, str]]:
        # Avatars of the lookaside host carry their end in decimal (ext), old Akamai links in
        # __gda__: recorded ones lie in the past and would be dead on arrival.
        alive = str(link.expiry(self._clock.now()))
        renewed = {"ext": alive, "__gda__": f"{alive}_{self._key.hex()[:32]}"}
        return [(name, renewed.get(name, value)) for name, value in link.params]

    def _noise(self, gid: str) -> list[tuple[str, str]]:
        return [
            ("_nc_cat", str(self._dice.randint(100, 111))),
            ("ccb", "1-7"),
            ("_nc_sid", "127cfc"),
            ("_nc_ohc", secrets.token_urlsafe(16)),
            ("_nc_oc", "Ad" + secrets.token_urlsafe(33)),
            ("_nc_zt", "23"),
            ("_nc_ht", self._dice.choice(HOSTS)),
            ("edm", "AKIiGfEEAAAA"),
            ("_nc_gid", gid),
            ("_nc_tpa", "Q5bM" + secrets.token_urlsafe(24)),
        ]

    def _signature(self, path: str, pairs: list[tuple[str, str]]) -> str:
        text = "\n".join([path, *(f"{name}={value}" for name, value in pairs)])
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return "00_AQ" + urlsafe_b64encode(digest)[:43].decode()


def encoded(pairs: Iterable[tuple[str, str]]) -> str:
    """The query string of *pairs*, percent-encoded as browsers and requests leave it alone."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
