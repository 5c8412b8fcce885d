"""A name with several addresses is the one that answers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.hosts.namespaces import Host, needs_namespaces, two_hosts


@contextmanager
def names(host: Host, hosts: str) -> Iterator[None]:
    """Give a host an ``/etc/hosts`` of its own (ip-netns(8))."""
    folder = Path("/etc/netns") / host.name
    folder.mkdir(parents=True)
    try:
        (folder / "hosts").write_text(hosts)
        yield
    finally:
        shutil.rmtree(folder)


@needs_namespaces
@pytest.mark.parametrize(
    ("direction", "listens", "processes"),
    [
        ("pull", "127.0.0.1:4444", 1),
        ("push", "[::1]:4444", 1),
        ("push", "127.0.0.1:4444", 2),
        ("pull", "[::1]:4444", 2),
    ],
)
def test_localhost_is_where_its_server_listens(direction: str, listens: str, processes: int) -> None:
    stream = (f"stream.direction={direction}", "stream.stream_length=1s", f"run.processes={processes}")
    with two_hosts() as (host, _), names(host, "::1 localhost\n127.0.0.1 localhost\n"):
        host.cts("server.toml", (*stream, f"server.listen={listens}"), console="lines").wait_until_it_serves()
        sets = ("client.target=localhost:4444", "client.connections=2", "client.iterations=2")
        client = host.cts("client.toml", (*stream, *sets)).left()
    report = client.report
    assert (client.status, report["connections"]["successful"]) == (0, 4)
    assert report["answered"] == [listens]
    assert {each["remote"] for each in report["streams"]} == {listens}
    # The refusal comes at once.
    assert report["elapsed_seconds"] < 2 * (1.0 + 1.0) + 0.9
