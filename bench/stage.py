"""The simulated Facebook, an archive of its posts, and nginx as the CDN of its pictures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from bench import programs
from bench.archive import CONFIG, Facebook, fbsyncd, free_port
from bench.photos import photos
from fbsyncd import models

#: Pictures the simulated Facebook has for each post, all sizes counted.
PER_POST: Final = 2.625
DATABASE: Final = "sqlite:///fbsyncd.db"
_NGINX: Final = """{user} daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
{modules}
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
    types {{ image/jpeg jpg; }} default_type image/jpeg;
    server {{
        listen 127.0.0.1:{port}; root {root};
        location / {{ {wait} try_files $uri@$arg_stp =404; }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """An archive that knows all its posts and has no picture yet, and the links of these.

    *template* is its folder, with the first of *pages* in its config; *links* are those of all
    Pages, as Facebook signed them; *cdn* is where nginx finds the pictures and *port* where it is
    to listen.
    """

    template: Path
    links: Sequence[str]
    cdn: Path
    port: int
    size: int
    pages: Sequence[dict[str, str]]


@contextmanager
def raised(parent: Path | None, pictures: float, pages: int = 1) -> Iterator[tuple[Stage, Path]]:
    """Build a stage in a new folder below *parent*, which goes at the end; yield both."""
    with ExitStack() as stack:
        name = tempfile.TemporaryDirectory(prefix="fbsyncd-bench-", dir=parent)
        folder = Path(stack.enter_context(name))
        yield stack.enter_context(built(folder, pictures, pages)), folder


@contextmanager
def built(folder: Path, pictures: float, pages: int = 1) -> Iterator[Stage]:
    """Build a stage with about so many *pictures* a Page; its Facebook answers until the end."""
    port = free_port()
    template, cdn = folder / "template", folder / "cdn"
    template.mkdir()
    options = ("--cdn", f"http://127.0.0.1:{port}", "--pages", str(pages))
    with Facebook.started(round(pictures / PER_POST), *options) as facebook:
        known = facebook.state()["pages"]
        links = [link for page in reversed(known) for link in _read(template, facebook, page)]
        yield Stage(template, links, cdn, port, hang(links, cdn), known)


def _read(folder: Path, facebook: Facebook, page: dict[str, str]) -> list[str]:
    """Let a new archive read one Page; return the links of its pictures."""
    shutil.rmtree(folder)
    folder.mkdir()
    text = CONFIG.format(url=facebook.url, page=page["id"], token=page["token"], database=DATABASE)
    (folder / "config.toml").write_text(text, encoding="utf-8")
    fbsyncd(folder, "sync", "--no-media")
    return named(folder)


def named(folder: Path) -> list[str]:
    """Return the links of all pictures an archive knows, as many as it is to fetch."""
    db = models.connect(f"sqlite:///{folder / 'fbsyncd.db'}")
    try:
        with models.session(db):
            found = models.rows(db, "SELECT original_url FROM media_storage ORDER BY id")
    finally:
        models.close(db)
    return [str(link) for (link,) in found]


def hang(links: Sequence[str], cdn: Path) -> int:
    """Put a photograph of its own behind each link; return the bytes of all."""
    size = 0
    for link, data in zip(links, photos(len(links)), strict=True):
        parts = urlsplit(link)
        stp = parse_qs(parts.query).get("stp", [""])[0]
        path = cdn / f"{unquote(parts.path).lstrip('/')}@{stp}"
        path.parent.mkdir(parents=True, exist_ok=True)
        size += path.write_bytes(data)
    return size


@contextmanager
def nginx(stage: Stage, folder: Path, wait: float = 0) -> Iterator[None]:
    """Serve a stage's pictures, each after *wait* seconds. Raises Missing."""
    binary = programs.find("nginx")
    modules = programs.lua_modules() if wait else []
    config = _NGINX.format(
        user="user root;" if os.geteuid() == 0 else "",
        folder=folder,
        modules="".join(f"load_module {module};\n" for module in modules),
        port=stage.port,
        root=stage.cdn,
        wait=f"access_by_lua_block {{ ngx.sleep({wait}) }}" if wait else "",
    )
    (folder / "nginx.conf").write_text(config, encoding="utf-8")
    command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    process = subprocess.Popen(command)
    try:
        await_answer(stage.links[0], process)
        yield
    finally:
        process.terminate()
        process.wait()


def await_answer(link: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until *process* answers under a *link*."""
    for _ in range(600):
        try:
            urllib.request.urlopen(link).close()
        except ConnectionError:
            pass
        except urllib.error.URLError as e:
            if not isinstance(e.reason, ConnectionError):
                sys.exit(f"{process.args!r}: {e}")
        else:
            return
        if process.poll() is not None:
            sys.exit(f"{process.args!r} ended")
        time.sleep(0.05)
    sys.exit(f"{process.args!r} does not answer")


def fresh(stage: Stage, folder: Path) -> Path:
    """Return a new copy of the stage's archive."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stage.template, folder)
    return folder


def emptied(folder: Path) -> Path:
    """Return the folder, empty, with nothing left to be written to the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.sync()
    return folder
