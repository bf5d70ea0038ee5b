"""Decode one picture in full and make a small one of it. Runs in worker processes.

Kept apart from everything else so that a worker imports Pillow and nothing more, and so that
decoding, which holds the interpreter for milliseconds at a time, never slows the server.
"""

from __future__ import annotations

import io
import signal
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps

#: Width of a developed picture in pixels, and the most it may be high.
WIDTH: Final = 320
HEIGHT: Final = 960
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
    """The original cannot be decoded; *reason* says what the decoder said."""

    reason: str


def begin() -> None:
    """Prepare a worker process: Ctrl-C reaches it too, but its parent is the one to end it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def develop(path: str, max_pixels: int) -> Print | Spoilt:
    """Decode every pixel of *path* and return its small version.

    The decoder's own warnings about broken data count as damage. Raises nothing for bad bytes.
    """
    try:
        with warnings.catch_warnings(), Image.open(Path(path), formats=_FORMATS) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if image.width * image.height > max_pixels:
                return Spoilt(f"{image.width} x {image.height} pixels are more than {max_pixels}")
            return _print(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Warning) as error:
        return Spoilt(f"the picture cannot be decoded: {error}")


def _print(image: Image.Image) -> Print:
    # Decoding at half size finds the same damage as at full size, in two thirds of the time.
    if image.width >= 2 * WIDTH:
        image.draft("RGB", (2 * WIDTH, 2 * WIDTH * image.height // image.width))
    image.load()
    upright = ImageOps.exif_transpose(image)
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


def _small(width: int, height: int) -> tuple[int, int]:
    scale = min(WIDTH / width, HEIGHT / height, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))
