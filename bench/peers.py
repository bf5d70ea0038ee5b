"""Other servers of the same files and rows, and nginx in front with the files in docs/.

Flask, gunicorn, Datasette and psycopg2 get a venv of their own below ~/.cache/fbsyncd-bench.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench import programs
from bench.table import Missing

PACKAGES: Final = ("flask", "gunicorn", "datasette", "psycopg2-binary")
SERVER_CORE: Final = {0}
DOCS: Final = Path(__file__).parent.parent / "docs"

_POSTS: Final = """
SELECT p.id, p.page_id, p.type, p.message, p.story, p.permalink_url, p.created_time,
    p.updated_time, p.picture_url, p.full_picture_url,
    s.public_url AS local_picture_url, f.public_url AS local_full_picture_url
FROM facebook_posts p LEFT JOIN media_storage s ON s.id = p.local_picture_id
LEFT JOIN media_storage f ON f.id = p.local_full_picture_id
ORDER BY p.created_time DESC, p.id DESC LIMIT 20"""
_ATTACHMENTS: Final = """
SELECT a.post_id, a.type, a.title, a.description, a.media_url, a.thumbnail_url,
    m.public_url AS local_media_url, m.width, m.height, t.public_url AS local_thumbnail_url
FROM facebook_post_attachments a LEFT JOIN media_storage m ON m.id = a.local_media_id
LEFT JOIN media_storage t ON t.id = a.local_thumbnail_id"""

# What most people write first: the framework's own way to send a file, a connection per request.
_FLASK: Final = f'''
import os

from flask import Flask, jsonify, send_from_directory

app = Flask(__name__)
ROOT, URL = os.environ["MEDIA"], os.environ["DATABASE"]
POSTS = """{_POSTS}"""
ATTACHMENTS = """{_ATTACHMENTS} WHERE a.post_id IN (%s) ORDER BY a.post_id, a.position"""


def connect():
    if URL.startswith("sqlite"):
        import sqlite3
        return sqlite3.connect(URL.removeprefix("sqlite:///")), "?"
    import psycopg2
    return psycopg2.connect(URL), "%s"


def rows(cursor):
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


@app.get("/media/facebook/<path:name>")
def media(name):
    return send_from_directory(ROOT, name, max_age=31536000)


@app.get("/api/posts")
def posts():
    connection, mark = connect()
    try:
        cursor = connection.cursor()
        cursor.execute(POSTS)
        found = rows(cursor)
        of = {{post["id"]: post.setdefault("attachments", []) for post in found}}
        cursor.execute(ATTACHMENTS % ", ".join([mark] * len(of)), list(of))
        for attachment in rows(cursor):
            of[attachment["post_id"]].append(attachment)
    finally:
        connection.close()
    return jsonify(posts=found)
'''


@dataclass(frozen=True, slots=True)
class Site:
    """What every server is to serve."""

    folder: Path
    media: Path
    answer: Path  # the bytes of one page of posts
    sqlite: str


@dataclass(frozen=True, slots=True)
class Contender:
    """A server that runs: where, what of its work counts, and how it is asked for posts."""

    port: int
    processes: tuple[int, ...]
    posts: str = "/api/posts"


@contextmanager
def started(
    command: Sequence[str], port: int, path: str, *, cwd: Path | None = None, **environ: str
) -> Iterator[int]:
    """Run a server on one core until it is no longer needed; yield its process id."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **environ},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORE),
    )
    try:
        _await(port, path, process)
        yield process.pid
    finally:
        process.terminate()
        process.communicate(timeout=30)


def _await(port: int, path: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30).close()
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None:
                _, said = process.communicate()
                sys.exit(f"{process.args!r} ended:\n{said.decode(errors='replace')}")
            time.sleep(0.1)
        else:
            return
    sys.exit(f"{process.args!r} does not answer")


def install() -> tuple[Path, Mapping[str, str]]:
    """Make a venv of the peers unless there is one; return it, and the versions it has.

    What pip could not get is missing there, and named so where it is to be started.
    """
    folder = programs.home() / "servers"
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    versions = _versions(pip)
    if not versions.keys() >= set(PACKAGES):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        subprocess.run([*pip, "install", "--quiet", *PACKAGES], check=False)
        versions = _versions(pip)
    return folder, {name: versions[name] for name in PACKAGES if name in versions}


