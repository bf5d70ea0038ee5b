"""Decode pictures, every frame of them: what the structure of these formats does not tell."""

from __future__ import annotations

import struct
import threading
import zlib
from io import BytesIO
from typing import TYPE_CHECKING, Final

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from fbsyncd.errors import FetchFailed, PictureRefused
from fbsyncd.proof.structure import Sketch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PIL.ImageFile import ImageFile

# Pillow's own classes and not Image.open(): that one issues warnings above a global limit, and
# warnings cannot be turned into errors for one thread alone.
_READERS: Final[Mapping[str, Callable[[BytesIO], ImageFile]]] = {
    "png": PngImageFile,
    "gif": GifImageFile,
    "webp": WebPImageFile,
    "avif": AvifImageFile,
}

# Decoded pixels take 4 bytes each, and that several times over while they are handed on: a dozen
# threads with a 50-megapixel PNG each would need gigabytes at the same moment. And an animation may
# take ten seconds, for which no other picture waits.
_one_still, _one_animation = threading.Lock(), threading.Lock()

# All that Pillow's readers and decoders may raise for files that are not in order. Warning: for
# those who run Python with -W error.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    Warning,
    struct.error,
    zlib.error,
)


def decoded(extension: str, data: bytes, check: Callable[[Sketch], None]) -> Sketch:
    """Decode *data*, and let *check* look at its size before each frame.

    Raises what *check* raises, FetchFailed for what does not decode, PictureRefused for more pixels
    than Pillow takes.
    """
    try:
        with _READERS[extension](BytesIO(data)) as picture:
            return _decode(picture, check)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as e:
        raise PictureRefused("more pixels than the decoder of this machine takes") from e
    except _DECODER_ERRORS as e:
        raise FetchFailed(f"damaged: it does not decode as {extension.upper()}") from e


def _decode(picture: ImageFile, check: Callable[[Sketch], None]) -> Sketch:
    """Decode every frame; return what the whole turned out to be."""
    frames = getattr(picture, "n_frames", 1)
    check(Sketch(*picture.size, frames))
    with _one_still if frames == 1 else _one_animation:
        for frame in range(frames):
            picture.seek(frame)  # which may enlarge the whole
            check(Sketch(*picture.size, frames))
            picture.load()
        found = Sketch(*picture.size, frames, picture.info.get("exif", b""))
        picture.close()  # its pixels too, before the next one begins
    return found
