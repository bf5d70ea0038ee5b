"""The dashboard page and what it loads, read once, answered from memory.

The page is ours and asks for nothing from elsewhere; its Content-Security-Policy holds it to that.
Messages of posts are anybody's text: no inline script, no inline style and no HTML made from text
(trusted types) is what keeps them text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fbsyncd.server.answers import Answer, etag_of

if TYPE_CHECKING:
    from pathlib import Path

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src {pictures}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)


def load(folder: Path, *, public_url: str = "") -> dict[str, Answer]:
    """Return the answer for each path: ``/`` is index.html, every other file is at its own name.

    *public_url* is where links to pictures point when they are not relative: the page may show
    pictures from there. Files that change on disk later are not read again.
    """
    files = sorted(file for file in folder.iterdir() if file.suffix in _TYPES)
    policy = _POLICY.format(pictures=_picture_sources(public_url))
    return {_path(file): _answer(file, policy) for file in files}


def _path(file: Path) -> str:
    return "/" if file.name == "index.html" else f"/{file.name}"


def _answer(file: Path, policy: str) -> Answer:
    body = file.read_bytes()
    headers = (
        ("Content-Type", _TYPES[file.suffix]),
        ("Content-Length", str(len(body))),
        ("ETag", etag_of(body)),
        ("Cache-Control", "no-cache"),
        ("Content-Security-Policy", policy),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    )
    return Answer(200, headers, (body,))


def _picture_sources(public_url: str) -> str:
    parts = urlsplit(public_url)
    return f"'self' {parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