def _versions(pip: Sequence[str]) -> dict[str, str]:
    if not Path(pip[0]).exists():
        return {}
    done = subprocess.run([*pip, "freeze"], check=False, capture_output=True, text=True)
    return dict(line.lower().split("==") for line in done.stdout.split() if "==" in line)


class Peers:
    """Starts the peers of one measurement; they end with *stack*. Each may raise Missing."""

    def __init__(self, stack: ExitStack, site: Site, venv: Path, ports: Callable[[], int]) -> None:
        self._stack = stack
        self._site = site
        self._bin = venv / "bin"
        self._port = ports
        (site.folder / "flasked.py").write_text(_FLASK)

    def flask(self, database: str, *how: str) -> Contender:
        """Flask under gunicorn with one process."""
        port = self._port()
        command = [self._program("gunicorn"), "-b", f"127.0.0.1:{port}", *how]
        command += ["--chdir", str(self._site.folder), "flasked:app"]
        process = self._stack.enter_context(
            started(command, port, "/api/posts", MEDIA=str(self._site.media), DATABASE=database)
        )
        return Contender(port, (process,))

    def datasette(self) -> Contender:
        """Datasette with the join of posts and attachments as an SQL query."""
        port = self._port()
        query = {"sql": _joined(), "_shape": "array"}
        path = f"/fbsyncd.json?{urllib.parse.urlencode(query)}"
        file = self._site.sqlite.removeprefix("sqlite:///")
        command = [self._program("datasette"), "serve", file, "--port", str(port)]
        command += ["--setting", "default_cache_ttl", "0"]
        process = self._stack.enter_context(started(command, port, path))
        return Contender(port, (process,), path)

    def nginx(self) -> Contender:
        """nginx with the same bytes as files, files kept open as docs/nginx.conf does."""
        port = self._port()
        served = f"""server {{
            listen 127.0.0.1:{port};
            types {{ image/jpeg jpg; }}
            open_file_cache max=500 inactive=20s;
            open_file_cache_valid 2s;
            location /media/facebook/ {{ alias {self._site.media}/; }}
            location = /api/posts {{ default_type application/json; alias {self._site.answer}; }}
        }}"""
        return self._nginx(port, served)

    def in_front(self, of: Contender, file: str) -> Contender:
        """nginx in front of a server, as a file in docs/ configures it."""
        port = self._port()
        text = (DOCS / file).read_text(encoding="utf-8")
        for written, real in {
            "listen 80;": f"listen 127.0.0.1:{port};",
            "127.0.0.1:8080;": f"127.0.0.1:{of.port};",
            "/var/lib/fbsyncd/media/facebook": str(self._site.media),
        }.items():
            if written not in text:
                sys.exit(f"{file} does not say {written}")
            text = text.replace(written, real)
        return self._nginx(port, text, *of.processes)

    def _program(self, name: str) -> str:
        path = self._bin / name
        if not path.exists():
            raise Missing(f"{name} is not in {self._bin.parent}")
        return str(path)

    def _nginx(self, port: int, served: str, *behind: int) -> Contender:
        folder = self._site.folder / f"nginx-{port}"
        folder.mkdir()
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(f"""{user} daemon off; worker_processes 1;
            pid {folder}/pid; events {{ worker_connections 256; }}
            http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
            {served} }}""")
        command = [programs.find("nginx"), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        process = self._stack.enter_context(started([*command, "-e", "stderr"], port, "/api/posts"))
        return Contender(port, (process, *behind))


def _joined() -> str:
    return " ".join(
        f"""SELECT p.*, a.type AS attachment_type, a.title, a.media_url, a.thumbnail_url,
        m.public_url AS local_media_url, m.width, m.height, t.public_url AS local_thumbnail_url
        FROM ({_POSTS}) p LEFT JOIN facebook_post_attachments a ON a.post_id = p.id
        LEFT JOIN media_storage m ON m.id = a.local_media_id
        LEFT JOIN media_storage t ON t.id = a.local_thumbnail_id
        ORDER BY p.created_time DESC, p.id DESC, a.position""".split()
    )
