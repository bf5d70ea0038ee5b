"""A small Facebook for the demo and the tests: Graph API and CDN on one loopback port.

Nothing in here is used by the daemon's own work, and nothing in here ever calls out.
"""

from __future__ import annotations

from fbsyncd.simulator.facebook import Simulator

__all__ = ["Simulator"]
