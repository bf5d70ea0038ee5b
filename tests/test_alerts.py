"""Alerts: who is told what, once, and once more when it is over."""

from __future__ import annotations

import json
import logging
import socket
import stat
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from plant import archive_of, config_text, read, sync
from scripted import Script, reply, scripted
from test_daemon import PROMPT, running

from fbsyncd import config
from fbsyncd.alerts import Alerts, hooks_of
from fbsyncd.alerts.decide import LASTING, Alert, Patience, decide
from fbsyncd.alerts.hooks import Command, Hook, HookFailed, Webhook
from fbsyncd.archive import Archive
from fbsyncd.errors import ConfigError
from fbsyncd.simulator import Simulator

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OK = reply({})
DISK = ("disk", "")


# Deciding


def test_a_fault_is_told_once_and_its_end_once() -> None:
    """From none to on, told, still on, over, told, gone."""
    first = decide([], {DISK: "full"}, {DISK: "full"}, NOW)
    (alert,) = first.tell
    assert (alert, first.on, first.forget) == (Alert("disk", "", "full", NOW), (alert,), ())
    told = replace(alert, told_at=NOW)
    assert decide([told], {DISK: "full"}, {DISK: "full"}, NOW).tell == ()
    (over,) = decide([told], {}, {}, NOW + timedelta(hours=1)).tell
    assert over.over_at == NOW + timedelta(hours=1)
    (again,) = decide([over], {}, {}, NOW + timedelta(hours=2)).tell
    assert again == over


def test_what_nobody_heard_of_ends_in_silence() -> None:
    """An alert that could not be told is not told of when it is over."""
    untold = Alert("disk", "", "full", NOW)
    verdict = decide([untold], {}, {}, NOW)
    assert (verdict.tell, verdict.forget) == ((), (DISK,))


def test_what_comes_back_before_its_end_was_told_was_never_over() -> None:
    """Nobody is told anything."""
    ended = Alert("disk", "", "full", NOW, told_at=NOW, over_at=NOW)
    verdict = decide([ended], {DISK: "fuller"}, {}, NOW)
    assert verdict.tell == ()
    assert verdict.on == (replace(ended, over_at=None, message="fuller"),)


def test_what_comes_and_goes_is_told_only_when_it_lasts() -> None:
    """A queue that is slow for a minute is no alarm; a full disk is one at once."""
    patience = Patience()
    lost = ("lost", "")
    both = {lost: "5 pictures", DISK: "full"}
    assert patience.lasting(both, NOW) == {DISK: "full"}
    assert patience.lasting({DISK: "full"}, NOW + timedelta(minutes=20)) == {DISK: "full"}
    assert lost not in patience.lasting(both, NOW + timedelta(minutes=21))
    assert lost in patience.lasting(both, NOW + timedelta(minutes=21) + LASTING["lost"])


# Telling


class Listener:
    """A hook that notes what it is told, or fails when it is *away*."""

    def __init__(self, name: str = "listener") -> None:
        self.name = name
        self.away = False
        self.told: list[tuple[str, str, str | None]] = []

    def deliver(self, told: Any) -> None:
        if self.away:
            raise HookFailed("away")
        self.told.append((told["alert"], told["state"], told["subject"]))


@pytest.fixture
def facebook() -> Iterator[Simulator]:
    with Simulator(posts=6, pages=2, seed=3, pictures="plain", app_secret="s3cre7") as simulator:
        yield simulator


@pytest.fixture
def archive(facebook: Simulator, tmp_path: Path, database_url: str) -> Iterator[Archive]:
    keys = 'app_secret = "s3cre7"\n'
    with archive_of(facebook, tmp_path, database_url, facebook_keys=keys) as opened:
        yield opened


def heard(archive: Archive, hook: Hook) -> Alerts:
    """Return alerts as a fresh process has them."""
    return Alerts(archive, [hook])


def test_a_folder_that_became_a_link_is_told_of(archive: Archive, tmp_path: Path) -> None:
    """Nothing behind it is served, so somebody has to hear; the folder itself ends that."""
    listener, folder = Listener(), archive.config.media.root / "attachments"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    heard(archive, listener).turn()
    assert listener.told == [("unavailable", "on", None)]
    folder.unlink()
    (tmp_path / "elsewhere").rename(folder)
    heard(archive, listener).turn()
    assert listener.told == [("unavailable", "on", None), ("unavailable", "over", None)]


def test_a_dead_token_and_an_unplugged_disk(facebook: Simulator, archive: Archive) -> None:
    """Each told once, across restarts, and each over once."""
    first, listener = facebook.page_id, Listener()
    read(archive)
    archive.download()
    heard(archive, listener).turn()
    assert listener.told == []
    facebook.faults.token_dead(page=first)
    read(archive)
    root = archive.config.media.root
    root.rename(root.with_name("elsewhere"))
    for _ in range(2):
        heard(archive, listener).turn()
    assert sorted(listener.told) == [("token", "on", first), ("unavailable", "on", None)]
    listener.told.clear()
    root.with_name("elsewhere").rename(root)
    facebook.faults.clear("token_dead")
    facebook.clock.move(timedelta(hours=1))
    read(archive)
    for _ in range(2):
        heard(archive, listener).turn()
    assert sorted(listener.told) == [("token", "over", first), ("unavailable", "over", None)]


