"""The painted scenes."""

from __future__ import annotations

import pytest
from PIL import ImageStat

from fbsyncd.simulator import plain, scenes
from fbsyncd.simulator.pictures import Gallery, Picture
from fbsyncd.simulator.stories import STORIES


@pytest.mark.parametrize("family", sorted(scenes.FAMILIES))
def test_each_family_paints_a_picture(family: str) -> None:
    """A scene has its size, is not one flat colour, and looks the same each time."""
    image = scenes.paint(family, "key", 180, 136)
    assert image.size == (180, 136)
    assert image.mode == "RGB"
    assert max(ImageStat.Stat(image).stddev) > 12
    assert image.tobytes() == scenes.paint(family, "key", 180, 136).tobytes()
    assert image.tobytes() != scenes.paint(family, "other", 180, 136).tobytes()


def test_a_topic_names_the_families() -> None:
    """A story's picture is of one of its families; every story names families that exist."""
    chosen = scenes.draw("key", "lotus", 120, 90)
    assert chosen.tobytes() == scenes.paint("lotus", "key", 120, 90).tobytes()
    stories = [story for theme in STORIES.values() for many in theme.values() for story in many]
    assert len(stories) > 80
    assert {family for topic, _ in stories for family in topic.split()} == set(scenes.FAMILIES)


def test_other_keys_make_other_pictures() -> None:
    """Fifty files are fifty pictures, drawn or plain."""
    drawn = {plain.draw(f"{nth}_1_2_n.jpg", 60, 40).tobytes() for nth in range(50)}
    assert len(drawn) == 50


def test_the_sizes_show_the_same_scene() -> None:
    """A small rendition is the large one made small."""
    gallery = Gallery("scenes")
    photo = Picture("1_2_3_n.jpg", "/v/t39.30808-6/1_2_3_n.jpg", 1080, 1080, "peaks")
    large = gallery.render(photo, photo.path, "stp=dst-jpg_s720x720")
    small = gallery.render(photo, photo.path, "stp=dst-jpg_p130x130")
    assert len(large.content) > 4 * len(small.content)
    assert gallery.render(photo, photo.path, "stp=dst-jpg_s720x720&_nc_ht=x") is large


def test_an_unknown_style_is_refused() -> None:
    """Pictures are scenes or plain."""
    with pytest.raises(ValueError, match="not cubist"):
        Gallery("cubist")
