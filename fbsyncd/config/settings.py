"""The shape of config.toml: its sections, keys, defaults and limits, as frozen values.

Nothing here reads a file or the environment, but for :meth:`Page.token`, which reads the token
anew each time it is asked for. Relative paths are resolved against the folder handed over as
pydantic's validation context ``{"base": Path}``; :func:`fbsyncd.config.parse` does that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, SecretStr, ValidationInfo, field_validator

from fbsyncd.config import addresses, units
from fbsyncd.config.fields import (
    Duration,
    Flag,
    ResolvedPath,
    Section,
    Size,
    base_folder,
    checked,
    each,
    lowered,
    whole_number,
)
from fbsyncd.errors import ConfigError, conceal

_ONE_SOURCE = "expected exactly one of access_token, access_token_file and access_token_env"
_PLACEHOLDERS = {"...", "…", "***", "<token>"}
_PAGE_HINT = '[[facebook.pages]] with id = "1234567890" and access_token = "the Page\'s token"'


class Page(Section):
    """One Facebook Page and where its access token comes from."""

    id: str
    access_token: SecretStr | None = None
    access_token_file: ResolvedPath | None = None
    access_token_env: str | None = None

    @field_validator("id", mode="before")
    @classmethod
    def _digits(cls, value: object) -> str:
        text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
        if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,32}", text):
            raise ValueError("is not a Page's id (expected its number, digits only, not its name)")
        return text

    @field_validator("access_token")
    @classmethod
    def _real_token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and value.get_secret_value().strip() in {"", "..."}:
            raise ValueError("is only a placeholder (expected the Page's access token)")
        return value

    @field_validator("access_token_env")
    @classmethod
    def _one_source(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
            raise ValueError("is not the name of an environment variable")
        # A source that is wrong in itself is absent here, and has its own line already.
        known = {"access_token", "access_token_file"} <= info.data.keys()
        sources = (info.data.get("access_token"), info.data.get("access_token_file"), value)
        found = sum(source is not None for source in sources)
        if known and found != 1:
            raise ValueError(f"{_ONE_SOURCE}, found {found}")
        return value

    def token(self, environ: Mapping[str, str]) -> str:
        """Return the access token as it is now; a file is read each time, so it may change.

        Raises ConfigError with the remedy when there is none. Does not ask Facebook whether the
        token is good.
        """
        place, token = self._source(environ)
        token = token.strip()
        if not token or token in _PLACEHOLDERS:
            raise self._wrong(f"{place} holds no access token; put the Page's token there")
        if not re.fullmatch(r"[!-~]+", token):
            raise self._wrong(f"{place} holds more than a token; it must be one word of plain text")
        conceal(token)
        return token

    def _source(self, environ: Mapping[str, str]) -> tuple[str, str]:
        if self.access_token_env is not None:
            place = f"the environment variable {self.access_token_env}"
            return place, environ.get(self.access_token_env, "")
        if self.access_token_file is not None:
            return f"access_token_file {self.access_token_file}", self._read_file()
        return "access_token", self.access_token.get_secret_value() if self.access_token else ""

    def _read_file(self) -> str:
        path = self.access_token_file or Path()
        try:
            return path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise self._wrong(f"access_token_file {path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise self._wrong(f"access_token_file {path} is not a text file") from error

    def _wrong(self, problem: str) -> ConfigError:
        return ConfigError(f"Page {self.id}", [problem])


class Facebook(Section):
    """How the Graph API is reached, and which Pages are archived."""

    graph_url: Annotated[str, checked(addresses.graph_url)] = "https://graph.facebook.com"
    api_version: str = "v26.0"
    app_secret: SecretStr = SecretStr("")
    pages: tuple[Page, ...] = ()

    @field_validator("api_version")
    @classmethod
    def _version(cls, value: str) -> str:
        if not re.fullmatch(r"v[0-9]{1,3}\.[0-9]", value):
            raise ValueError("is not a version of the Graph API (expected one like v26.0)")
        return value

    @field_validator("pages")
    @classmethod
    def _each_page_once(cls, pages: tuple[Page, ...]) -> tuple[Page, ...]:
        ids = [page.id for page in pages]
        twice = sorted({page_id for page_id in ids if ids.count(page_id) > 1})
        if twice:
            raise ValueError(f"names a Page more than once: {', '.join(twice)}")
        return pages


class Database(Section):
    """Where the rows are kept. A relative SQLite file is resolved; the URL is kept out of repr."""

    url: str = Field(default="sqlite:///fbsyncd.db", repr=False)

    @field_validator("url")
    @classmethod
    def _resolved(cls, value: str, info: ValidationInfo) -> str:
        return addresses.database_url(value, base_folder(info))


class Media(Section):
    """Where pictures are kept, and what is accepted as one. Sizes are bytes."""

    root: ResolvedPath = Path("media/facebook")
    max_file_size: Size = 10_000_000
    max_pixels: Annotated[int, whole_number(1, 1_000_000_000)] = 50_000_000
    workers: Annotated[int, whole_number(1, 64)] = 8
    allowed_hosts: Annotated[tuple[str, ...], each(addresses.host_pattern)] = (
        "*.fbcdn.net",
        "*.fbsbx.com",
        "*.cdninstagram.com",
    )
    free_space_floor: Size = 1_000_000_000
    retry_base: Duration = timedelta(seconds=30)
    retry_max: Duration = timedelta(hours=6)
    max_attempts: Annotated[int, whole_number(1, 1000)] = 12

    @field_validator("max_file_size")
    @classmethod
    def _something(cls, value: int) -> int:
        if value == 0:
            raise ValueError("would refuse every picture (expected a size like 10MB)")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _some_host(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError('would refuse every picture (expected hosts like "*.fbcdn.net")')
        return value

    @field_validator("retry_max")
    @classmethod
    def _not_below_base(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        base = info.data.get("retry_base", value)
        if value < base:
            longest, first = units.format_duration(value), units.format_duration(base)
            raise ValueError(f"is shorter ({longest}) than the first wait, retry_base ({first})")
        return value


class Sync(Section):
    """How often Pages are read, and how far back. 0 days: everything."""

    interval: Duration = timedelta(minutes=15)
    backfill_days: Annotated[int, whole_number(0, units.LONGEST.days)] = 365
    full_interval: Duration = timedelta(days=7)


class Reconcile(Section):
    """How often files are compared with rows."""

    watch: Flag = True
    scan_interval: Duration = timedelta(hours=6)
    scrub_interval: Duration = timedelta(days=30)


class Server(Section):
    """Where the archive is served. Port 0: any free one."""

    host: str = "127.0.0.1"
    port: Annotated[int, whole_number(0, 65535)] = 8080
    public_url: Annotated[str, checked(addresses.public_url)] = ""
    auth_token: SecretStr = SecretStr("")
    cors_origins: Annotated[tuple[str, ...], each(addresses.origin)] = ()
    allowed_hosts: Annotated[tuple[str, ...], each(addresses.host_name)] = ()
    accel_prefix: Annotated[str, checked(addresses.internal_path)] = ""

    @field_validator("host")
    @classmethod
    def _bare_host(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9._:-]+", value):
            raise ValueError("is not an address to listen on (expected one like 127.0.0.1)")
        return value

    @field_validator("auth_token")
    @classmethod
    def _guarded(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        token, host = value.get_secret_value(), info.data.get("host", "127.0.0.1")
        if not token and not addresses.is_loopback(host):
            raise ValueError(f'is empty, but host "{host}" is reached by others: choose a token')
        if not re.fullmatch(r"[!-~]*", token):
            raise ValueError("must be plain text without blanks: it travels in an HTTP header")
        return value


class Alerts(Section):
    """Who is told of faults; nobody by default. The address may hold a secret."""

    webhook: SecretStr = SecretStr("")
    command: Annotated[tuple[str, ...], each(addresses.argument)] = ()
    not_synced_intervals: Annotated[int, whole_number(2, 10_000)] = 12

    @field_validator("webhook")
    @classmethod
    def _address(cls, value: SecretStr) -> SecretStr:
        addresses.webhook(value.get_secret_value())
        return value

    @field_validator("command")
    @classmethod
    def _program(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value and not Path(value[0]).is_absolute():
            raise ValueError('names no program (expected its full path, "/usr/local/bin/notify")')
        return value


class Log(Section):
    """What is logged, and in which form."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(lowered)] = (
        "info"
    )
    format: Annotated[Literal["text", "json"], BeforeValidator(lowered)] = "text"


