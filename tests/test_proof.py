"""proof.py, jpeg.py and structure.py: what is a whole picture, and what is not."""

from __future__ import annotations

import io
import itertools
import random
import re
import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import Any

import highwater
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, features

from fbsyncd.errors import FetchError, FetchFailed, PictureRefused
from fbsyncd.proof import MOST_FRAMES, Proof, frames, jpeg, prove, structure

LIMIT = 50_000_000
NEEDS_AVIF = pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")

thorough = settings(max_examples=80, deadline=None)


def photo(width: int = 160, height: int = 120, seed: int = 1) -> Image.Image:
    """Draw something that compresses like a photograph: soft colours with grain in them."""
    grain = Image.frombytes("L", (width, height), random.Random(seed).randbytes(width * height))
    soft = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (Image.blend(soft, grain, 0.2), soft, Image.blend(soft, grain, 0.1)))


def encoded(form: str, image: Image.Image | None = None, **options: Any) -> bytes:
    file = io.BytesIO()
    (image or photo()).save(file, form, **options)
    return file.getvalue()


def animation(form: str, frames: int = 4, size: int = 40) -> bytes:
    images = [photo(size, size, seed) for seed in range(frames)]
    return encoded(form, images[0], save_all=True, append_images=images[1:], duration=100)


def refused(data: bytes, *, max_pixels: int = LIMIT) -> FetchError:
    with pytest.raises(FetchError) as caught:
        prove(data, max_pixels=max_pixels)
    return caught.value


WHOLE = {
    "baseline": encoded("JPEG", quality=85),
    "progressive": encoded("JPEG", quality=85, progressive=True),
    "optimised": encoded("JPEG", quality=60, optimize=True),
    "grey": encoded("JPEG", photo().convert("L")),
    "cmyk": encoded("JPEG", photo().convert("CMYK")),
    "restarts": encoded("JPEG", restart_marker_blocks=1),
    "mpo": encoded("MPO", save_all=True, append_images=[photo(80, 60), photo(40, 30)]),
    "png": encoded("PNG"),
    "interlaced-palette-png": encoded("PNG", photo().convert("P"), optimize=True),
    "apng": animation("PNG"),
    "gif": encoded("GIF"),
    "animated-gif": animation("GIF"),
    "webp": encoded("WEBP"),
    "lossless-webp": encoded("WEBP", lossless=True),
    "animated-webp": animation("WEBP"),
}
if features.check("avif"):
    WHOLE["avif"] = encoded("AVIF")
    WHOLE["animated-avif"] = animation("AVIF", frames=3)
LARGE = {
    "baseline": encoded("JPEG", photo(500, 400)),
    "progressive": encoded("JPEG", photo(500, 400), progressive=True, quality=90),
    "restarts": encoded("JPEG", photo(500, 400), restart_marker_rows=1),
    "png": encoded("PNG", photo(200, 100)),
}
EXTENSIONS = {
    **dict.fromkeys(("png", "interlaced-palette-png", "apng"), ("image/png", "png")),
    **dict.fromkeys(("gif", "animated-gif"), ("image/gif", "gif")),
    **dict.fromkeys(("webp", "lossless-webp", "animated-webp"), ("image/webp", "webp")),
    **dict.fromkeys(("avif", "animated-avif"), ("image/avif", "avif")),
}


