"""Take the pictures of the dashboard that the README shows, in a headless Chromium.

Start ``fbsyncd demo --port 8099``, wait until its pictures are safe, and give this script the
address and the folder to write into: ``http://127.0.0.1:8099/ docs``.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

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


def main(url: str, folder: str) -> None:
    """Save the wall, light and dark, on a phone and in Thai, a post, and the archive's health."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)

        def take(
            name: str, where: str = "", ready: str = EVERY_PICTURE_IS_THERE, **how: Any
        ) -> None:
            page = browser.new_context(**({"viewport": SCREEN} | how)).new_page()
            page.goto(url + where)
            page.wait_for_function(ready)
            save(page, Path(folder) / f"{name}.jpg")

        take("dashboard")
        take("dashboard-dark", color_scheme="dark")
        take("dashboard-phone", viewport=PHONE, locale="th-TH", device_scale_factor=2)
        take(
            "dashboard-health",
            "?view=health",
            "() => document.querySelector('#health-pages tbody tr')",
            viewport={"width": 1440, "height": 1180},
        )
        page = browser.new_page(viewport=SCREEN)
        page.goto(url)
        page.wait_for_function(EVERY_PICTURE_IS_THERE)
        page.locator("article:has(.strip) a.picture").first.click()
        page.wait_for_selector("#stage img.there")
        save(page, Path(folder) / "dashboard-post.jpg")
        browser.close()


def save(page: Page, target: Path) -> None:
    """Write what *page* shows as a JPEG, once nothing moves any more."""
    page.wait_for_timeout(700)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.save(target, quality=84, optimize=True, progressive=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
