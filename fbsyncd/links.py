"""Links of Facebook's CDN: which picture one leads to, and until when.

Facebook signs every link anew in every answer: host, ``oh``, ``oe`` and a dozen other parameters
change, so a link says nothing about sameness (measured on real feeds: not one of 229,128 hourly
pairs of links was equal). What stays is the file's name in the path, and the size asked for.

Everything here is pure and takes any text at all: garbage has a key too, and never raises.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import parse_qsl, urlsplit

# The root of every asset's id. Changing it makes all archives forget what they hold.
NAMESPACE = uuid.UUID("6f0d3c52-58a1-5f0e-9b1c-2d8c7b6a4e31")

NATIVE = "native"

# ".../v/t39.30808-6/428_776_139_n.jpg", or before 2014 ".../hphotos-ak-snc6/428_776_139_n.jpg".
# Told by the path and not by the host, so that a mirror or a simulator shares the keys.
_DIRECTORY = re.compile(
    r"/(?:t\d+\.\d+-\d+|(h?(?:photos|vthumb|profile)-[^/]+)|rsrc\.php)/(.+)", re.ASCII
)
_FILE = re.compile(r"(\d+(?:_\d+){2,})_([a-z])\.(?:jpe?g|png|gif|webp)(?:\.webp)?", re.ASCII)
_PREVIEW = re.compile(r"/(?:emg1|safe_image\.php)(?:/|$)")
_CDN_HOST = re.compile(r"(?:^|\.)(?:fbcdn\.net|cdninstagram\.com|akamaihd\.net)$")

# A link with nothing escaped or out of place. It is told at a fraction of what it costs to take any
# text apart, and an answer names hundreds.
_PLAIN = re.compile(r"https?://([a-z0-9.-]+)(/[A-Za-z0-9_./-]*)(?:\?([A-Za-z0-9_.=&-]*))?")
# All that is asked of one's parameters; an address is made of the others, see _address().
_TELLING = re.compile(r"(?:^|&)(stp|ctp|w|h|oe|ext|__gda__|url)(?:=([^&]*))?(?![^&])")

_SIZE = re.compile(r"[sp]\d+x\d+", re.ASCII)
_BEGINNINGS = frozenset("spcf")  # of those, and of these
_CROP_OR_BLUR = re.compile(r"c[\d.x]+[a-z]?|fb\d+", re.ASCII)

# What changes with each signature, on hosts whose pictures are told apart by their query.
_VOLATILE = re.compile(r"_nc_.*|__gda__|oh|oe|ccb|edm|efg|ur|ext|hash|access_token|appsecret_proof")

_DIGITS = {16: re.compile("[0-9a-fA-F]{1,16}"), 10: re.compile("[0-9]{1,16}")}
_FACEBOOK_BEGAN = 1_072_915_200  # 2004-01-01
_LAST_MOMENT = 0xFFFF_FFFF  # 2106-02-07, all that eight hex digits can say

# Each link of an answer is asked about half a dozen times; an answer has some hundred.
_REMEMBERED = 2000

# An index entry of PostgreSQL ends at 2,704 bytes; a longer key would fail the whole insert.
_LONGEST_IDENTITY = 1000


@lru_cache(_REMEMBERED)
def asset_key(url: str) -> str:
    """Return ``identity#size``, the same for all links to one picture in one size.

    It does not look at the bytes: a picture replaced at the source gets a new name there and so a
    new key here, but the same picture uploaded twice has two.
    """
    link = _parse(url)
    return f"{_identity(link)}#{_size(link)}"


def picture_key(url: str) -> str:
    """Return the identity alone, the same for all sizes of one picture."""
    return _identity(_parse(url))


@lru_cache(_REMEMBERED)
def asset_id(key: str) -> uuid.UUID:
    """Return the id of the asset with this key; two archives agree on it."""
    return uuid.uuid5(NAMESPACE, key)


@lru_cache(_REMEMBERED)
def link_id(url: str) -> str:
    """Return the id of the asset that *url* leads to, as rows have it: with dashes."""
    # What uuid5() does, without making an object for each of thousands of links.
    digest = hashlib.sha1(NAMESPACE.bytes + asset_key(url).encode(), usedforsecurity=False)
    code = bytearray(digest.digest()[:16])
    code[6] = code[6] & 0x0F | 0x50
    code[8] = code[8] & 0x3F | 0x80
    text = code.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def expires_at(url: str) -> datetime | None:
    """Return when the signature runs out (UTC), or None when the link does not say.

    ``oe`` is hexadecimal; ``ext`` (lookaside.fbsbx.com) and ``__gda__`` (akamaihd.net) are decimal.
    With several the earliest counts. None means "unknown, try it", not "for ever".
    """
    query = _parse(url).parameters
    moments = [
        _moment(query.get("oe", ""), 16),
        _moment(query.get("ext", ""), 10),
        _moment(query.get("__gda__", "").partition("_")[0], 10),
    ]
    known = [moment for moment in moments if _FACEBOOK_BEGAN <= moment <= _LAST_MOMENT]
    return datetime.fromtimestamp(min(known), UTC) if known else None


@lru_cache(_REMEMBERED)
def is_web(url: str) -> bool:
    """Tell whether *url* is an address of the web that parses; says nothing about its host.

    Rows of other programs may hold anything: scripts, data, paths of their machine.
    """
    if _PLAIN.fullmatch(url):
        return True
    try:
        parts = urlsplit(url)
        # Reading the port is what finds one that is none.
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def marked(url: str, id_: str) -> str:
    """Return *url* as the row *id_* has it where another row has that link already.

    It leads to the same picture: what follows a ``#`` is not sent (RFC 9110, 7.1).
    """
    return f"{url}#{id_}"


def unmarked(url: str, id_: str) -> str:
    """Return *url* without the mark of the row *id_*."""
    return url.removesuffix(f"#{id_}")


def repaired(url: str) -> str:
    """Return *url* as it was signed: without the escapes that HTML and JSON leave behind.

    A link with ``&amp;`` or a literal ``\\u0026`` in it is answered "Bad URL timestamp".
    """
    return re.sub(r"&(?:amp;)+|\\u0026", "&", url.strip())


@dataclass(frozen=True, slots=True)
class _Link:
    host: str
    path: str
    query: str
    parameters: dict[str, str]


@lru_cache(_REMEMBERED)
def _parse(url: str) -> _Link:
    plain = _PLAIN.fullmatch(url)
    if plain is None:
        return _parse_any(url)
    host, path, query = plain.groups("")
    return _Link(host, path, query, dict(_TELLING.findall(query)))


def _parse_any(url: str) -> _Link:
    url = repaired(_storable(url))
    try:
        parts = urlsplit(url)
    except ValueError:
        return _Link("", url, "", {})
    host = parts.netloc.rpartition("@")[2].lower()
    path = re.sub(r"%[0-9a-f]{2}", lambda escape: escape[0].upper(), parts.path, flags=re.I)
    return _Link(host, path, parts.query, dict(_pairs(parts.query)))


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _storable(text: str) -> str:
    # Neither SQLite nor PostgreSQL takes half a surrogate pair, and PostgreSQL no NUL.
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _identity(link: _Link) -> str:
    identity = _name_in(link) or _previewed(link) or _address(link)
    encoded = identity.encode()
    if len(encoded) <= _LONGEST_IDENTITY:
        return identity
    return "sha256:" + hashlib.sha256(encoded).hexdigest()


def _name_in(link: _Link) -> str | None:
    """Return the picture's name when the path is of the CDN's shape, else None."""
    directory = _DIRECTORY.search(link.path)
    if directory is None:
        return None
    *folders, name = directory[2].split("/")
    file = _FILE.fullmatch(name)
    if file:
        return file[1]
    # Others have folders like "photos-2023" too, and a "1.jpg" in each.
    if directory[1] and not _CDN_HOST.search(link.host):
        return None
    rest = [folder for folder in folders if not _is_rendition(folder)]
    return "/".join([*rest, re.sub(r"(\.\w+)\.webp$", r"\1", name)])


def _is_rendition(step: str) -> bool:
    return bool(_SIZE.fullmatch(step) or _CROP_OR_BLUR.fullmatch(step))


def _previewed(link: _Link) -> str | None:
    """Return the address of the foreign picture that Facebook shows a preview of, else None."""
    if not _PREVIEW.search(link.path):
        return None
    original = link.parameters.get("url", "")
    # A preview of a picture of Facebook's own is signed twice, inside and outside.
    return _name_in(_parse(original)) or original or link.path.rpartition("/")[2] or None


def _address(link: _Link) -> str:
    if _CDN_HOST.search(link.host):
        return link.path
    kept = sorted(pair for pair in _pairs(link.query) if not _VOLATILE.fullmatch(pair[0]))
    # Elsewhere "picture.php?id=1" and "?id=2" are two pictures.
    query = "&".join(f"{name}={value}" for name, value in kept)
    return f"{link.host}{link.path}?{query}" if query else f"{link.host}{link.path}"


def _size(link: _Link) -> str:
    """Return the size asked for, crop and blur included: they make it another picture."""
    query = link.parameters
    steps = [*query.get("stp", "").split("_"), *link.path.split("/")]
    steps = [step for step in steps if step[:1] in _BEGINNINGS]
    shape = [step for step in steps if _CROP_OR_BLUR.fullmatch(step)]
    sizes = [size for size in (query.get("ctp", ""), *steps) if _SIZE.fullmatch(size)]
    return "_".join([*shape, *sizes[:1]]) or _box(query) or _letter(link.path)


def _box(query: dict[str, str]) -> str | None:
    box = f"{query.get('w', '')}x{query.get('h', '')}"
    return box if re.fullmatch(r"[0-9]{1,5}x[0-9]{1,5}", box) else None


def _letter(path: str) -> str:
    # Before 2014 the letter was the size: "_s" small, "_t" thumb, "_n" normal, "_o" original.
    file = _FILE.fullmatch(path.rpartition("/")[2])
    return NATIVE if file is None or file[2] == "n" else file[2]


def _moment(digits: str, base: int) -> int:
    """Return the number written in *digits*, or -1; ``int`` alone would take "0x" and "1_0"."""
    return int(digits, base) if digits and _DIGITS[base].fullmatch(digits) else -1
