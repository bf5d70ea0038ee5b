"""A migration that has landed stays as it is: databases hold what it was when it was applied."""

from __future__ import annotations

import hashlib
from typing import Final

import pytest

from fbsyncd.datafiles import schema_dir

#: The SHA-256 of every file that has landed. A new one gets its line when it lands; a line that is
#: here is never changed, since a program refuses a database that another text has made.
LANDED: Final = {
    "sqlite": {
        "0001_archive.sql": "b66b07166b552c76dcbe52051d7c5c47a1f56f52e3ecc4130872722f22ba604c",
        "0002_history.sql": "a66fb7ff662e136aa11fd2ce8121e61938a37693909cfdfbd24931890581bc2b",
        "0003_reconcile.sql": "9c36cc58f49bc9d49ec1676da0dc40839c8fd0bd71f6d1a4be0b3eec6d78fe6f",
        "0004_healing.sql": "41ce0088bb5b0890b1d24d530346a715831ade3d8acde5fc94e108c22d1c3144",
        "0005_adoption.sql": "51744da1df025ba10409f88e08e9b31771530a084b8bb55f6a022542e637b1a4",
        "0006_search.sql": "29c15b7e91f391268e87b5845c4d8bcd5e9a1480ea8a50b9f20f8c2db21a7ef4",
        "0007_watchkeeping.sql": "4d0b0b506a79486d656c6486ec9c500c599b19e7defbb1729f64777c67bb3a94",
        "0008_copying.sql": "24dbcb3577d0c6aa8b76ef0935be847658196d0703ac4202574446b89559d94b",
        "0009_nameless.sql": "1a5d5b91ef425f0fbcd247001a47a0a9d18f250578859aa53b9897d9bc6bd660",
        "0010_counting.sql": "0fd02ac79dfd22c033654505f7d0489161668ef8f775034e6d0f11ed622306c5",
        "0011_videos.sql": "a9b5bf5e3396d8ab222a0ce54b92c819117473ba2b54f09fb64ad01180dce763",
        "0012_taken_in.sql": "0326c489846ddb4e302d056c41a26fd9de2cffb9dce2a67cf76cb5289100b0d2",
        "0013_unmoved.sql": "c05fbdef33f2310eabcdc184b9f205dbfdd1ddd7f5260355840e6d7ef44f71da",
        "0014_relinked.sql": "da3dd621d868cc0abba955d82e1c92f223ac519cb2f666a69f45b8234f31e457",
    },
    "postgresql": {
        "0001_archive.sql": "f529881634d735ad946e432f2b7575ffb69aed87a30e63c319273d1334e42476",
        "0002_history.sql": "02ceb1daf8d44526f3b41bebaf35105331fffcfac9183788018ca19eb4c08046",
        "0003_reconcile.sql": "9c36cc58f49bc9d49ec1676da0dc40839c8fd0bd71f6d1a4be0b3eec6d78fe6f",
        "0004_healing.sql": "b3ca358583ea00c4127f04940dd5792024cbf78538c53401acfa5895d011a345",
        "0005_adoption.sql": "ae1fa890f4dcef30dc3333cc67adb9f62312f26ddb72ff393002b1eeda536e55",
        "0006_search.sql": "503adc5ea2d1eab7607ca959579a640cc8f0ce8bd137cc0b28de78106fe08d1e",
        "0007_watchkeeping.sql": "6786401fbe5446f6e2cea5bc84c68def397a6069c90ce67bda6612fede13ecb5",
        "0008_copying.sql": "bd713eee0dc61e1d1eb1f09e15829e0389b7562e8899288bdc69b13205fec63c",
        "0009_nameless.sql": "60a2e55a1a7c9a8dd67b8add9b47412cbbf32ac5647de4e2ab7f9a396ae3490f",
        "0010_counting.sql": "0fd02ac79dfd22c033654505f7d0489161668ef8f775034e6d0f11ed622306c5",
        "0011_videos.sql": "5944198e0c7da394a57e9406d2cf38999520b427ed9c3c323d9762c6e4cd4646",
        "0012_taken_in.sql": "f215e1beb2fb6810beb7e137e59a99bb4bfd58bf4c13df6eb8b513e1f3571236",
        "0013_unmoved.sql": "4978efaa56e6d01ef08245a96c3437c433fa466a25181847288f1a675f71bad7",
        "0014_relinked.sql": "21a3cd30777c0bf861725d805dc0ad8a77dd887a1c070a6e84044cd53b10a01d",
    },
}


@pytest.mark.parametrize("engine", LANDED)
def test_no_migration_that_has_landed_is_changed(engine: str) -> None:
    """Every file has the bytes and the name it landed with, and none is missing."""
    there = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in schema_dir(engine).glob("[0-9]*.sql")
    }
    assert {name: there.get(name) for name in LANDED[engine]} == LANDED[engine]


def test_both_engines_have_the_same_migrations() -> None:
    """What has landed for one has landed for the other, and each number once."""
    sqlite, postgresql = (list(LANDED[engine]) for engine in ("sqlite", "postgresql"))
    assert sqlite == postgresql
    assert len({name[:4] for name in sqlite}) == len(sqlite)
