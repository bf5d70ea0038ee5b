"""Take the README's picture: what a page shows, in a headless Chromium.

Start ``fbsyncd demo --port 8099``, wait until its pictures are safe, and give this script the
address and the file to write: ``http://127.0.0.1:8099/ docs/dashboard.jpg``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
EVERY_PICTURE_IS_THERE = """
() => {
  const top = (image) => image.getBoundingClientRect().top;
  const seen = [...document.images].filter((image) => top(image) < innerHeight);
  return seen.length > 3 && seen.every((image) => image.complete && image.naturalWidth);
}
"""


def main(url: str, target: str) -> None:
    """Save what *url* shows at 1440 x 900 to *target*."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        page.wait_for_function(EVERY_PICTURE_IS_THERE)
        shot = page.screenshot()
        browser.close()
    Image.open(io.BytesIO(shot)).convert("RGB").save(Path(target), quality=86, optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
