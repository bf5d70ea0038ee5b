"""What is said about mistakes in config.toml and in the environment."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from config_texts import DEFAULTS, TOKEN, mistakes, read

from fbsyncd import config
from fbsyncd.errors import ConfigError


def test_every_problem_at_once() -> None:
    """All mistakes of a file are listed together, each with key, value, expectation and line."""
    assert mistakes(
        """
        [facebook]
        api_version = "26"
        [[facebook.pages]]
        id = "my.page"
        access_token = "..."
        [media]
        max_file_size = "10XB"
        workers = true
        [sync]
        intervall = "15m"
        [synk]
        [reconcile]
        watch = "yes"
        [server]
        host = "0.0.0.0"
        port = 70000
        [log]
        level = "loud"
        """
    ) == [
        'facebook.api_version: "26" is not a version of the Graph API (expected one like v26.0)'
        " (line 3)",
        'facebook.pages[1].id: "my.page" is not a Page\'s id'
        " (expected its number, digits only, not its name) (line 5)",
        "facebook.pages[1].access_token is only a placeholder"
        " (expected the Page's access token) (line 6)",
        'media.max_file_size: "10XB" is not a size'
        " (expected a number with B, KB, MB, GB or TB, like 10MB) (line 8)",
        "media.workers: true is not possible (expected a whole number from 1 to 64) (line 9)",
        "sync.intervall: unknown key, did you mean 'interval'? (line 11)",
        'reconcile.watch: "yes" is neither true nor false (line 14)',
        "server.port: 70000 is not possible (expected a whole number from 0 to 65535) (line 17)",
        'server.auth_token: is empty, but host "0.0.0.0" is reached by others: choose a token',
        "log.level: \"loud\" is not possible (expected 'debug', 'info', 'warning' or 'error')"
        " (line 19)",
        "synk: unknown section, did you mean 'sync'? (line 12)",
    ]


def test_every_line_of_the_error_names_the_file() -> None:
    """Each problem stands on a line of its own that begins with the file."""
    with pytest.raises(ConfigError) as refusal:
        config.parse("[log]\nlevel = 1\nfmt = 2", base=Path(), environ={}, source="my.toml")
    lines = str(refusal.value).splitlines()
    assert [line.split(":")[0] for line in lines] == ["my.toml", "my.toml"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[sync]\ninterval = 15m", r"not TOML: .*line 2.*; is a text missing its quotes\?"),
        ("[log]\nlevel = info", r"not TOML: .*line 2.*; is a text missing its quotes\?"),
        ("[sync", r"not TOML: .*at end of document"),
        ("x = [", r"not TOML: Invalid value \(at end of document\)$"),
        ("x = [\n", r"not TOML: Invalid value \(at end of document\)$"),
        ("x = [\n[log]\n", r"not TOML: .*line 2.*; is a bracket above it not closed\?$"),
        ("x = [\nno\n]", r"not TOML: .*line 2.*; is a text missing its quotes\?$"),
        ("[sync]\ninterval = 15", r"sync\.interval: 15 is no text \(expected quotes.*line 2"),
        ("[sync]\ninterval = '0s'", r"sync\.interval: .* is no time at all"),
        ("[sync]\nbackfill_days = -1", "from 0 to 36500"),
        ("[media]\nmax_file_size = 0", "would refuse every picture"),
        ("[media]\nallowed_hosts = []", "would refuse every picture"),
        ("[media]\nallowed_hosts = '*.fbcdn.net'", "is not a list of texts"),
        ("[media]\nallowed_hosts = ['https://x.org']", r'holds "https://x\.org", which is not a'),
        ("[media]\nroot = ''", "is no path"),
        ("[media]\nworkers = 65", "from 1 to 64"),
        ("[media]\nworkers = 2.5", "2.5 is not possible"),
        ("[media]\nretry_base = '7h'", r"is shorter \(6h\) than the first wait, retry_base \(7h\)"),
        ("[facebook]\ngraph_url = 'http://x.org'", "unencrypted"),
        ("[facebook]\napp_secret = 5", "app_secret: is no text"),
        ("[facebook]\npages = 'x'", r"expected \[\[facebook\.pages\]\]"),
        ("[facebook]\npages = ['x']", r"pages\[1\]: .* is not a section"),
        ("[server]\nhost = 'http://x'", "is not an address to listen on"),
        ("[server]\nauth_token = 'two words'", "without blanks"),
        ("[server]\ncors_origins = ['dash']", "like https://dashboard.example.org"),
        ("[server]\ncors_origins = ['https://*.example.org']", "has a star in a name"),
        ("[server]\ncors_origins = ['https://*']", "has a star in a name"),
        ("[server]\nallowed_hosts = ['*.local']", "is not a host's name"),
        ("[server]\naccel_prefix = '/media/facebook/'", "a path of this server's own"),
        ("[[log]]", "log: is not a section"),
        ("log = 5", "log: 5 is not a section"),
        ("colour = 5", r"colour: unknown key \(line 1\)"),
    ],
)
def test_single_mistakes(text: str, problem: str) -> None:
    """Each mistake is named once, in words that say what was expected."""
    found = mistakes(text)
    assert len(found) == 1
    with pytest.raises(ConfigError, match=problem):
        read(text)


def test_environment_overrides_every_key() -> None:
    """Each key of each section can be set by its variable, which wins over the file."""
    text = "[media]\nworkers = 3\n"
    settings = read(
        text,
        FBSYNCD_FACEBOOK_GRAPH_URL="http://127.0.0.1:9",
        FBSYNCD_DATABASE_URL="sqlite:///other.db",
        FBSYNCD_MEDIA_WORKERS="5",
        FBSYNCD_MEDIA_MAX_FILE_SIZE="2MiB",
        FBSYNCD_MEDIA_ALLOWED_HOSTS="127.0.0.1, *.fbcdn.net,",
        FBSYNCD_SYNC_INTERVAL="1m",
        FBSYNCD_RECONCILE_WATCH="no",
        FBSYNCD_SERVER_AUTH_TOKEN="12345",
        FBSYNCD_LOG_LEVEL="DEBUG",
    )
    assert settings.facebook.graph_url == "http://127.0.0.1:9"
    assert settings.database.url == "sqlite:////srv/other.db"
    assert (settings.media.workers, settings.media.max_file_size) == (5, 2 * 1024**2)
    assert settings.media.allowed_hosts == ("127.0.0.1", "*.fbcdn.net")
    assert settings.sync.interval == timedelta(minutes=1)
    assert settings.reconcile.watch is False
    assert settings.server.auth_token.get_secret_value() == "12345"
    assert settings.log.level == "debug"


@pytest.mark.parametrize(
    ("section", "key"), [(section, key) for section, keys in DEFAULTS.items() for key in keys]
)
def test_variable_of_every_key_is_looked_at(section: str, key: str) -> None:
    """A wrong value in any key's variable is found, and the variable is named."""
    name = f"FBSYNCD_{section}_{key}".upper()
    wrong = {"app_secret": None, "root": "\0"}.get(key, "\t wrong / value")
    if wrong is not None:
        (problem,) = mistakes("", **{name: wrong})
        assert f"{section}.{key}: " in problem
        assert problem.endswith(f"(set by {name})")


