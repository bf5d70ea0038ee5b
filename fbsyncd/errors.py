"""What can go wrong, and what the daemon does about each.

::

    FbsyncdError
    ├── ConfigError           the configuration is wrong: every problem listed, exit 78
    ├── UsageError            the command cannot be carried out as asked: exit 1, one line
    ├── ArchiveError          the archive on this machine
    │   ├── AlreadyRunning    another daemon holds the lock: refuse, name its pid
    │   ├── SchemaError       the database is not the one this program knows: refuse
    │   ├── DatabaseTrouble   gone, full, broken: this turn ends, the next one tries again
    │   │   ├── DatabaseBusy  locked, or too many ask at once: waiting is all it needs
    │   │   └── RowRefused    a row breaks a rule of the tables' owner: others are written
    │   └── MediaTrouble      a folder or disk cannot be written: this turn ends, try again
    │       └── Unavailable   the disk is not there, or too much of it: nothing is changed
    ├── GraphError            an answer of the Graph API
    │   ├── GraphUnavailable  transport, 5xx, is_transient: back off, try again
    │   │   ├── Interrupted   the program is stopping: nothing is wrong, nothing is recorded
    │   │   └── Unreached     no way to Facebook, or a portal in between: offline is a state
    │   ├── TooMuchData       "reduce the amount of data": halve the limit, try again
    │   ├── Throttled         stop calling for this Page until the time it carries
    │   ├── TokenRefused      stop this Page until its token changes; the archive goes on
    │   └── CallRefused       this call will never work: the stream is marked, others go on
    │       └── ObjectMissing the object is not there (100/33): a candidate for "gone"
    └── FetchError            one picture of the CDN
        ├── LinkDead          403, 404, 410 or expired: ask the Graph API for a fresh link
        ├── FetchFailed       time-out, 5xx, cut or foreign body: back off, try the same link
        │   ├── Unreachable   no name, no connection: says nothing about the link, never counted
        │   ├── Intercepted   a portal or proxy answered: counted only if others come through
        │   └── Offline       no host is reachable: this turn ends, nothing is recorded
        └── PictureRefused    too big, not allowed, not a picture we keep: give up, say why

``retryable`` says whether the same thing may work later without anyone's help.
No message ever holds an access token: whoever builds one passes it through :func:`scrub`.
"""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

# Facebook repeats the token inside paging links and error texts, and requests puts the whole
# URL into its exceptions, so the names are looked for wherever text is about to leave us.
_SECRET = re.compile(
    r"((?:access_token|input_token|appsecret_proof|client_secret|fb_exchange_token)"
    r"(?:=|%3[dD]|\"?\s*:\s*\"?))[^&\s\"'<>\\]+",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(Bearer\s+)[^\s\"',]+", re.IGNORECASE)
_TOKEN = re.compile(r"EAA[A-Za-z0-9]{20,}")
# Facebook repeats what it cannot read: "Malformed access token XYZ".
_REPEATED = re.compile(r"(access token )(?=\S*\d)[\w|.-]{12,}", re.IGNORECASE)
_DATABASE_PASSWORD = re.compile(r"(\b[a-z0-9+]+://[^:/@\s]+:)[^@\s]+@")


# Secrets this process holds; one that does not look like any is known all the same.
_HELD: set[str] = set()
_SHORTEST: Final = 8  # what is shorter would take words out of messages
#: What helps where the disk says this.
_REMEDIES: Final = {
    errno.ENOSPC: "free some space on its disk",
    errno.EDQUOT: "free some space or raise the quota",
    errno.EROFS: "its disk is mounted read-only; check it, then mount it writable",
    errno.EMFILE: "raise the limit of open files (ulimit -n, LimitNOFILE)",
    errno.ENFILE: "raise fs.file-max",
    errno.EACCES: "give the user that runs fbsyncd the right to it",
    errno.EPERM: "give the user that runs fbsyncd the right to it",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f, LimitFSIZE)",
    errno.EIO: "check the disk",
}


def conceal(*secrets: str) -> None:
    """Let :func:`scrub` know these from now on; called where a secret comes into the process."""
    _HELD.update(secret for secret in secrets if len(secret) >= _SHORTEST)


def scrub(text: str) -> str:
    """Return *text* with every known secret, and all that looks like one, replaced by ``***``."""
    for secret in tuple(_HELD):
        text = text.replace(secret, "***")
    text = _SECRET.sub(r"\1***", text)
    text = _BEARER.sub(r"\1***", text)
    text = _REPEATED.sub(r"\1***", text)
    text = _DATABASE_PASSWORD.sub(r"\1***@", text)
    return _TOKEN.sub("***", text)


