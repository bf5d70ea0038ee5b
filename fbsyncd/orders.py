"""What a sync is told and what it tells: the Page, the order, the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from fbsyncd.thrift import Means
from fbsyncd.walks import Walk, Window


@dataclass(slots=True)
class Report:
    """What one sync of one Page did; *problems* are sentences a person can act on.

    *is_cut*: there is more to read, and other Pages have their turn first. *is_offline*: Facebook
    was not reached, which says nothing of the Page. *is_stopped*: it will not have this Page read,
    and that has been told. *is_forgotten*: a person had it removed, so it is not read.
    """

    page_id: str
    posts: int = 0
    videos: int = 0
    rows_written: int = 0
    pictures_new: int = 0
    unreadable: int = 0
    problems: list[str] = field(default_factory=list)
    is_cut: bool = False
    is_offline: bool = False
    is_stopped: bool = False
    is_forgotten: bool = False

    def add(self, stream: str, read: int, written: int, pictures: int) -> None:
        """Count one page of results of a stream."""
        self.posts += read if stream == "posts" else 0
        self.videos += read if stream == "videos" else 0
        self.rows_written += written
        self.pictures_new += pictures


@dataclass(frozen=True, slots=True)
class Source:
    """One Page to read: its id, and where its token is had at the moment it is needed.

    *renewal* says how another token gets there, where writing a file is not enough.
    """

    page_id: str
    token: Callable[[], str]
    renewal: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """How a sync is to be made: *wanted* instead of what is due, *heard* after each page.

    What is due is made within the *means*.
    """

    window: Window
    now: Callable[[], datetime]
    wanted: Callable[[datetime], Walk] | None = None
    heard: Callable[[Report], None] = lambda _: None
    means: Callable[[], Means] = Means