def test_a_page_that_is_not_read_any_more(facebook: Simulator, archive: Archive) -> None:
    """Told after so many intervals, for that Page; over when it is read."""
    second, listener = facebook.pages[1].id, Listener()
    alerts = heard(archive, listener)
    for nth in (0, 1):
        read(archive, nth)
    archive.download()
    settings = archive.config
    facebook.clock.move(settings.sync.interval * (settings.alerts.not_synced_intervals + 1))
    read(archive)
    alerts.turn()
    assert listener.told == []
    facebook.clock.move(LASTING["not_synced"])
    alerts.turn()
    assert listener.told == [("not_synced", "on", second)]
    read(archive, 1)
    alerts.turn()
    assert listener.told == [("not_synced", "on", second), ("not_synced", "over", second)]


def test_pictures_about_to_be_lost(facebook: Simulator, archive: Archive) -> None:
    """Told when the queue stands still long enough, over when it is empty."""
    listener = Listener()
    alerts = heard(archive, listener)
    read(archive)
    alerts.turn()
    facebook.clock.move(LASTING["lost"])
    alerts.turn()
    assert listener.told == [("lost", "on", None)]
    sync(archive)
    archive.stop.clear()
    alerts.turn()
    assert listener.told == [("lost", "on", None), ("lost", "over", None)]


def test_a_disk_at_its_floor(facebook: Simulator, tmp_path: Path) -> None:
    """Told before it is full, with the folder it is about."""
    with archive_of(facebook, tmp_path, media='free_space_floor = "900TB"') as archive:
        with scripted([OK]) as script:
            Alerts(archive, [Webhook(script.url, "test", Event())]).turn()
            Alerts(archive, [Webhook(script.url, "test", Event())]).turn()
        (body,) = map(json.loads, script.bodies)
        assert (body["alert"], body["state"], body["subject"]) == ("disk", "on", None)
        assert str(archive.config.media.root) in body["message"]


