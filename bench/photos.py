"""Photographs of about 190 KB, each with bytes of its own, made in a moment."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import Final

from PIL import Image

SIDE: Final = 1080
#: So many are drawn and compressed; the others differ from these by a comment.
DRAWN: Final = 24
#: The grain in hundredths that makes them 120 to 300 KB, 190 KB in the middle, at quality 80.
_NOISE: Final = (0, 14)


def photos(count: int) -> Iterator[bytes]:
    """Yield *count* JPEGs of 1080 x 1080 pixels, no two alike."""
    drawn = [_draw(number) for number in range(min(DRAWN, count))]
    for number in range(count):
        note = b"number %08d" % number
        segment = b"\xff\xfe" + (len(note) + 2).to_bytes(2, "big") + note
        data = drawn[number % len(drawn)]
        yield data[:2] + segment + data[2:]


def _draw(number: int) -> bytes:
    """Draw a coarse picture, enlarge it, and add the grain of a camera."""
    dice = random.Random(number)
    coarse = Image.frombytes("RGB", (36, 36), dice.randbytes(36 * 36 * 3))
    smooth = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    least, most = _NOISE
    share = least + (most - least) * number / max(DRAWN - 1, 1)
    grain = Image.effect_noise((SIDE, SIDE), 64).convert("RGB")
    out = io.BytesIO()
    Image.blend(smooth, grain, share / 100).save(out, "JPEG", quality=80)
    return out.getvalue()