# --- whole pictures -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_picture_is_proven(name: str) -> None:
    """A whole picture of each kind gives its type, extension and size by its bytes alone."""
    width, height = (40, 40) if "anim" in name or name == "apng" else (160, 120)
    mime_type, extension = EXTENSIONS.get(name, ("image/jpeg", "jpg"))
    assert prove(WHOLE[name], max_pixels=LIMIT) == Proof(mime_type, extension, width, height)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", pytest.param("AVIF", marks=NEEDS_AVIF)])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_as_displayed(form: str, orientation: int) -> None:
    """A picture that EXIF turns by a quarter has width and height swapped, others have not."""
    exif = Image.Exif()
    exif[0x010F] = "a maker whose name is longer than four bytes"
    exif[0x0112] = orientation
    proof = prove(encoded(form, exif=exif), max_pixels=LIMIT)
    assert (proof.width, proof.height) == ((120, 160) if orientation >= 5 else (160, 120))


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0",
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0",
        b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x02\0\0\0\x01\0\x06\0\0",
        b"XX*\0\x08\0\0\0\x01\0",
        b"II*\0\x08\0\0\0\xff\xff" + b"\x01\0" * 40,
    ],
)
def test_exif_that_cannot_be_read_turns_nothing(exif: bytes) -> None:
    """A broken EXIF block leaves the picture as it is stored and raises nothing."""
    data = encoded("JPEG", exif=b"Exif\0\0" + exif)
    assert prove(data, max_pixels=LIMIT).width == 160


@given(exif=st.binary(max_size=200))
@thorough
def test_any_exif_gives_an_orientation(exif: bytes) -> None:
    """Whatever stands behind a TIFF header, the orientation is a number from 1 to 8."""
    for order in (b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"Exif\0\0II*\0\x08\0\0\0"):
        assert 1 <= structure.orientation(order + exif) <= 8


def test_a_thumbnail_in_exif_does_not_end_the_picture() -> None:
    """An EOI inside the EXIF block is not taken for the end: the cut behind it is found."""
    thumbnail = encoded("JPEG", photo(32, 24))
    data = encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0" + thumbnail)
    assert prove(data, max_pixels=LIMIT).width == 160
    assert "cut off" in str(refused(data[: len(thumbnail) + 200]))


def test_fill_bytes_are_part_of_a_jpeg() -> None:
    """Any number of FF bytes may stand before a marker, also behind a scan."""
    whole = WHOLE["baseline"]
    filled = whole[:2] + b"\xff\xff\xff" + whole[2:-2] + b"\xff\xff\xff" + whole[-2:]
    assert prove(filled, max_pixels=LIMIT).extension == "jpg"


@pytest.mark.parametrize("name", ["baseline", "png", "gif", "webp"])
@pytest.mark.parametrize(
    "tail",
    [b"\0" * 300, b"\r\n", b"\xff" * 7, b"camera notes: f/2.8", random.Random(5).randbytes(900)],
)
def test_notes_behind_a_picture_are_kept(name: str, tail: bytes) -> None:
    """Padding and short notes behind the end do not make a picture less whole."""
    assert prove(WHOLE[name] + tail, max_pixels=LIMIT).width == 160


def test_all_pictures_of_an_mpo_are_followed() -> None:
    """The first picture of an MPO counts, and a cut in the last one is found all the same."""
    assert prove(WHOLE["mpo"], max_pixels=LIMIT).height == 120
    assert "cut off" in str(refused(WHOLE["mpo"][:-40]))


# --- cut, lost, zeroed, overwritten -------------------------------------------------------------


@pytest.mark.parametrize("name", WHOLE)
@given(share=st.floats(0, 1, exclude_max=True))
@example(share=0.999999)
@example(share=0.5)
@example(share=0.0)
@thorough
def test_no_cut_is_taken_for_whole(name: str, share: float) -> None:
    """A picture cut off anywhere is refused, and the transfer may be tried again."""
    whole = WHOLE[name]
    cut = whole[: int(len(whole) * share)]
    if name == "mpo" and b"\xff\xd9" in cut[-5:]:
        return  # between two of its pictures: a whole JPEG
    error = refused(cut)
    assert type(error) is FetchFailed
    if len(cut) >= 60 and "avif" not in name:
        assert f"cut off after {len(cut):,} bytes" in str(error)
    elif len(cut) >= 60:  # a cut right between two boxes is left to the decoder
        assert re.search("cut off after|does not decode as AVIF", str(error))


@pytest.mark.parametrize("name", WHOLE)
def test_the_last_byte_is_missed(name: str) -> None:
    """Even one missing byte at the end is found."""
    assert "cut off" in str(refused(WHOLE[name][:-1]))


