"""Metrics over HTTP: scraped as Prometheus does, read by its own parser, and in nobody's way."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.core import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from cts.engine.admission import REASONS
from cts.errors import UserError
from cts.output.metric_families import RunCollector
from cts.output.metrics_server import MetricsServer, listen
from cts.records.snapshots import RunSnapshot, StreamSnapshot
from tests.output.test_intervals import SECOND_ONE

ABOUT = {"version": "1.2.3", "role": "client", "direction": "pull"}
DASHBOARD = Path(__file__).parents[2] / "docs" / "grafana" / "cts.json"
PATIENCE_S = 60.0


def serving(host: str = "127.0.0.1") -> MetricsServer:
    server = MetricsServer(listen(host, 0), ABOUT)
    server.serve()
    return server


@pytest.fixture
def server() -> Iterator[MetricsServer]:
    server = serving()
    yield server
    server.closing()


def exposed(snapshot: RunSnapshot) -> str:
    registry = CollectorRegistry(auto_describe=False)
    collector = RunCollector(ABOUT)
    registry.register(collector)
    collector.snapshot = snapshot
    return generate_latest(registry).decode()


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families(text).values()
        for sample in family.samples
    }


def scrape(url: str, accept: str = "text/plain") -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": accept}), timeout=PATIENCE_S) as answer:
        text: bytes = answer.read()
    return text.decode()


# -- what is told ------------------------------------------------------------------------------------------------------


def test_a_scrape_is_the_last_status(server: MetricsServer) -> None:
    server.status(SECOND_ONE)
    text = scrape(server.url)
    assert text == exposed(SECOND_ONE)
    told = values(text)
    assert told["cts_frames_total", ("completed",)] == 15
    assert told["cts_peer_frames", ("completed",)] == 8
    assert told["cts_datagrams_total", ("late",)] == 4
    assert told["cts_received_bytes_total", ()] == 5000
    assert told["cts_streams_ended", ("successful",)] == 1
    assert told["cts_refused_datagrams_total", ("y",)] == 4
    assert told["cts_unsent_seconds_total", ()] == 2.001
    assert told["cts_run_elapsed_seconds", ()] == 3
    assert told["cts_run_info", ("pull", "client", "1.2.3")] == 1
    assert told["cts_frame_delay_variation_seconds_bucket", ("0.005",)] == 3
    assert told["cts_frame_delay_variation_seconds_bucket", ("0.002",)] == 2
    assert told["cts_frame_delay_variation_seconds_count", ()] == 3
    assert told["cts_frame_jitter_seconds_sum", ()] == 0.007


def test_there_is_something_to_scrape_before_the_first_status(server: MetricsServer) -> None:
    assert values(scrape(server.url))["cts_frames_total", ("completed",)] == 0


def test_it_is_told_in_the_form_of_openmetrics_where_that_is_asked_for(server: MetricsServer) -> None:
    server.status(SECOND_ONE)
    text = scrape(server.url, "application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    parsed = open_metrics(text)  # type: ignore[no-untyped-call]
    assert {family.name for family in parsed} == families(exposed(SECOND_ONE)).keys()


def test_names_have_base_units_and_every_metric_a_help() -> None:
    for name, family in families(exposed(SECOND_ONE)).items():
        assert re.fullmatch("cts(_[a-z]+)+", name), name
        assert not re.search("milli|micro|kilo|bits|percent", name), name
        assert len(family.documentation) > 10, name
        counts = [sample.name for sample in family.samples if family.type == "counter"]
        assert all(each.endswith("_total") for each in counts), name


def test_no_label_has_values_that_peers_can_choose() -> None:
    refused = dict.fromkeys(REASONS, 1)
    samples = [sample for family in families(exposed(RunSnapshot(0, 0, StreamSnapshot(), refused=refused))).values()
               for sample in family.samples]  # fmt: skip
    assert {label for sample in samples for label in sample.labels} == {
        "version", "role", "direction", "outcome", "verdict", "fate", "reason", "le",
    }  # fmt: skip
    assert len(samples) < 100


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not here (Debian: prometheus)")
def test_promtool_has_nothing_against_it() -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=exposed(SECOND_ONE),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_every_expression_of_the_dashboard_names_metrics_that_there_are() -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    expressions += [each["query"] for each in dashboard["templating"]["list"] if each["type"] == "query"]
    known = {name for name, _ in values(exposed(SECOND_ONE))}
    assert len(expressions) >= len(dashboard["panels"]) > 5
    for expression in expressions:
        named = set(re.findall(r"\bcts_\w+", expression))
        assert named, expression
        assert named <= known, expression


def test_the_dashboard_shows_what_became_of_frames_at_an_end_that_sends_too() -> None:
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    of_frames = {
        panel["title"]
        for panel in panels
        for target in panel.get("targets", ())
        if re.search(r"\bcts_(frames_total|missing_bytes_total)", target["expr"])
    }
    told = {panel["title"] for panel in panels if "cts_peer_frames" in json.dumps(panel)}
    assert of_frames == told == {"Frames played", "Frames by verdict", "Missing when due"}


# -- who connects ------------------------------------------------------------------------------------------------------


def test_a_port_that_is_in_use_is_told(server: MetricsServer) -> None:
    port = int(server.url.split(":")[2].split("/")[0])
    with pytest.raises(UserError) as raised:
        listen("127.0.0.1", port)
    said = f"output.prometheus: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert str(raised.value) == said


def connected(server: MetricsServer) -> socket.socket:
    port = int(server.url.split(":")[2].split("/")[0])
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def test_who_connects_and_says_nothing_is_cut_off_when_the_run_is_over() -> None:
    server = serving()
    with connected(server) as silent:
        scrape(server.url)
        server.closing()
        assert silent.recv(1) == b""
    assert not [each.name for each in threading.enumerate() if each.name in ("cts metrics", "cts scrape")]


def test_of_too_many_who_say_nothing_the_last_is_cut_off() -> None:
    server = serving()
    several = [connected(server) for _ in range(9)]
    assert several[-1].recv(1) == b""
    server.closing()
    for each in several:
        each.close()


@pytest.mark.parametrize(
    "asked", [b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000, b"\r\n"]
)
def test_what_is_no_request_is_answered_with_no_more_than_an_error(
    server: MetricsServer, asked: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with connected(server) as peer:
        peer.sendall(asked)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65_536):
            pass
    assert values(scrape(server.url))["cts_streams_open", ()] == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["*", "::1"])
def test_it_listens_on_every_address_or_on_one_of_ipv6(host: str) -> None:
    server = serving(host)
    try:
        port = server.url.rpartition(":")[2]
        assert "cts_streams_open" in scrape(f"http://{'127.0.0.1' if host == '*' else '[::1]'}:{port}")
    finally:
        server.closing()
