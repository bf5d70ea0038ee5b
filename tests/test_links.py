"""Asset identity: the same picture in the same size, whatever link leads to it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fbsyncd.links import NAMESPACE, asset_id, asset_key, expires_at, link_id, picture_key, repaired

HOSTS = st.sampled_from(
    ["scontent-sjc6-1.xx.fbcdn.net", "scontent.fsgn5-1.fna.fbcdn.net", "127.0.0.1:8099"]
)
WORD = st.text("abcdefghijklmnopqrstuvwxyzABCDEFXYZ0123456789_-", min_size=1, max_size=20)
SIGNATURES = st.dictionaries(
    st.sampled_from(["oh", "oe", "_nc_cat", "_nc_ohc", "_nc_gid", "_nc_ht", "ccb", "edm"]), WORD
)
NAMES = st.tuples(*[st.integers(1, 10**18)] * 3).map(lambda n: "_".join(map(str, n)))
SIZES = st.tuples(st.sampled_from("sp"), st.integers(1, 4000), st.integers(1, 4000)).map(
    lambda size: f"{size[0]}{size[1]}x{size[2]}"
)


def signed(path: str, **query: str) -> str:
    return f"https://scontent-lhr8-1.xx.fbcdn.net{path}?{urlencode(query)}"


def photo(**query: str) -> str:
    return signed("/v/t39.30808-6/428000_776713_139976_n.jpg", **query)


@st.composite
def two_signatures(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw two links to one picture in one size, and the stp they share."""
    path = f"/v/t39.30808-6/{draw(NAMES)}_n.jpg"
    stp = f"dst-jpg_{draw(SIZES)}_tt6"
    links = []
    for _ in range(2):
        pairs = draw(st.permutations([("stp", stp), *draw(SIGNATURES).items()]))
        links.append(f"https://{draw(HOSTS)}{path}?{urlencode(pairs)}")
    return links[0], links[1], stp


@given(two_signatures())
def test_signing_anew_keeps_the_key(links: tuple[str, str, str]) -> None:
    """Host, signature, request tokens and the order of parameters leave the key as it is."""
    first, second, _ = links
    assert asset_key(first) == asset_key(second)


@given(two_signatures(), SIZES)
def test_another_size_is_another_asset_of_the_same_picture(
    links: tuple[str, str, str], size: str
) -> None:
    """A change of the size in stp changes the key and leaves the picture's key."""
    first, second, stp = links
    other = second.replace(urlencode({"stp": stp}), urlencode({"stp": f"dst-jpg_{size}_tt6"}))
    assert picture_key(first) == picture_key(other)
    assert (asset_key(first) == asset_key(other)) == (f"_{size}_" in stp)


@given(NAMES, NAMES)
def test_another_file_name_is_another_picture(one: str, two: str) -> None:
    """Two names in the path have one key only if they are equal."""
    keys = [asset_key(signed(f"/v/t39.30808-6/{name}_n.jpg", oe="6A")) for name in (one, two)]
    assert (keys[0] == keys[1]) == (one == two)


@given(st.text("äöüß€ก/ &?", min_size=1))
def test_the_case_of_percent_escapes_does_not_matter(odd: str) -> None:
    """``%c3%a9`` and ``%C3%A9`` are one letter, in the path and in a preview's address."""
    upper = quote(odd, safe="")
    for link in ("https://pictures.example/{}?id={}", signed("/emg1/v/t13/1") + "url={1}"):
        assert asset_key(link.format(upper, upper)) == asset_key(
            link.format(upper.lower(), upper.lower())
        )


STEPS = "v t39.30808-6 s720x720 c0.0.1.2a 1_2_3_n.jpg 1_2_3_s.png a.b-c .. safe_image.php emg1 fb50"
PARTS = st.lists(st.sampled_from([*STEPS.split(), "", "p1x1", "f", "hphotos-ak-x", "x.jpg.webp"]))
ASKED = st.lists(
    st.tuples(
        st.sampled_from(
            ["stp", "ctp", "w", "h", "oe", "ext", "__gda__", "url", "oh", "id", "", "a"]
        ),
        st.sampled_from(
            ["", "=", "=6A1B2C3D", "=dst-jpg_s2x2", "=720", "=1_2", "=a=b", "=1700000000"]
        ),
    ).map("".join)
)


@given(HOSTS | st.sampled_from(["a.example", ""]), PARTS, ASKED)
def test_a_plain_link_is_read_as_any_text_is(host: str, path: list[str], query: list[str]) -> None:
    """It is taken apart by a shorter way, which a blank around the link keeps it from."""
    link = f"https://{host}/{'/'.join(path)}?{'&'.join(query)}"
    for told in (link, link.rstrip("?"), link.replace("https", "http")):
        assert asset_key(told) == asset_key(f" {told}")
        assert picture_key(told) == picture_key(f" {told}")
        assert expires_at(told) == expires_at(f" {told}")