@pytest.mark.parametrize("name", WHOLE)
@given(share=st.floats(0.3, 0.95))
@thorough
def test_no_zeroed_end_is_taken_for_whole(name: str, share: float) -> None:
    """A file of the right length whose end was never written is refused."""
    whole = WHOLE[name]
    kept = int(len(whole) * share)
    if name == "mpo" and b"\xff\xd9" in whole[kept - 5 : kept]:
        return  # between two of its pictures: a whole JPEG with padding
    error = refused(whole[:kept] + bytes(len(whole) - kept))
    assert type(error) is FetchFailed
    assert re.search("are zeros|cut off after|damaged", str(error))


@pytest.mark.parametrize("name", ["baseline", "progressive", "restarts", "png"])
@given(seed=st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_no_random_block_is_taken_for_whole(name: str, seed: int) -> None:
    """A block of random bytes inside a picture is found."""
    dice, whole = random.Random(seed), LARGE[name]
    size = 4096
    at = dice.randrange(1000, len(whole) - size)
    error = refused(whole[:at] + dice.randbytes(size) + whole[at + size :])
    assert isinstance(error, FetchError)
    assert str(error)


@given(at=st.integers(33, len(WHOLE["png"]) - 13), bit=st.integers(0, 7))
@thorough
def test_every_flipped_bit_of_a_png_is_found(at: int, bit: int) -> None:
    """One changed bit anywhere in a PNG is refused: its CRCs are compared."""
    data = bytearray(WHOLE["png"])
    data[at] ^= 1 << bit
    assert type(refused(bytes(data))) in {FetchFailed, PictureRefused}


def test_restart_markers_are_allowed_only_when_announced() -> None:
    """A restart marker in a picture that announces none is damage."""
    whole = WHOLE["baseline"]
    middle = len(whole) * 3 // 4
    assert "damaged" in str(refused(whole[:middle] + b"\xff\xd3" + whole[middle:]))


@pytest.mark.parametrize("name", ["png", "gif", "webp", "lossless-webp"])
def test_a_structure_without_a_picture_in_it_does_not_pass(name: str) -> None:
    """Sound structure around data that does not decode is refused."""
    whole = bytearray(WHOLE[name])
    if name == "png":
        at = whole.index(b"IDAT")
        length = int.from_bytes(whole[at - 4 : at])
        whole[at + 4 : at + 4 + length] = bytes(length)
        crc = zlib.crc32(whole[at : at + 4 + length])
        whole[at + 4 + length : at + 8 + length] = crc.to_bytes(4)
    elif name == "gif":
        whole = whole[: 13 + 768] + b",\0\0\0\0\xa0\0\x78\0\0\x08\x02\xff\xff\0;"
    else:
        whole[30:-600] = b"\xff" * (len(whole) - 630)
    error = refused(bytes(whole))
    assert type(error) is FetchFailed
    assert "damaged: it does not decode as" in str(error)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"\xff\xd8\xff" + b"garbage, but with a good beginning" * 9, "damaged at byte 2"),
        (b"\xff\xd8\xff\xe0\0\x01" + b"x" * 99, "damaged at byte 4"),
        (b"\xff\xd8\xff\xd9", "a JPEG without a picture"),
        (b"\xff\xd8\xff\xfe\0\x06note\xff\xd9", "a JPEG without a picture"),
        (b"GIF89a<script>alert(1)</script>", "damaged at byte"),
        (b"GIF89a/*" + b"\0" * 5 + b"*/=1;alert(document.domain)//", "damaged at byte 13"),
        (b"GIF89a\x01\0\x01\0\0\0\0;", "a GIF without a picture"),
        (b"\x89PNG\r\n\x1a\n<html><body>hello, hello, hello</body></html>", "cut off"),
        (b"RIFF\x30\0\0\0WEBPVP8 \x04\0\0\0abcd" + b"x" * 32, "cut off"),
        (b"RIFF\x1a\0\0\0WEBPEXIF\x0e\0\0\0II*\0" + b"x" * 10, "a WEBP without a picture"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf" + b"\0\0\0\x03free", "damaged at byte 28"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf\0\0\0\x08free", "does not decode as AVIF"),
    ],
)
def test_a_good_beginning_is_not_enough(data: bytes, says: str) -> None:
    """Bytes that only begin like a picture are refused, with what is wrong."""
    assert says in str(refused(data))


