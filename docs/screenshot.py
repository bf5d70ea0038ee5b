"""Take the pictures of the dashboard that the README shows, in a headless Chromium.

What they show is an archive that is weeks old: a simulated Facebook is read again and again by a
clock that begins six weeks ago, while posts come, are edited and go, and pictures fail in the ways
they do. Then the real daemon serves it. The one argument is the folder to write into:
``python docs/screenshot.py docs``.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from fbsyncd import config, models, oneshot
from fbsyncd.archive import Archive, utcnow
from fbsyncd.oneshot import Wish
from fbsyncd.simulator import Simulator

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
EVERY_PICTURE_IS_THERE = """
() => {
  const top = (image) => image.getBoundingClientRect().top;
  const images = [...document.querySelectorAll("article img")];
  const seen = images.filter((image) => top(image) < innerHeight);
  return seen.length > 0 && seen.every((image) => image.complete && image.naturalWidth);
}
"""
SCREEN: ViewportSize = {"width": 1440, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
CONFIG = """\
[facebook]
graph_url = "{url}"
[[facebook.pages]]
id = "{page_id}"
access_token = "{token}"
[media]
allowed_hosts = ["127.0.0.1"]
free_space_floor = "1MB"
[sync]
backfill_days = 0
full_interval = "1d"
[server]
port = 0
"""
WEEKS = 6
#: What is published on the days after the first reading; on others nothing is.
NEWS = {
    2: ["photo"],
    5: ["album"],
    8: ["reel"],
    9: ["photo"],
    13: ["album", "text"],
    16: ["photo"],
    20: ["photo", "reel"],
    23: ["album"],
    27: ["photo"],
    28: ["photo"],
    31: ["reel"],
    34: ["album"],
    35: ["share"],
    36: ["photo"],
    39: ["photo", "tall"],
    41: ["album", "photo"],
}
LINKS = """\
SELECT m.original_url FROM facebook_post_attachments a
JOIN media_storage m ON m.id = a.local_media_id
WHERE a.post_id = ? AND m.download_status <> 'success' ORDER BY a.position"""


def main(folder: str) -> None:
    """Save the wall, light and dark, on a phone and in Thai, a post, and the archive's health."""
    began = utcnow() - timedelta(weeks=WEEKS)
    with (
        tempfile.TemporaryDirectory(prefix="fbsyncd-pictures-") as base,
        Simulator(posts=48, newest=began.replace(microsecond=0)) as facebook,
    ):
        facebook.clock.set(began)
        (page,) = facebook.pages
        text = CONFIG.format(url=facebook.url, page_id=page.id, token=page.token)
        (Path(base) / "config.toml").write_text(text, encoding="utf-8")
        edited = live(facebook, text, Path(base))
        with daemon(base) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            take_all(browser, url, Path(folder), edited)
            browser.close()


def live(facebook: Simulator, text: str, base: Path) -> str:
    """Let weeks go by, and return the post that was edited."""
    archive = Archive(config.parse(text, base=base, environ={}), now=facebook.clock.now)
    try:
        archive.setup()
        days = Days(facebook, archive)
        days.read()
        for day in range(1, WEEKS * 7):
            days.go_by(day)
        facebook.clock.set(utcnow() - timedelta(minutes=4))
        archive.reconcile()
        days.read()
        facebook.clock.set(utcnow())
    finally:
        archive.close()
    return days.edited


class Days:
    """What happens on each day to a Facebook and to the archive that follows it."""

    def __init__(self, facebook: Simulator, archive: Archive) -> None:
        self._facebook = facebook
        self._archive = archive
        self._posts: dict[int, list[str]] = {}
        self.edited = ""

    def go_by(self, day: int) -> None:
        """Publish what is due on *day*, and read it."""
        self._facebook.clock.move(timedelta(days=1))
        self._posts[day] = [self._facebook.add_post(kind) for kind in NEWS.get(day, ())]
        if day == 23:
            self._facebook.remove(self._posts[16][0])
        if day == 34:
            self.edited = self._posts[day][0]
        if day in (35, 37):
            self._facebook.edit(self.edited, EDITS[day])
        if day in (13, 28, 35, 41):
            self._spoil(day)
        self.read()

    def _spoil(self, day: int) -> None:
        """Let pictures of *day* be gone, be none, or not come for now."""
        self._archive.stop.clear()
        self._archive.sync(self._archive.config.facebook.pages[0])
        with models.session(self._archive.db):
            found = models.rows(self._archive.db, LINKS, [self._posts[day][0]])
        paths = [urlsplit(str(url)).path for (url,) in found]
        faults = self._facebook.faults
        # Of the youngest album the first ones come.
        for path in paths[4:] if day == 41 else paths:
            if day == 13:
                faults.cdn_status(404, match=path)
            elif day == 28:
                faults.cdn_serve("<html>Sorry</html>", "text/html", None, path)
            else:
                faults.cdn_status(503, match=path)

    def read(self) -> None:
        """Do what ``fbsyncd sync`` does."""
        self._archive.stop.clear()
        wish = Wish(self._archive.config.facebook.pages, None)
        oneshot.sync(self._archive, wish, lambda _: None)
        # The database gives new rows the time of the machine.
        with models.transaction(self._archive.db):
            now = models.to_text(self._archive.now())
            sql = "UPDATE facebook_posts SET created_at = ?, updated_at = ? WHERE created_at > ?"
            models.change(self._archive.db, sql, [now, now, now])


EDITS = {
    35: "Nine children of our Saturday class saw balloons fly today. They begin at five.",
    37: "Nine children of our Saturday class saw balloons fly today. They begin at six now.",
}


@contextmanager
def daemon(base: str) -> Iterator[str]:
    """Run the daemon over the archive in *base*, and yield where it answers."""
    command = [sys.executable, "-m", "fbsyncd", "run"]
    with subprocess.Popen(command, cwd=base, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stderr or ())
            yield next(line.split("ready: ")[1].strip() for line in lines if "ready: " in line)
        finally:
            process.terminate()
            process.communicate()


def take_all(browser: Browser, url: str, folder: Path, edited: str) -> None:
    """Save each picture."""

    def take(name: str, where: str = "", ready: str = EVERY_PICTURE_IS_THERE, **how: Any) -> None:
        page = browser.new_context(**({"viewport": SCREEN} | how)).new_page()
        page.goto(url + where)
        page.wait_for_function(ready)
        save(page, folder / f"{name}.jpg")

    take("dashboard")
    take("dashboard-dark", color_scheme="dark")
    take("dashboard-phone", viewport=PHONE, locale="th-TH", device_scale_factor=2)
    take(
        "dashboard-health",
        "?view=health",
        "() => document.querySelector('#health-pages tbody tr')",
        viewport={"width": 1440, "height": 1360},
    )
    take(
        "dashboard-post",
        f"?post={edited}",
        "() => document.querySelector('#stage img.there') && document.querySelector('#history li')",
    )


def save(page: Page, target: Path) -> None:
    """Write what *page* shows as a JPEG, once nothing moves any more."""
    page.wait_for_timeout(700)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    # Letters take more bytes than pictures do.
    quality = 60 if "health" in target.name else 74
    shot.save(target, quality=quality, optimize=True, progressive=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