@given(st.text())
def test_the_id_of_a_link_is_that_of_its_asset(text: str) -> None:
    """As rows have had it from the beginning."""
    assert link_id(text) == str(asset_id(asset_key(text)))
    assert asset_id(asset_key(text)) == uuid.uuid5(NAMESPACE, asset_key(text))


@given(st.text())
def test_any_text_has_a_key_and_an_id(text: str) -> None:
    """No string raises, and every key can be written to both databases."""
    key = asset_key(text)
    assert "\0" not in key
    assert len(key.encode("utf-8")) < 2000
    assert key.startswith(picture_key(text))
    assert asset_id(key) == asset_id(key)
    expires_at(text)


@given(
    st.sampled_from(["http://[", "https://a:b:c/", "//@/", "safe_image.php?url=" * 9000]), st.text()
)
def test_links_that_only_look_like_links_have_a_key(start: str, rest: str) -> None:
    """Broken hosts, nested previews and other mischief neither raise nor recurse."""
    assert "#" in asset_key(start + rest)
    expires_at(start + rest)


@pytest.mark.parametrize(
    ("link", "key"),
    [
        (photo(stp="dst-jpg_p720x720"), "428000_776713_139976#p720x720"),
        (photo(stp="dst-jpg_s720x720_tt6"), "428000_776713_139976#s720x720"),
        (photo(), "428000_776713_139976#native"),
        (photo(stp="dst-jpg_tt6"), "428000_776713_139976#native"),
        (photo(stp="dst-webp_q75_tt6"), "428000_776713_139976#native"),
        (
            photo(stp="dst-jpg_tt6", cstp="mx1080x1080", ctp="s720x720"),
            "428000_776713_139976#s720x720",
        ),
        (
            photo(stp="c488.0.1072.1072a_dst-jpg_s720x720_tt6"),
            "428000_776713_139976#c488.0.1072.1072a_s720x720",
        ),
        (photo(stp="dst-jpg_fb50_s720x720"), "428000_776713_139976#fb50_s720x720"),
        (signed("/v/t1.6435-0/p130x130/18_10_82_n.png"), "18_10_82#p130x130"),
        (
            signed("/v/t1.0-0/c111.0.130.130/p130x130/19_54_25_n.jpg"),
            "19_54_25#c111.0.130.130_p130x130",
        ),
        (signed("/v/t1.6435-9/18_10_82_n.png.webp"), "18_10_82#native"),
        (signed("/v/t1.6435-9/18_10_82_o.jpg"), "18_10_82#o"),
        (signed("/hphotos-ak-snc6/s320x320/20_10_73_17_76_n.jpg"), "20_10_73_17_76#s320x320"),
        (signed("/hphotos-ak-snc6/20_10_73_17_76_s.jpg"), "20_10_73_17_76#s"),
        (signed("/v/t51.2885-15/e35/s640x640/cafe.jpg"), "e35/cafe.jpg#s640x640"),
    ],
)
def test_names_and_sizes_in_every_form_facebook_has_used(link: str, key: str) -> None:
    """Old and new forms of path and parameters give name and size."""
    assert asset_key(link) == key


def test_png_and_its_webp_are_one_picture() -> None:
    """A ``.png.webp`` is the ``.png`` as some clients are sent it."""
    png = signed("/v/t1.6435-9/187984349_10158249017483553_8290061300911698330_n.png")
    assert asset_key(png) == asset_key(png.replace(".png?", ".png.webp?"))


def test_a_preview_is_known_by_the_picture_it_shows() -> None:
    """emg1 and safe_image links carry the foreign original in ``url``."""
    original = "https://blog.example/a%20b.jpg?x=1&y=2"
    new = signed("/emg1/v/t13/18037238889875379114", url=original, stp="dst-emg0_p720x720_q75")
    old = signed("/safe_image.php", d="AQF1", w="130", h="130", url=original, _nc_hash="AQE2")
    assert picture_key(new) == picture_key(old) == original
    assert asset_key(new) == f"{original}#p720x720"
    assert asset_key(old) == f"{original}#130x130"
    assert asset_key(signed("/emg1/v/t13/18037238889875379114")) == "18037238889875379114#native"


def test_a_preview_of_a_signed_picture_is_known_by_its_name() -> None:
    """The inner signature of a wrapped link of Facebook's own does not count."""
    links = [signed("/safe_image.php", url=photo(oh=oh), w="90", h="90") for oh in "ab"]
    assert asset_key(links[0]) == asset_key(links[1]) == "428000_776713_139976#90x90"


def test_a_picture_from_elsewhere_is_known_by_its_whole_address() -> None:
    """A script's parameters tell pictures apart, and a name like Facebook's proves nothing."""
    one, two = "https://a.example/p.php?id=1", "https://a.example/p.php?id=2"
    assert asset_key(one) != asset_key(two)
    assert asset_key("https://a.example/1_2_3_n.jpg") != asset_key("https://b.example/1_2_3_n.jpg")


