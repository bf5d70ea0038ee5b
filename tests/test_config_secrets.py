"""Pages, their tokens, and that no secret is ever shown."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from config_texts import BASE, TOKEN, mistakes, read

from fbsyncd import config
from fbsyncd.config import Page
from fbsyncd.errors import ConfigError

PAGE = f'[[facebook.pages]]\nid = "1234567890"\naccess_token = "{TOKEN}"\n'


def page(text: str, base: Path = BASE) -> Page:
    """Return the one Page of a file that says *text* about its token."""
    block = f'[[facebook.pages]]\nid = "1"\n{text}'
    return config.parse(block, base=base, environ={}).require_pages()[0]


@pytest.mark.parametrize(
    "source",
    [
        "",
        'access_token = "a"\naccess_token_file = "b"',
        'access_token = "a"\naccess_token_env = "B"',
        'access_token = "a"\naccess_token_file = "b"\naccess_token_env = "C"',
    ],
)
def test_a_page_has_exactly_one_token(source: str) -> None:
    """A Page without a token, or with two, is refused."""
    (problem,) = mistakes(f'[[facebook.pages]]\nid = "1"\n{source}')
    assert "exactly one of access_token, access_token_file and access_token_env" in problem


def test_a_page_is_named_once() -> None:
    """Two blocks for one Page are a slip that would sync it twice."""
    (problem,) = mistakes(PAGE + PAGE)
    assert problem == "facebook.pages: names a Page more than once: 1234567890"


def test_page_id_without_quotes() -> None:
    """A number without quotes is as good."""
    settings = read(f'[[facebook.pages]]\nid = 1234567890\naccess_token = "{TOKEN}"')
    assert settings.facebook.pages[0].id == "1234567890"


def test_without_pages_there_is_still_an_archive() -> None:
    """A file without a Page is valid, and who needs a Page is told what to write."""
    settings = read("")
    assert settings.facebook.pages == ()
    with pytest.raises(ConfigError, match=r"no Page is named; add \[\[facebook\.pages\]\]"):
        settings.require_pages()


def test_token_from_each_source(tmp_path: Path) -> None:
    """A token comes from the text, a file or the environment, without the blanks around it."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    assert page(f'access_token = " {TOKEN}"').token({}) == TOKEN
    assert page('access_token_file = "token"', tmp_path).token({}) == TOKEN
    assert page('access_token_env = "THE_TOKEN"').token({"THE_TOKEN": TOKEN}) == TOKEN


def test_token_file_is_read_each_time(tmp_path: Path) -> None:
    """A token that is renewed while the daemon runs is used from then on."""
    of_file = page('access_token_file = "token"', tmp_path)
    for token in ("first", "second"):
        (tmp_path / "token").write_text(token)
        assert of_file.token({}) == token


def test_missing_token_says_what_to_do(tmp_path: Path) -> None:
    """No token, an empty one, a placeholder or several: each names its source."""
    for name, content in (("empty", b"\n"), ("dots", b"..."), ("two", b"a b"), ("bytes", b"\xff")):
        (tmp_path / name).write_bytes(content)
    for name, problem in (
        ("nowhere", "No such file"),
        ("empty", "holds no access token"),
        ("dots", "holds no access token"),
        ("two", "more than a token"),
        ("bytes", "is not a text file"),
    ):
        with pytest.raises(ConfigError, match=rf"Page 1: access_token_file .*{name}.*{problem}"):
            page(f'access_token_file = "{name}"', tmp_path).token({})
    with pytest.raises(ConfigError, match="environment variable NAME holds no access token"):
        page('access_token_env = "NAME"').token({})


SECRETS = {
    "token": TOKEN,
    "app secret": "0123456789abcdef-app-secret",
    "auth token": "open-sesame",
    "password": "hunter2",
}
SECRETIVE = f"""
[facebook]
app_secret = "{SECRETS["app secret"]}"
[[facebook.pages]]
id = "1234567890"
access_token = "{SECRETS["token"]}"
[database]
url = "postgresql://fbsyncd:{SECRETS["password"]}@db.example.org/archive"
[server]
auth_token = "{SECRETS["auth token"]}"
"""


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_secrets_are_not_shown(secret: str) -> None:
    """Neither repr nor dump shows a token, a secret or a password."""
    settings = read(SECRETIVE)
    assert secret not in repr(settings)
    assert secret not in str(settings)
    assert secret not in config.dump(settings)
    assert config.dump(settings).count('"***"') == 3
    assert "postgresql://fbsyncd:***@db.example.org/archive" in config.dump(settings)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_secrets_are_not_in_errors(secret: str) -> None:
    """Not even a traceback of a wrong configuration shows a secret, misspelt keys included."""
    wrong = SECRETIVE.replace("postgresql", "mysql") + 'port = 0.5\n[log]\nlevel = "x"\n'
    for text in (wrong, wrong.replace("_token =", "_tokn ="), wrong.replace("_secret", "_secrt")):
        with pytest.raises(ConfigError) as refusal:
            read(text)
        shown = "".join(traceback.format_exception(refusal.value))
        assert "mysql" not in str(refusal.value)
        assert secret not in shown
