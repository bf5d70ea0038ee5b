"""Decode every pixel of a picture and make it small, with Pillow. Runs in worker processes."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from typing import Final

from PIL import Image, ImageOps

from fbsyncd.darkroom import Print, Spoilt

#: Width of a developed picture in pixels, and the most it may be high.
WIDTH: Final = 320
HEIGHT: Final = 960
_FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "MPO")

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


def enlarged(data: bytes, sha256: str, max_pixels: int) -> Print | Spoilt:
    """Return the small version of the picture in *data*, which was archived with *sha256*."""
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