@pytest.mark.parametrize("folder", ["photos-2023", "profile-pictures", "vthumb-small"])
def test_a_folder_of_somebody_elses_that_is_named_like_facebooks_proves_nothing(
    folder: str,
) -> None:
    """There is a "1.jpg" in each; a preview of it and the picture itself are told apart alike."""
    one, two = f"https://a.example/{folder}/1.jpg", f"https://b.example/{folder}/1.jpg"
    assert asset_key(one) != asset_key(two)
    previews = [signed("/safe_image.php", url=link, w="90", h="90") for link in (one, two)]
    assert [picture_key(link) for link in previews] == [one, two]


def test_a_picture_of_facebooks_first_years_keeps_its_key() -> None:
    """Its name begins with a letter, and the folder is Facebook's because the host is."""
    link = "http://photos-a.ak.fbcdn.net/photos-ak-snc1/v1/2/3/n123_456_789.jpg"
    assert asset_key(link) == "v1/2/3/n123_456_789.jpg#native"


def test_avatars_are_known_by_whose_they_are() -> None:
    """lookaside links name the person in ``asid``; ``ext`` and ``hash`` are the signature."""
    avatar = "https://platform-lookaside.fbsbx.com/platform/profilepic/?asid={}&ext={}&hash={}"
    assert asset_key(avatar.format(7, 1700000000, "a")) == asset_key(
        avatar.format(7, 1800000000, "b")
    )
    assert asset_key(avatar.format(7, 1, "a")) != asset_key(avatar.format(8, 1, "a"))


def test_an_unknown_path_on_the_cdn_does_not_depend_on_its_host() -> None:
    """A form not yet known must not make a new asset at every answer."""
    link = "https://{}.fbcdn.net/new/way/to/picture?_new={}"
    assert asset_key(link.format("scontent-a", 1)) == asset_key(link.format("scontent-b", 2))


def test_a_token_in_a_link_is_not_in_its_key() -> None:
    """Keys are stored, so they hold no secret."""
    key = asset_key("https://graph.facebook.com/7/picture?type=large&access_token=SECRET")
    assert "SECRET" not in key
    assert "type=large" in key
    assert asset_key("https://me:SECRET@A.example/x.png") == asset_key("https://a.example/x.png")


@pytest.mark.parametrize(
    ("link", "moment"),
    [
        (photo(oe="65D3CC1C"), datetime(2024, 2, 19, 21, 46, 4, tzinfo=UTC)),
        (photo(oe="6a805ee8"), datetime(2026, 8, 15, 12, 43, 20, tzinfo=UTC)),
        (photo(oe="FFFFFFFF"), datetime(2106, 2, 7, 6, 28, 15, tzinfo=UTC)),
        (
            "https://platform-lookaside.fbsbx.com/x?asid=1&ext=1700000000",
            datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        ),
        (
            photo(oe="55B6B32D", __gda__="1437231671_3a6b"),
            datetime(2015, 7, 18, 15, 1, 11, tzinfo=UTC),
        ),
        (photo(oe="ZZ"), None),
        (photo(oe=""), None),
        (photo(), None),
        (photo(oe="1"), None),
        (photo(oe="0x6A805EE8"), None),
        (photo(oe="6A_80_5E_E8"), None),
        (photo(oe="100000000"), None),
        (photo(oe="F" * 5000), None),
        (photo(ext="jpg"), None),
    ],
)
def test_expiry(link: str, moment: datetime | None) -> None:
    """The signature's end is read where it stands, and garbage means unknown."""
    assert expires_at(link) == moment


def test_escaped_links_are_the_links_they_escape() -> None:
    """``&amp;`` and a literal ``\\u0026`` are repaired, and the key does not see them at all."""
    link = photo(stp="dst-jpg_s720x720", oh="a", oe="6A805EE8")
    for escaped in (link.replace("&", "&amp;"), link.replace("&", "\\u0026"), f" {link}\n"):
        assert repaired(escaped) == link
        assert asset_key(escaped) == asset_key(link)
        assert expires_at(escaped) == expires_at(link)


def test_an_endless_address_has_a_short_key() -> None:
    """A key longer than an index entry may be is replaced by its hash, still telling two apart."""
    keys = {asset_key(f"https://a.example/{'x' * 9000}{end}") for end in "ab"}
    assert len(keys) == 2
    assert all(len(key) < 100 for key in keys)


def test_ids_are_the_same_in_every_archive() -> None:
    """The id is a fixed function of the key; this value must never change."""
    assert asset_id("428000_776713_139976#s720x720") == uuid.UUID(
        "8b4115b5-a6eb-5e3b-9f64-7abbe982ea3a"
    )
