"""``python -m fbsyncd.simulator``: the simulated Facebook as a process of its own."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading

from fbsyncd.simulator.clock import moment
from fbsyncd.simulator.facebook import Simulator


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; print one line with the address once it answers."""
    chosen = _parser().parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if chosen.until_eof:
        threading.Thread(target=_wait_for_end, args=(stop,), name="parent", daemon=True).start()
    simulator = Simulator(
        port=chosen.port,
        posts=chosen.posts,
        pages=chosen.pages,
        seed=chosen.seed,
        pictures=chosen.pictures,
        app_secret=chosen.app_secret,
        newest=chosen.newest,
        replay=chosen.replay,
        step=chosen.step,
        alive=chosen.alive,
        cdn=chosen.cdn,
    )
    with simulator:
        sys.stdout.write(f"listening on {simulator.url}\n")
        sys.stdout.flush()
        stop.wait()
    return 0


def _wait_for_end(stop: threading.Event) -> None:
    """Set *stop* once nobody holds the other end of our standard input, however it went."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    stop.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fbsyncd.simulator", description=__doc__)
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1 (0: any free one)")
    add("--posts", type=int, default=40, help="posts of each page")
    add("--pages", type=int, default=1, help="number of pages")
    add("--seed", type=int, default=1, help="other seeds, other posts")
    add("--pictures", choices=("scenes", "plain"), default="scenes", help="plain is for load")
    add("--app-secret", default="", help="demand appsecret_proof made with this secret")
    add("--newest", type=moment, help="time of the newest post (ISO)")
    add("--alive", type=float, default=0, metavar="SECONDS", help="a new post every so often")
    add("--cdn", default="", metavar="URL", help="where links lead instead of to here")
    add("--replay", nargs="+", default=(), metavar="FILE", help="serve recorded answers instead")
    add("--until-eof", action="store_true", help="end when standard input ends")
    add("--step", action="store_true", help="show one recorded file after the other")
    return parser


if __name__ == "__main__":
    sys.exit(main())