def test_a_hook_that_is_away_hears_later(
    facebook: Simulator, archive: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again after a rest; the other hook has heard meanwhile, once."""
    caplog.set_level(logging.INFO)
    near, far = Listener("near"), Listener("far")
    far.away = True
    read(archive)
    facebook.faults.token_dead()
    read(archive)
    alerts = Alerts(archive, [near, far])
    for _ in range(3):
        alerts.turn()
    assert len([r for r in caplog.records if "away; tried again in" in r.getMessage()]) == 1
    far.away = False
    facebook.clock.move(timedelta(minutes=2))
    alerts.turn()
    assert near.told == far.told == [("token", "on", facebook.page_id)]


def test_no_secret_is_told(facebook: Simulator, archive: Archive) -> None:
    """Whatever Facebook repeats in its refusals."""
    read(archive)
    facebook.faults.refuse(190, message=f"Malformed access token {facebook.token}")
    facebook.clock.move(timedelta(minutes=1))
    read(archive)
    with scripted([OK]) as script:
        Alerts(archive, [Webhook(script.url, "test", Event())]).turn()
    (body,) = script.bodies
    assert json.loads(body)["alert"] == "token"
    assert facebook.token.encode() not in body
    assert b"s3cre7" not in body


# Hooks


def test_a_webhook_gets_json() -> None:
    """One POST; what it answers matters only by its status."""
    with scripted([reply(b"<html>", 204), reply({}, 500), reply({}, 302, Location="/x")]) as script:
        hook = Webhook(script.url, "fbsyncd/test", Event())
        hook.deliver({"alert": "disk", "text": "voll"})
        for status in ("500", "302"):
            with pytest.raises(HookFailed, match=status):
                hook.deliver({})
    assert script.requests == ["POST /"] * 3
    assert json.loads(script.bodies[0]) == {"alert": "disk", "text": "voll"}
    assert script.headers[0]["content-type"] == "application/json"


def test_a_webhook_that_hangs_is_left() -> None:
    """Nobody answers, or nobody is there; no address is told."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}/T0-s3cre7"
        hook = Webhook(address, "test", Event(), patience=0.4)
        began = time.monotonic()
        with pytest.raises(HookFailed) as failure:
            hook.deliver({})
        assert time.monotonic() - began < 5
        assert "s3cre7" not in str(failure.value)
    with pytest.raises(HookFailed, match="did not answer"):
        Webhook(address, "test", Event()).deliver({})


def test_a_webhook_that_drips_is_left() -> None:
    """An answer without an end holds nobody, and is not asked for twice at once."""
    over = Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            while not over.wait(0.05):
                connection.sendall(b"H")

    with socket.create_server(("127.0.0.1", 0)) as server:
        dripping = threading.Thread(target=drip, args=(server,))
        dripping.start()
        hook = Webhook(f"http://127.0.0.1:{server.getsockname()[1]}/", "test", Event(), 0.5)
        try:
            with pytest.raises(HookFailed, match=r"within 0\.5 seconds"):
                hook.deliver({})
            with pytest.raises(HookFailed, match="still owes"):
                hook.deliver({})
        finally:
            over.set()
            dripping.join()


def script(folder: Path, text: str) -> str:
    path = folder / "notify"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_command_gets_json(tmp_path: Path) -> None:
    """On its standard input, with its own arguments and without a shell."""
    program = script(tmp_path, f'cat >"{tmp_path}/heard"; echo "$1" >>"{tmp_path}/heard"')
    Command([program, "$HOME; ls"], Event()).deliver({"alert": "disk"})
    assert (tmp_path / "heard").read_text() == '{"alert": "disk"}$HOME; ls\n'


@pytest.mark.parametrize(
    ("text", "says"), [("exit 3", "status 3"), ("exec sleep 60", "longer than 0.5 seconds")]
)
def test_a_command_that_fails_or_hangs(tmp_path: Path, text: str, says: str) -> None:
    """It is told of, and one that hangs is killed."""
    began = time.monotonic()
    with pytest.raises(HookFailed, match=says):
        Command([script(tmp_path, text)], Event(), 0.5).deliver({})
    assert time.monotonic() - began < 10
    with pytest.raises(HookFailed, match="No such file"):
        Command([str(tmp_path / "nothing")], Event()).deliver({})


def test_a_command_that_reads_nothing(tmp_path: Path) -> None:
    """A pipe that breaks is no failure of the alert."""
    Command([script(tmp_path, "exec 0<&-; exit 0")], Event()).deliver({"x": "y" * 200_000})


def test_a_stop_ends_a_command(tmp_path: Path) -> None:
    """The daemon does not wait for it."""
    stop = Event()
    threading.Timer(0.3, stop.set).start()
    began = time.monotonic()
    with pytest.raises(HookFailed):
        Command([script(tmp_path, "exec sleep 60")], stop, 30).deliver({})
    assert time.monotonic() - began < 10


# As configured


def test_nobody_is_told_by_default(facebook: Simulator, archive: Archive) -> None:
    """Without a hook there is nothing to do."""
    assert hooks_of(archive) == []
    assert not Alerts(archive).is_heard


@pytest.mark.parametrize(
    "text",
    [
        'webhook = "hooks.example.org"',
        'webhook = "ftp://hooks.example.org/s3cre7"',
        'command = ["notify"]',
        'command = "/bin/notify"',
        'command = ["/bin/notify", ""]',
        "not_synced_intervals = 1",
    ],
)
def test_what_is_no_hook_is_refused(text: str, tmp_path: Path) -> None:
    """At the start, with its key, and without showing an address."""
    with pytest.raises(ConfigError) as refusal:
        config.parse(f"[alerts]\n{text}", base=tmp_path, environ={})
    assert f"alerts.{text.partition(' ')[0]}: " in str(refusal.value)
    assert "s3cre7" not in str(refusal.value)


def test_the_address_is_kept_as_a_secret(tmp_path: Path) -> None:
    """Many addresses hold a token in their path."""
    settings = config.parse(
        '[alerts]\nwebhook = "https://hooks.example.org/s3cre7?a=b"', base=tmp_path, environ={}
    )
    assert "s3cre7" not in config.dump(settings) + repr(settings)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_daemon_tells_and_goes_on(facebook: Simulator, tmp_path: Path, database_url: str) -> None:
    """A dead token reaches webhook and command; the daemon stops in time though a hook hangs."""
    program = script(tmp_path, f'cat >>"{tmp_path}/heard"; exec sleep 60')
    with scripted([OK]) as receiver:
        text = config_text(facebook, database_url, facebook_keys='app_secret = "s3cre7"\n')
        text += f'[alerts]\nwebhook = "{receiver.url}/hook"\ncommand = ["{program}"]\n'
        (tmp_path / "config.toml").write_text(text)
        facebook.faults.token_dead(page=facebook.page_id)
        with running(tmp_path) as daemon:
            daemon.until(lambda stats: bool(receiver.bodies) and (tmp_path / "heard").exists())
            assert daemon.stop() < PROMPT
            assert daemon.process.returncode == 0
        assert_told(receiver, facebook)
    assert json.loads((tmp_path / "heard").read_text())["subject"] == facebook.page_id
    assert receiver.url not in "".join(daemon.log)


def assert_told(receiver: Script, facebook: Simulator) -> None:
    assert receiver.requests == ["POST /hook"]
    (told,) = map(json.loads, receiver.bodies)
    assert (told["alert"], told["state"], told["subject"]) == ("token", "on", facebook.page_id)
    assert told["text"].startswith(f"fbsyncd on {socket.gethostname()}: the access token")
    assert told["since"].endswith("Z")
    assert facebook.token not in json.dumps(told)
