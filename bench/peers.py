"""Other servers of the same files and rows, installed for the measurement and thrown away after."""

from __future__ import annotations

import os
import shutil
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

PACKAGES: Final = ("flask", "gunicorn", "datasette", "psycopg2-binary")
SERVER_CORE: Final = {0}

_POSTS: Final = """
SELECT p.id, p.page_id, p.type, p.message, p.story, p.permalink_url, p.created_time,
    p.updated_time, p.picture_url, p.full_picture_url, s.public_url, f.public_url
FROM facebook_posts p LEFT JOIN media_storage s ON s.id = p.local_picture_id
LEFT JOIN media_storage f ON f.id = p.local_full_picture_id
ORDER BY p.created_time DESC, p.id DESC LIMIT 20"""
_ATTACHMENTS: Final = """
SELECT a.post_id, a.type, a.title, a.description, a.media_url, a.thumbnail_url, m.public_url,
    m.width, m.height, t.public_url
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

    name: str
    port: int
    processes: tuple[int, ...]
    posts: str = "/api/posts"


@contextmanager
def started(
    command: Sequence[str], port: int, path: str, *, stdin: int | None = None, **environ: str
) -> Iterator[int]:
    """Run a server on one core until it is no longer needed; yield its process id."""
    process = subprocess.Popen(
        command,
        stdin=stdin,
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


def install(folder: Path) -> Mapping[str, str]:
    """Make a venv of the peers in *folder*; return the versions they have."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", *PACKAGES], check=True)
    frozen = subprocess.run([*pip, "freeze"], check=True, capture_output=True, text=True).stdout
    versions = dict(line.lower().split("==") for line in frozen.split() if "==" in line)
    return {name: versions[name] for name in PACKAGES}


class Peers:
    """Starts the peers of one measurement; they end with *stack*."""

    def __init__(self, stack: ExitStack, site: Site, venv: Path, ports: Callable[[], int]) -> None:
        self._stack = stack
        self._site = site
        self._bin = venv / "bin"
        self._port = ports
        (site.folder / "flasked.py").write_text(_FLASK)

    def flask(self, name: str, database: str, *how: str) -> Contender:
        """Flask under gunicorn with one process."""
        port = self._port()
        command = [str(self._bin / "gunicorn"), "-b", f"127.0.0.1:{port}", *how]
        command += ["--chdir", str(self._site.folder), "flasked:app"]
        process = self._stack.enter_context(
            started(command, port, "/api/posts", MEDIA=str(self._site.media), DATABASE=database)
        )
        return Contender(name, port, (process,))

    def datasette(self) -> Contender:
        """Datasette with the join of posts and attachments as an SQL query."""
        port = self._port()
        query = {"sql": _joined(), "_shape": "array"}
        path = f"/fbsyncd.json?{urllib.parse.urlencode(query)}"
        file = self._site.sqlite.removeprefix("sqlite:///")
        command = [str(self._bin / "datasette"), "serve", file, "--port", str(port)]
        command += ["--setting", "default_cache_ttl", "0"]
        process = self._stack.enter_context(started(command, port, path))
        return Contender("Datasette, SQL with the join", port, (process,), path)

    def nginx(self, behind: Contender) -> tuple[Contender, Contender]:
        """nginx with the same bytes as files, and nginx sending what *behind* names."""
        binary = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if binary is None:
            sys.exit("nginx is missing: apt install nginx")
        folder = self._site.folder / "nginx"
        folder.mkdir()
        plain, accel = self._port(), self._port()
        (folder / "nginx.conf").write_text(self._nginx_config(folder, plain, accel, behind.port))
        command = [binary, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
        process = self._stack.enter_context(started(command, plain, "/api/posts"))
        return (
            Contender("nginx, the same bytes as files", plain, (process,)),
            Contender("fbsyncd behind nginx, X-Accel", accel, (process, *behind.processes)),
        )

    def _nginx_config(self, folder: Path, plain: int, accel: int, behind: int) -> str:
        media, answer = self._site.media, self._site.answer
        user = "user root;" if os.geteuid() == 0 else ""
        return f"""{user} daemon off; worker_processes 1; pid {folder}/pid;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
    types {{ image/jpeg jpg; }}
    upstream behind {{ server 127.0.0.1:{behind}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{plain};
        location /media/facebook/ {{ alias {media}/; }}
        location = /api/posts {{ default_type application/json; alias {answer}; }}
    }}
    server {{
        listen 127.0.0.1:{accel};
        location /archived/ {{ internal; alias {media}/; }}
        location / {{
            proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""


def _joined() -> str:
    return " ".join(
        f"""SELECT p.*, a.type AS attachment_type, a.title, a.media_url, a.thumbnail_url,
        m.public_url AS local_media_url, m.width, m.height, t.public_url AS local_thumbnail_url
        FROM ({_POSTS}) p LEFT JOIN facebook_post_attachments a ON a.post_id = p.id
        LEFT JOIN media_storage m ON m.id = a.local_media_id
        LEFT JOIN media_storage t ON t.id = a.local_thumbnail_id
        ORDER BY p.created_time DESC, p.id DESC, a.position""".split()
    )
