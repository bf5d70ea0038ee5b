"""Decode one picture in full and make a small one of it. Runs in worker processes.

Kept apart from everything else so that a worker imports Pillow and nothing more, and so that
decoding, which holds the interpreter for milliseconds at a time, never slows the server.
"""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import signal
import struct
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

#: Width of a developed picture in pixels, and the most it may be high.
WIDTH: Final = 320
HEIGHT: Final = 960
#: So much further back in the queue for the processor.
NICE: Final = 10
_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "MPO")


@dataclass(frozen=True, slots=True)
class Print:
    """A developed picture; *data* is empty when the original is small enough itself."""

    data: bytes
    extension: str
    mime_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Spoilt:
    """The original cannot be decoded; *is_altered* tells that its bytes are not those archived."""

    reason: str
    is_altered: bool = False


@dataclass(frozen=True, slots=True)
class Unread:
    """The original could not be read, which says nothing about it; *is_missing*: not there."""

    reason: str
    is_missing: bool = False


# What Pillow raises for bytes it cannot make sense of; all of these were seen on mutilated files.
_SENSELESS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    ArithmeticError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    Warning,
)


def begin() -> None:
    """Prepare a worker process: it ends when its parent ends it, or with its parent.

    It leaves the processor to whoever is served. Ctrl-C reaches it too and is left to the parent;
    a parent that was killed can end nothing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError):
        os.nice(NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def develop(path: str, sha256: str, max_pixels: int) -> Print | Spoilt | Unread:
    """Decode every pixel of *path* and return its small version.

    Raises nothing for a file that cannot be read or whose bytes make no sense.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return Unread("the file is missing on disk", is_missing=True)
    except OSError as error:
        return Unread(f"cannot read {path}: {error.strerror}")
    try:
        return _decoded(data, max_pixels)
    except _SENSELESS as error:
        altered = hashlib.sha256(data).hexdigest() != sha256
        return Spoilt(f"the picture cannot be decoded: {error}", altered)


def _decoded(data: bytes, max_pixels: int) -> Print | Spoilt:
    with warnings.catch_warnings():
        # Notes of a camera that make no sense are warned of too, and are no damage.
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > max_pixels:
                return Spoilt(f"{image.width} x {image.height} pixels are more than {max_pixels}")
            return _print(image)


def _print(image: Image.Image) -> Print:
    # Decoding at half size finds the same damage as at full size, in two thirds of the time.
    if image.width >= 2 * WIDTH:
        image.draft("RGB", (2 * WIDTH, 2 * WIDTH * image.height // image.width))
    for frame in range(1, getattr(image, "n_frames", 1)):
        image.seek(frame)
        image.load()
    image.seek(0)
    image.load()
    upright = _upright(image)
    width, height = _small(upright.width, upright.height)
    if upright.width <= WIDTH and upright.height <= HEIGHT:
        return Print(b"", "", "", upright.width, upright.height)
    alpha = upright.has_transparency_data
    small = upright.convert("RGBA" if alpha else "RGB").resize(
        (width, height), Image.Resampling.BILINEAR
    )
    out = io.BytesIO()
    if alpha:
        small.save(out, "WEBP", quality=82)
        return Print(out.getvalue(), "webp", "image/webp", width, height)
    small.save(out, "JPEG", quality=82)
    return Print(out.getvalue(), "jpg", "image/jpeg", width, height)


def _upright(image: Image.Image) -> Image.Image:
    """Return the picture as it is meant to be seen; one whose EXIF makes no sense, as it is."""
    try:
        return ImageOps.exif_transpose(image)
    except _SENSELESS:
        return image


def _small(width: int, height: int) -> tuple[int, int]:
    scale = min(WIDTH / width, HEIGHT / height, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))
