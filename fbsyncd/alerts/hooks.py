"""Where alerts go: a web address that is posted to, and a command that is run.

Both get the same JSON object and have ten seconds. What they answer is not read. An address may
hold a secret of its own, so it is never shown.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from threading import Event, Thread
from typing import Final, Protocol
from urllib.parse import urlsplit

import requests
import urllib3

from fbsyncd.errors import FbsyncdError, conceal

PATIENCE: Final = 10.0
_LOOK: Final = 0.1


class HookFailed(FbsyncdError):
    """An alert could not be delivered; it is tried again."""

    retryable = True


class Hook(Protocol):
    """Delivers alerts; *name* tells one kind from another."""

    name: str

    def deliver(self, told: Mapping[str, str | None]) -> None:
        """Deliver one alert or its end; raises HookFailed."""


class Webhook:
    """Posts JSON to *address*; redirects are not followed, 2xx is success."""

    name = "webhook"

    def __init__(
        self, address: str, user_agent: str, stop: Event, patience: float = PATIENCE
    ) -> None:
        self._address = address
        parts = urlsplit(address)
        # What libraries log of a request is its path, without the host.
        conceal(address, parts.path.strip("/"), parts.query)
        self._headers = {"User-Agent": user_agent}
        self._stop = stop
        self._patience = patience
        self._thread: Thread | None = None

    def deliver(self, told: Mapping[str, str | None]) -> None:
        """Post once; raises HookFailed."""
        if self._thread is not None and self._thread.is_alive():
            raise HookFailed("the webhook still owes its last answer")
        failures: list[HookFailed] = []

        def post() -> None:
            try:
                self._post(told)
            except HookFailed as failure:
                failures.append(failure)

        # Time-outs count from byte to byte: an answer that drips would hold this thread for ever.
        self._thread = Thread(target=post, name="webhook", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + self._patience
        while self._thread.is_alive() and not self._stop.is_set():
            self._thread.join(_LOOK)
            if time.monotonic() >= deadline:
                break
        if self._thread.is_alive():
            raise HookFailed(f"the webhook did not answer within {self._patience:g} seconds")
        for failure in failures:
            raise failure

    def _post(self, told: Mapping[str, str | None]) -> None:
        try:
            # The body stays unread: its status says enough.
            with requests.post(
                self._address,
                json=dict(told),
                headers=self._headers,
                timeout=(self._patience, self._patience),
                allow_redirects=False,
                stream=True,
            ) as answer:
                status = answer.status_code
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            # Not "from error": its text holds the address.
            raise HookFailed(f"the webhook did not answer ({type(error).__name__})") from None
        if not 200 <= status < 300:
            raise HookFailed(f"the webhook answered {status}")


class Command:
    """Runs a command, without a shell; the alert is its standard input. Exit 0 is success."""

    name = "command"

    def __init__(self, arguments: Sequence[str], stop: Event, patience: float = PATIENCE) -> None:
        self._arguments = list(arguments)
        self._stop = stop
        self._patience = patience

    def deliver(self, told: Mapping[str, str | None]) -> None:
        """Run it once; raises HookFailed. One that takes too long is killed."""
        program = self._arguments[0]
        try:
            process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise HookFailed(f"{program}: {error.strerror}") from error
        with process:
            status = self._wait(process, json.dumps(dict(told), ensure_ascii=False).encode())
        if status is None:
            raise HookFailed(f"{program} took longer than {self._patience:g} seconds")
        if status != 0:
            raise HookFailed(f"{program} ended with status {status}")

    def _wait(self, process: subprocess.Popen[bytes], given: bytes) -> int | None:
        deadline = time.monotonic() + self._patience
        text: bytes | None = given
        while time.monotonic() < deadline and not self._stop.is_set():
            try:
                process.communicate(text, timeout=_LOOK)
            except subprocess.TimeoutExpired:
                text = None  # it is on its way; only the first call may bring it
                continue
            return process.returncode
        process.kill()
        return None
