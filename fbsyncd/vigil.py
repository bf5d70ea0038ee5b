"""What is watched over an archive beside its work: tokens that end, and budgets of calls.

Nothing here reads a Page or fetches a picture. A token that is renewed in its file is noticed
within seconds, for the file is looked at; one that dies is told of by the sync that meets it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fbsyncd import away, budgets, handed, thrift, tokens
from fbsyncd.archive import Archive
from fbsyncd.budgets import APP, Budget
from fbsyncd.config import Page
from fbsyncd.errors import ConfigError, GraphError, TokenRefused
from fbsyncd.tokenfiles import TokenFiles
from fbsyncd.worth import Worth

log = logging.getLogger(__name__)

#: Pages whose tokens are asked about in one turn: a hundred would use up the calls of a minute.
AT_ONCE: Final = 10


class Vigil:
    """Watches over one archive; its methods are jobs, each made again and again."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._pages = {page.id: page for page in archive.config.facebook.pages}
        self._files = TokenFiles(self._pages.values())
        self._to_ask: set[str] = set()
        self._doubted: set[str] = set()
        self._noted: set[Budget] = set()

    def to_read(self) -> list[Page]:
        """Return the Pages to be read now: another token, or one that Facebook calls invalid.

        The reading of the latter tells what is wrong, once and with the remedy.
        """
        changed = self._files.changed()
        for page_id in changed:
            log.info("page %s: its token file has changed, the Page is read now", page_id)
            self._archive.forgive(page_id)
            self._to_ask.add(page_id)
        doubted, self._doubted = self._doubted, set()
        return [self._pages[page_id] for page_id in dict.fromkeys((*changed, *doubted))]

    def ask_for_tokens(self) -> None:
        """Ask Facebook about tokens that were not asked about for half a day, or are new.

        Only with the app's secret: nobody else is told. Raises ArchiveError.
        """
        archive = self._archive
        if not archive.config.facebook.app_secret.get_secret_value():
            return
        now = archive.now()
        asked = tokens.checked_at(archive.db)
        due = [page for page in self._pages.values() if self._is_due(page, asked, now)]
        for page in due[:AT_ONCE]:
            if archive.stop.is_set() or self._is_scarce(page, now):
                return
            self._to_ask.discard(page.id)
            self._ask(page, now)

    def note_budgets(self) -> None:
        """Write down how the budgets of calls stand, where that has changed.

        A process that has heard nothing leaves what another one wrote.
        """
        archive, now = self._archive, self._archive.now()
        pace = archive.graph.pace
        standing = {
            Budget(page_id, pace.used(page_id, now).percent, pace.closed_until(page_id, now))
            for page_id in (APP, *self._pages)
            if pace.is_known(page_id)
        }
        if changed := standing - self._noted:
            budgets.save(archive.db, changed, now)
            self._noted = standing

    def _is_due(self, page: Page, asked: Mapping[str, datetime], now: datetime) -> bool:
        last = asked.get(page.id)
        is_fresh = last is not None and now - tokens.STALE < last <= now
        return not is_fresh or page.id in self._to_ask

    def _is_scarce(self, page: Page, now: datetime) -> bool:
        return self._archive.graph.pace.used(page.id, now).percent >= thrift.WHOLE

    def _ask(self, page: Page, now: datetime) -> None:
        try:
            worth = self._archive.graph.token_worth(page.id, page.token(os.environ))
        except (TokenRefused, ConfigError) as error:
            worth = Worth(is_valid=False, message=str(error))
        except GraphError as error:
            # Asked again at the next turn: what Facebook will not say just now is no news.
            log.debug("page %s: its token is not told of: %s", page.id, error)
            return
        if worth is None:
            return
        tokens.save(self._archive.db, page.id, worth, now)
        if not worth.is_valid:
            self._doubted.add(page.id)
        elif worth.end is not None and worth.end - now < tokens.AHEAD:
            _warn(page, worth.end, now)


def _warn(page: Page, end: datetime, now: datetime) -> None:
    renewal = handed.renewal(page.access_token_file, os.environ)
    log.warning(
        "page %s: its access token is good for %s more (until %s UTC): `fbsyncd token` makes"
        " a new one%s",
        page.id,
        away.span(end - now),
        f"{end:%Y-%m-%d %H:%M}",
        f". {renewal}" if renewal else "",
    )
