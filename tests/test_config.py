"""config.toml: where it is found, what it may say, and what is said about mistakes."""

from __future__ import annotations

import os
import stat
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from config_texts import DEFAULTS, TOKEN, read
from pydantic import ValidationError

from fbsyncd import config
from fbsyncd.errors import ConfigError, UsageError


def test_reference_names_every_key_with_its_default() -> None:
    """The commented reference says exactly the defaults, key by key."""
    assert tomllib.loads(config.example()) == DEFAULTS


def test_reference_changes_nothing() -> None:
    """A file without a word, and the reference, make the same configuration."""
    assert read(config.example()) == read("")


def test_defaults_as_values() -> None:
    """Durations, sizes and paths arrive as values, not as text."""
    settings = read("")
    assert settings.media.max_file_size == 10_000_000
    assert settings.media.free_space_floor == 10**9
    assert settings.media.retry_base == timedelta(seconds=30)
    assert settings.sync.interval == timedelta(minutes=15)
    assert settings.reconcile.scrub_interval == timedelta(days=30)
    assert settings.media.allowed_hosts == ("*.fbcdn.net", "*.fbsbx.com", "*.cdninstagram.com")


def test_commented_page_in_the_reference_is_ready_to_use() -> None:
    """A newcomer who removes the # of the Page's three lines and fills them in is done."""
    text = config.example()
    for line in ("[[facebook.pages]]", 'id = "1234567890"', 'access_token = "..."'):
        assert f"\n#{line}\n" in text
        text = text.replace(f"\n#{line}\n", f"\n{line.replace('...', TOKEN)}\n")
    assert read(text).require_pages()[0].token({}) == TOKEN


def test_relative_paths_count_from_the_config_files_folder(tmp_path: Path) -> None:
    """The folder one happens to be in does not matter."""
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "config.toml").write_text(
        '[[facebook.pages]]\nid = "1"\naccess_token_file = "secrets/page"\n'
        '[media]\nroot = "../pictures"\n'
    )
    settings = config.load(Path("etc/config.toml"), environ={}, cwd=tmp_path)
    assert settings.base == folder
    assert settings.media.root == folder / "../pictures"
    assert settings.database.url == f"sqlite:///{folder}/fbsyncd.db"
    assert settings.facebook.pages[0].access_token_file == folder / "secrets/page"


def test_absolute_paths_stay() -> None:
    """Absolute paths are taken as they are."""
    settings = read('[media]\nroot = "/mnt/pictures"\n[database]\nurl = "sqlite:////mnt/a.db"')
    assert settings.media.root == Path("/mnt/pictures")
    assert settings.database.url == "sqlite:////mnt/a.db"


def test_named_file_comes_first(tmp_path: Path) -> None:
    """--config wins over $FBSYNCD_CONFIG, and that over the places searched."""
    names = ("config.toml", "pointed.toml", "named.toml")
    for port, name in enumerate(names, start=1):
        (tmp_path / name).write_text(f"[server]\nport = {port}")
    pointer = {"FBSYNCD_CONFIG": str(tmp_path / "pointed.toml")}
    named = config.load(Path("named.toml"), environ=pointer, cwd=tmp_path)
    pointed = config.load(environ=pointer, cwd=tmp_path)
    searched = config.load(environ={}, cwd=tmp_path)
    assert [one.server.port for one in (named, pointed, searched)] == [3, 2, 1]


def test_places_searched(tmp_path: Path) -> None:
    """The working folder, the user's, the system's: in this order."""
    assert config.places({"HOME": "/home/ann"}, tmp_path) == [
        tmp_path / "config.toml",
        Path("/home/ann/.config/fbsyncd/config.toml"),
        Path("/etc/fbsyncd/config.toml"),
    ]


def test_users_file_is_found(tmp_path: Path) -> None:
    """Without one in the working folder, the user's own config.toml is read."""
    own = tmp_path / ".config/fbsyncd/config.toml"
    own.parent.mkdir(parents=True)
    own.write_text("")
    settings = config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path / "elsewhere")
    assert settings.source == str(own)


@pytest.mark.skipif(Path("/etc/fbsyncd").exists(), reason="this machine has a system-wide config")
def test_no_file_anywhere(tmp_path: Path) -> None:
    """When there is no config.toml, the places searched and the remedy are named."""
    with pytest.raises(ConfigError, match=r"not found .*/etc/fbsyncd.*fbsyncd init"):
        config.load(environ={"HOME": str(tmp_path)}, cwd=tmp_path)