def test_unknown_variables() -> None:
    """A variable that names a section but no key of it is a slip; others are not ours."""
    found = mistakes("", FBSYNCD_MEDIA_WORKER="5", FBSYNCD_FACEBOOK_PAGES="1", FBSYNCD_SYNC_X="")
    assert found == [
        "FBSYNCD_FACEBOOK_PAGES: sets no key",
        "FBSYNCD_MEDIA_WORKER: sets no key, did you mean 'FBSYNCD_MEDIA_WORKERS'?",
        "FBSYNCD_SYNC_X: sets no key",
    ]
    read("", FBSYNCD_CONFIG="x", FBSYNCD_OTHER="x", FBSYNCD_MEDIA="x", HOME="/")


def test_variable_that_holds_a_token_may_look_like_a_key() -> None:
    """The variable a Page names for its token is not taken for a setting."""
    text = '[[facebook.pages]]\nid = "1"\naccess_token_env = "FBSYNCD_FACEBOOK_TOKEN"'
    settings = read(text, FBSYNCD_FACEBOOK_TOKEN=TOKEN)
    assert settings.facebook.pages[0].access_token_env == "FBSYNCD_FACEBOOK_TOKEN"


def test_a_page_without_its_header_is_told_what_is_missing(tmp_path: Path) -> None:
    """The likeliest slip in the reference file: its header is still behind a '#'."""
    text = 'id = "123"\naccess_token = "EAAB"\n'
    with pytest.raises(ConfigError) as wrong:
        config.parse(text, base=tmp_path, environ={})
    assert "id: belongs to a Page: write the line [[facebook.pages]] above it" in str(wrong.value)