def sentences(*parts: str) -> str:
    """Join what is not empty of *parts*, each ended with a full stop where it has no end."""
    ended = (part if part.endswith((".", "!", "?")) else f"{part}." for part in filter(None, parts))
    return " ".join(ended)


class FbsyncdError(Exception):
    """Any failure this program foresees."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str) -> None:
        super().__init__(scrub(message))

    def hide(self, secrets: Iterable[str]) -> None:
        """Take *secrets* out of the message, whatever they look like."""
        message = str(self)
        for secret in filter(None, secrets):
            message = message.replace(secret, "***")
        self.args = (message,)


class ConfigError(FbsyncdError):
    """The configuration is wrong.

    *problems* holds one line for each mistake, so that all can be mended at once.
    """

    def __init__(self, source: str, problems: list[str]) -> None:
        self.problems = [scrub(problem) for problem in problems]
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


class UsageError(FbsyncdError):
    """A command cannot be carried out as it was asked; the message says what to do."""


class ArchiveError(FbsyncdError):
    """The archive on this machine cannot be used."""


class AlreadyRunning(ArchiveError):
    """Another daemon works on the same archive."""


class SchemaError(ArchiveError):
    """The database's schema is not the one this program was made for."""


class DatabaseTrouble(ArchiveError):
    """The database did not answer as it should; nothing of this turn was written."""

    retryable = True


class DatabaseAway(DatabaseTrouble):
    """The server of the database cannot be reached, or has ended the connection."""


class DatabaseBusy(DatabaseTrouble):
    """The database is there and sound, but others kept it busy for too long."""


class RowRefused(DatabaseTrouble):
    """A row breaks a check, a trigger or a key that somebody gave a table; *why* is in its words.

    Who writes many rows leaves that one out, see :mod:`fbsyncd.borne`.
    """

    retryable = False

    def __init__(self, why: str, table: str = "") -> None:
        who = f"the database refuses a row of {table}" if table else "the database said"
        super().__init__(f"{who}: {why}")
        self.why = scrub(why)
        self.table = table


class MediaTrouble(ArchiveError):
    """The media folder cannot be read or written."""

    retryable = True

    @classmethod
    def of(cls, error: OSError, what: str) -> MediaTrouble:
        """Return what *error* comes to: *what* was tried, why it failed, and what helps."""
        because = f"{what}: {error.strerror or error}"
        remedy = _REMEDIES.get(error.errno or 0)
        trouble = cls(f"{because}; {remedy}" if remedy else because)
        trouble.__cause__ = error
        return trouble


class Unavailable(MediaTrouble):
    """The media folder is not the archive's, or lacks too much to be believed."""


class GraphError(FbsyncdError):
    """An answer of the Graph API that holds no data.

    *code*, *subcode* and *trace* are Facebook's own, where it gave them.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int | None = None,
        subcode: int | None = None,
        trace: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.subcode = subcode
        self.trace = trace


class GraphUnavailable(GraphError):
    """A fault that passes: transport, 5xx, ``is_transient``."""

    retryable = True


class Interrupted(GraphUnavailable):
    """The program is stopping; the call was not made or its answer not waited for."""


class Unreached(GraphUnavailable):
    """Facebook was not reached: no name, no connection, or somebody in between answered."""


class TooMuchData(GraphError):
    """The answer would be too large: ask for fewer objects at once."""

    retryable = True


class Throttled(GraphError):
    """The budget of calls is used up until *until* (UTC)."""

    retryable = True

    def __init__(self, message: str, *, until: datetime, code: int | None = None) -> None:
        super().__init__(message, code=code)
        self.until = until


class TokenRefused(GraphError):
    """The access token is dead, of the wrong kind or missing; *remedy* says what to do."""

    def __init__(
        self, message: str, *, remedy: str, code: int | None = None, subcode: int | None = None
    ) -> None:
        super().__init__(message, code=code, subcode=subcode)
        self.remedy = remedy


class CallRefused(GraphError):
    """The call is wrong or not allowed and will stay so."""


class ObjectMissing(CallRefused):
    """The object does not exist or is hidden from this token (code 100, subcode 33)."""


class FetchError(FbsyncdError):
    """A picture that could not be had from the CDN."""


class LinkDead(FetchError):
    """The signed link has expired or its signature is refused; only a fresh one helps."""


class FetchFailed(FetchError):
    """The transfer failed in a way that may pass."""

    retryable = True


class Unreachable(FetchFailed):
    """The host could not be reached; the link itself was not tried."""


class Intercepted(FetchFailed):
    """Somebody in between answered in the host's place: a portal, a proxy."""


class Offline(FetchFailed):
    """No host could be reached, again and again: this machine is cut off, not the pictures."""


class PictureRefused(FetchError):
    """What came, or would come, is nothing this archive keeps."""