# --- what is no picture at all ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "nothing came at all"),
        (b"\0" * 5000, "5,000 zeros"),
        (b"<!DOCTYPE html><html><body>Log in to the hotel</body></html>", "an HTML page"),
        (b"\xef\xbb\xbf\r\n  <HTML><svg></svg></HTML>", "an HTML page"),
        (b"<html>" + WHOLE["baseline"], "an HTML page"),
        (b"<!-- " + b"<!-- -->" * 300, "an HTML page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "an XML document"),
        (b"URL signature expired", 'a text ("URL signature expired")'),
        ("ลิงก์หมดอายุ".encode() * 40, 'a text ("ลิงก์'),
        (b'{"error": "rate limited"}', "a text"),
        (bytes(range(128, 160)) * 9, "288 bytes that are no picture (they begin 80 81 82 83)"),
    ],
)
def test_a_page_or_a_text_may_be_a_passing_fault(data: bytes, says: str) -> None:
    """What a portal, a proxy or a fault sends in a picture's place is tried again."""
    error = refused(data)
    assert type(error) is FetchFailed
    assert says in str(error)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"<?xml version='1.0'?>\n<!-- made by hand -->\n<svg:svg/>", "an SVG drawing"),
        (b"<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN'>\n<svg/>", "an SVG drawing"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "a PostScript document"),
        (encoded("TIFF", photo(8, 8)), "a TIFF picture"),
        (encoded("BMP", photo(8, 8)), "a BMP picture"),
        (encoded("ICO", photo(16, 16)), "an icon file"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a video"),
        (b"\x1a\x45\xdf\xa3webm", "a video"),
        (b"PK\x03\x04\x14\0", "an archive file"),
        (b"8BPS\0\x01", "a Photoshop document"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    ],
)
def test_other_kinds_are_given_up_by_name(data: bytes, says: str) -> None:
    """A kind of file we do not keep is refused for good, and its kind is named."""
    error = refused(data.ljust(64, b" "))
    assert type(error) is PictureRefused
    assert says in str(error)
    assert "does not keep" in str(error)


@pytest.mark.parametrize("name", ["baseline", "mpo", "png", "gif", "webp"])
@pytest.mark.parametrize(
    "hidden",
    [
        b"<html><script>steal()</script>",
        b"  <?php system($_GET['c']); ?>",
        b"PK\x03\x04" + b"z" * 50,
        b"*/=1;alert(1)//",
        b"MZ\x90\0\x03" + b"z" * 50,
        b"\x7fELF\x02\x01\x01" + b"z" * 50,
        b"\x89PNG\r\n\x1a\n" + b"z" * 50,
    ],
)
def test_what_is_also_another_file_is_refused(name: str, hidden: bytes) -> None:
    """A picture that is a page, a script or an archive to another program is refused."""
    error = refused(WHOLE[name] + b"\r\n" + hidden)
    assert type(error) is PictureRefused
    assert "hidden behind the picture" in str(error)


@pytest.mark.parametrize("name", ["baseline", "png", "gif", "webp"])
@pytest.mark.parametrize("between", [b"", b"\0\0", b"\xff\xff"])
def test_a_second_picture_behind_the_first_is_refused(name: str, between: bytes) -> None:
    """Two pictures in one file are refused, unless the first one says that there are several."""
    error = refused(WHOLE[name] + between + WHOLE["baseline"])
    if between != b"\xff\xff" or name != "baseline":
        assert type(error) is PictureRefused
        assert "another picture is hidden behind the picture" in str(error)