class Config(Section):
    """The whole configuration in force. Frozen; made once, at start."""

    facebook: Facebook = Facebook()
    database: Database = Database()
    media: Media = Media()
    sync: Sync = Sync()
    reconcile: Reconcile = Reconcile()
    server: Server = Server()
    alerts: Alerts = Alerts()
    log: Log = Log()

    _base: Path = PrivateAttr(default_factory=Path)
    _source: str = PrivateAttr(default="config.toml")

    def model_post_init(self, context: Any, /) -> None:
        """Remember where the configuration came from."""
        self._base = (context or {}).get("base", Path()).absolute()
        self._source = (context or {}).get("source", "config.toml")
        held = (self.facebook.app_secret, self.server.auth_token, self.alerts.webhook)
        conceal(*(secret.get_secret_value() for secret in held))

    @property
    def base(self) -> Path:
        """The config file's folder, absolute: what relative paths were resolved against."""
        return self._base

    @property
    def source(self) -> str:
        """The config file's name, as messages give it."""
        return self._source

    def require_pages(self) -> tuple[Page, ...]:
        """Return the Pages; raises ConfigError, with what to write, when there is none."""
        if not self.facebook.pages:
            raise ConfigError(self._source, [f"facebook.pages: no Page is named; add {_PAGE_HINT}"])
        return self.facebook.pages
