"""``cts bench``."""

from __future__ import annotations

import json

import click

__all__ = ["bench_command"]


@click.command("bench", short_help="Measure what this host can do.")
@click.option("--datagram-size", type=click.IntRange(53, 65_500), default=1400, show_default=True, help="Bytes.")
@click.option("--offload", type=click.Choice(["auto", "off"]), default="auto", show_default=True)
@click.option("--iperf/--no-iperf", default=True, help="Run iperf3 beside it, where it is installed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout; all else goes to stderr.")
def bench_command(datagram_size: int, offload: str, iperf: bool, as_json: bool) -> None:
    """Measure what this host can do over loopback, and how far its measurements can be trusted.

    Takes a minute and a half, about a minute more with iperf3. Nothing else should run on the host meanwhile.
    """
    from cts.bench.bench import run_bench
    from cts.bench.findings import findings_json, findings_text

    findings = run_bench(
        lambda line: click.echo(line, err=True), offload=offload, datagram_max_size=datagram_size, with_iperf=iperf
    )
    click.echo(json.dumps(findings_json(findings)) if as_json else findings_text(findings))