MARKUP = [b"<html><script>", b"a <SVG onload=x>", b"<?php exit;", b"PK\x03\x04zip", b"*/=1;a()//"]
PLAIN = [b"made by me & 5 < 6", b"<x:xmpmeta><rdf:RDF/></x:xmpmeta>", b"Paint */ 2.0", b""]


def with_note(where: str, note: bytes) -> bytes:
    """Put *note* into a picture, where its format has a place for notes."""
    gif, packed = WHOLE["gif"], zlib.compress(note)
    whole = {
        "jpeg": encoded("JPEG", comment=note),
        "gif": gif[:-1] + b"!\xfe" + bytes([len(note)]) + note + b"\0" * bool(note) + b";",
    }
    texts = {
        "tEXt": b"Comment\0" + note,
        "zTXt": b"Comment\0\0" + packed,
        "iTXt": b"Comment\0\0\0\0\0" + note,
        "packed iTXt": b"Comment\0\1\0x-me\0\0" + packed,
    }
    if where in whole:
        return whole[where]
    chunk = png_chunk(where[-4:].encode(), texts[where])
    return WHOLE["png"][:33] + chunk + WHOLE["png"][33:]


@pytest.mark.parametrize("where", ["jpeg", "gif", "tEXt", "zTXt", "iTXt", "packed iTXt"])
@pytest.mark.parametrize("note", [*MARKUP, *PLAIN])
def test_notes_inside_a_picture_are_no_other_file(where: str, note: bytes) -> None:
    """A comment with markup or an archive in it is refused; an ordinary one, XMP too, is kept."""
    data = with_note(where, note)
    if note in PLAIN:
        assert prove(data, max_pixels=LIMIT).width == 160
    else:
        error = refused(data)
        assert type(error) is PictureRefused
        assert "hidden in a note inside the picture" in str(error)


def test_exif_and_xmp_are_not_searched() -> None:
    """What cameras and editors write about a picture is kept, whatever it quotes."""
    data = encoded("JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08<html>", xmp=b"<x:xmpmeta><svg/>")
    assert prove(data, max_pixels=LIMIT).width == 160


def test_a_compressed_text_is_unpacked_so_far_and_no_further() -> None:
    """A text that unpacks to a hundred megabytes costs no more than its first 64 KB."""
    chunk = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b" " * 100_000_000))
    data = WHOLE["png"][:33] + chunk + WHOLE["png"][33:]
    assert len(data) < 200_000
    tracemalloc.start()
    with suppress(FetchError):  # the decoder has its own limit
        prove(data, max_pixels=LIMIT)
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


CROWD = """
import io, sys
from concurrent.futures import ThreadPoolExecutor
from PIL import Image
from fbsyncd.process import share_heaps
from fbsyncd.proof import prove

share_heaps()  # as the daemon does

def drawn(size):
    file = io.BytesIO()
    Image.new("RGB", (size, size)).save(file, "WEBP", lossless=True)
    return file.getvalue()

large = drawn(1900)
prove(drawn(8), max_pixels=10**8)
before = most()
prove(large, max_pixels=10**8)
alone = most()
with ThreadPoolExecutor(8) as threads:
    list(threads.map(lambda _: prove(large, max_pixels=10**8), range(64)))
print(alone - before, most() - alone)
"""


@highwater.needs_proc
def test_a_crowd_of_threads_takes_the_memory_of_one_picture() -> None:
    """Eight threads with a picture each have one of them decoded in memory at any moment."""
    one, seven_more = highwater.told_by(CROWD)
    assert one > 10_000  # kilobytes: it was decoded
    assert seven_more < one


def test_no_picture_waits_for_an_animation() -> None:
    """While one is decoded, frame by frame, a picture beside it is proven."""
    looks, under_way, go_on = itertools.count(), Event(), Event()

    def hold(_: structure.Sketch) -> None:
        if next(looks) == 2:
            under_way.set()
            assert go_on.wait(60)

    with ThreadPoolExecutor(2) as threads:
        played = threads.submit(frames.decoded, "gif", animation("GIF"), hold)
        try:
            assert under_way.wait(60)
            beside = threads.submit(prove, WHOLE["png"], max_pixels=LIMIT)
            assert beside.result(30).extension == "png"
        finally:
            go_on.set()
        assert played.result().frames == 4