def test_named_file_must_exist(tmp_path: Path) -> None:
    """A file that was asked for by name is not silently replaced by another."""
    (tmp_path / "config.toml").write_text("")
    with pytest.raises(ConfigError, match=r"other\.toml: no such file"):
        config.load(Path("other.toml"), environ={}, cwd=tmp_path)


def test_unreadable_files(tmp_path: Path) -> None:
    """A folder, and bytes that are no text, are refused in one line each."""
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe[\x00")
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        config.load(Path("bytes.toml"), environ={}, cwd=tmp_path)
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        config.load(Path(), environ={}, cwd=tmp_path)


def test_byte_order_mark_is_harmless(tmp_path: Path) -> None:
    """A file saved by a Windows editor is read."""
    (tmp_path / "config.toml").write_text("[server]\nport = 81", encoding="utf-8-sig")
    assert config.load(environ={}, cwd=tmp_path).server.port == 81


def test_dump_reads_back() -> None:
    """What is shown of a configuration is TOML that makes the same configuration."""
    text = """
        [media]
        root = "/srv/pictures \\"of\\" \\u007f é ไทย"
        max_file_size = "1.5MiB"
        allowed_hosts = ["127.0.0.1", "*.fbcdn.net"]
        retry_base = "1.5s"
        [sync]
        interval = "1h30m"
        [server]
        cors_origins = ["https://dash.example.org"]
        [[facebook.pages]]
        id = "1"
        access_token_file = "one.token"
        [[facebook.pages]]
        id = "2"
        access_token_env = "TWO"
    """
    settings = read(text)
    again = config.parse(config.dump(settings), base=Path("/elsewhere"), environ={})
    assert again.model_dump() == settings.model_dump()


def test_dump_of_the_defaults_has_every_key() -> None:
    """Nothing that is in force is left out."""
    shown = tomllib.loads(config.dump(read("")))
    assert {name: set(keys) for name, keys in shown.items()} == {
        name: set(keys) for name, keys in DEFAULTS.items()
    }
    assert shown["sync"] == DEFAULTS["sync"]


def test_configuration_is_frozen() -> None:
    """Nothing changes the configuration while the daemon runs."""
    settings = read("")
    with pytest.raises(ValidationError, match="frozen"):
        settings.media.workers = 9


def test_init_writes_the_reference_and_the_folders(tmp_path: Path) -> None:
    """A new archive has the commented file, for its owner only, and the three folders."""
    target = tmp_path / "new" / "archive"
    old_mask = os.umask(0o002)
    try:
        made = config.init(target)
    finally:
        os.umask(old_mask)
    folders = [target / "media/facebook" / name for name in ("posts", "attachments", "thumbnails")]
    assert made == [target / "config.toml", *folders]
    assert all(folder.is_dir() for folder in folders)
    assert (target / "config.toml").read_text() == config.example()
    assert stat.S_IMODE((target / "config.toml").stat().st_mode) == 0o600
    assert config.load(environ={}, cwd=target).media.root == target / "media/facebook"


def test_init_never_overwrites(tmp_path: Path) -> None:
    """A config.toml that is there stays as it is, and nothing else is made."""
    (tmp_path / "config.toml").write_text("# mine")
    with pytest.raises(UsageError, match=r"config\.toml is there already"):
        config.init(tmp_path)
    assert (tmp_path / "config.toml").read_text() == "# mine"
    assert list(tmp_path.iterdir()) == [tmp_path / "config.toml"]


def test_init_keeps_what_the_folders_hold(tmp_path: Path) -> None:
    """Folders with pictures are left alone, and only what was made is told."""
    picture = tmp_path / "media/facebook/posts/a.jpg"
    picture.parent.mkdir(parents=True)
    picture.write_bytes(b"picture")
    made = config.init(tmp_path)
    assert picture.read_bytes() == b"picture"
    assert picture.parent not in made


def test_init_where_nothing_can_be_made(tmp_path: Path) -> None:
    """A place that is no folder is named in one line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot make .*file.*: Not a directory"):
        config.init(tmp_path / "file")