@pytest.mark.parametrize("name", ["baseline", "png", "gif", "webp"])
def test_a_second_file_behind_the_picture_is_refused(name: str) -> None:
    """More than notes behind the end is refused, with how much it is."""
    error = refused(WHOLE[name] + b"\x07" * 70_000)
    assert type(error) is PictureRefused
    assert "70,000 bytes of something else" in str(error)


# --- bombs --------------------------------------------------------------------------------------


def png_chunk(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    whole = WHOLE["baseline"]
    at = whole.index(b"\xff\xc0") + 5
    return whole[:at] + struct.pack(">HH", height, width) + whole[at + 4 :]


def gif_of(*frames: tuple[int, int]) -> bytes:
    body = b"".join(
        struct.pack("<BHHHHB", 0x2C, 0, 0, *size, 0) + b"\x02\x01\x00\0" for size in frames
    )
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0, 0, 0) + body + b";"


def webp_of(width: int, height: int, frames: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    parts = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    parts += (b"ANMF" + struct.pack("<I", 16) + bytes(15) + b"\x01") * frames
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts


@pytest.mark.parametrize(
    "data",
    [
        png(10_000, 10_001),
        jpeg_of(10_000, 10_001),
        gif_of((10_000, 10_001)),
        webp_of(10_000, 10_001, 1),
    ],
    ids=["png", "jpeg", "gif", "webp"],
)
def test_a_bomb_of_pixels_is_refused_by_its_header(data: bytes) -> None:
    """A few bytes that unfold to 100 megapixels are refused without unfolding them."""
    error = refused(data)
    assert type(error) is PictureRefused
    assert str(error) == "100 megapixels (10,000 x 10,001), the limit is 50"


def test_pillows_own_limit_is_no_way_out() -> None:
    """With a limit above Pillow's the decoder still refuses, with an error of ours."""
    error = refused(gif_of((20_000, 10_000)), max_pixels=10**9)
    assert type(error) is PictureRefused
    assert "more pixels than the decoder" in str(error)


def test_the_limit_itself_is_allowed() -> None:
    """A picture of exactly the limit passes, one pixel more does not."""
    data = encoded("JPEG", photo(30, 20))
    assert prove(data, max_pixels=600).width == 30
    assert "the limit is 0.000599" in str(refused(data, max_pixels=599))


@pytest.mark.parametrize("name", ["animated-gif", "apng", "animated-webp"])
def test_an_animation_is_measured_with_all_its_frames(name: str) -> None:
    """Frames times size may be a few pictures of the largest size, and no more."""
    assert prove(WHOLE[name], max_pixels=1600).width == 40
    error = refused(
        animation({"animated-gif": "GIF", "apng": "PNG"}.get(name, "WEBP"), 12), max_pixels=1600
    )
    assert type(error) is PictureRefused
    assert "megapixels in 12 frames" in str(error)


@pytest.mark.parametrize(
    "data",
    [
        gif_of(*[(1, 1)] * (MOST_FRAMES + 1)),
        webp_of(1, 1, MOST_FRAMES + 1),
        png(1, 1, png_chunk(b"acTL", struct.pack(">II", MOST_FRAMES + 1, 0))),
        png(1, 1, *[png_chunk(b"fcTL", bytes(26))] * (MOST_FRAMES + 1)),
    ],
    ids=["gif", "webp", "apng-announced", "apng-counted"],
)
def test_an_animation_without_end_is_refused(data: bytes) -> None:
    """Thousands of tiny frames are refused before the first is decoded."""
    error = refused(data)
    assert type(error) is PictureRefused
    assert "an animation of 2,001 frames, the limit is 2,000" in str(error)


def test_a_file_of_countless_parts_is_refused() -> None:
    """Parts of a few bytes each, which keep readers busy for minutes, are refused."""
    scan = b"\xff\xda\0\x08\x01\x01\0\0\x3f\0\x55"
    whole = WHOLE["baseline"]
    start = whole.index(b"\xff\xda")
    for data in (
        whole[:start] + scan * (jpeg.MOST_SCANS + 1) + whole[start:],
        whole[:2] + b"\xff\xe1\0\x0aExif\0\0II" * (jpeg.MOST_SEGMENTS + 1) + whole[2:],
        png(1, 1, *[png_chunk(b"teSt", b"")] * structure.MOST_PARTS),
        b"GIF89a"
        + bytes(7)
        + b"!\xfe"
        + b"\x01x" * structure.MOST_PARTS
        + b"\0"
        + gif_of((1, 1))[13:],
    ):
        error = refused(data)
        assert type(error) is PictureRefused
        assert "more than" in str(error)


def test_rare_kinds_of_jpeg_are_given_up() -> None:
    """Lossless, arithmetic and 12-bit JPEGs, which browsers do not show, are named and refused."""
    whole = WHOLE["baseline"]
    at = whole.index(b"\xff\xc0")
    for data in (
        whole[: at + 1] + b"\xc3" + whole[at + 2 :],
        whole[: at + 1] + b"\xc9" + whole[at + 2 :],
        whole[: at + 4] + b"\x0c" + whole[at + 5 :],
    ):
        error = refused(data)
        assert type(error) is PictureRefused
        assert "a rare kind of JPEG" in str(error)


def test_a_picture_without_pixels_is_damaged() -> None:
    """A header that says 0 pixels high is damage."""
    assert "without a width or a height" in str(refused(jpeg_of(160, 0)))


# --- many at once, and anything at all ----------------------------------------------------------


def test_many_threads_prove_at_once() -> None:
    """Threads do not disturb each other, and Pillow's global limit is left as it was."""
    before = Image.MAX_IMAGE_PIXELS
    bombs = [png(10_000, 10_001), gif_of((10_000, 10_001))]
    large = encoded("PNG", Image.new("L", (2100, 2100)))
    with ThreadPoolExecutor(8) as pool:
        whole = list(pool.map(lambda d: prove(d, max_pixels=LIMIT), [*WHOLE.values(), large] * 3))
        faults = list(pool.map(refused, bombs * 20))
    assert len(whole) == 3 * len(WHOLE) + 3
    assert {type(fault) for fault in faults} == {PictureRefused}
    assert before == Image.MAX_IMAGE_PIXELS


@given(
    name=st.sampled_from(sorted(WHOLE)),
    edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8))),
)
@settings(max_examples=300, deadline=None)
def test_no_file_raises_anything_else(name: str, edits: list[tuple[float, bytes]]) -> None:
    """However a picture is mangled, it is proven or refused with an error of ours."""
    data = bytearray(WHOLE[name])
    for share, new in edits:
        at = int(len(data) * share)
        data[at : at + len(new)] = new
    with suppress(FetchError):
        prove(bytes(data), max_pixels=LIMIT)


@given(data=st.binary(max_size=300), magic=st.sampled_from([w[:20] for w in WHOLE.values()]))
@thorough
def test_no_bytes_raise_anything_else(data: bytes, magic: bytes) -> None:
    """Arbitrary bytes, with and without a good beginning, are refused with an error of ours."""
    for blob in (data, magic + data):
        assert str(refused(blob))


def test_a_picture_that_is_drawn_on_is_still_one() -> None:
    """Flat areas, whose compressed form holds long runs of equal bytes, pass as whole."""
    flat = Image.new("RGB", (600, 600), "white")
    ImageDraw.Draw(flat).ellipse((250, 250, 350, 350), fill="navy")
    for form, options in (("JPEG", {"optimize": True}), ("WEBP", {}), ("PNG", {}), ("GIF", {})):
        assert prove(encoded(form, flat, **options), max_pixels=LIMIT).width == 600
