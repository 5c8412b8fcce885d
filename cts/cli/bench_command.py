"""``cts bench``."""

from __future__ import annotations

import sys

import click

from cts.cli.printing import as_json_option, print_report, say
from cts.signals import exit_status_of

__all__ = ["bench"]


@click.command(short_help="Measure what this host can do.")
@click.option("--datagram-size", type=click.IntRange(53, 65_500), default=1400, show_default=True, help="Bytes.")
@click.option("--offload", type=click.Choice(["auto", "off"]), default="auto", show_default=True)
@click.option("--iperf/--no-iperf", default=True, help="Run iperf3 beside it, where it is installed.")
@as_json_option
def bench(datagram_size: int, offload: str, iperf: bool, as_json: bool) -> None:
    """Measure what this host can do over loopback, and how far its measurements can be trusted.

    Takes a minute and a half, about a minute more with iperf3. Nothing else should run on the host meanwhile.

    \b
    Example:
      cts bench --json
      cts bench --offload off --no-iperf
    """
    from cts.bench.bench import run_bench
    from cts.bench.findings import findings_json, findings_text

    findings, stopped_by = run_bench(say, offload=offload, datagram_max_size=datagram_size, with_iperf=iperf)
    print_report(findings, findings_json, findings_text, as_json=as_json)
    if stopped_by is not None:
        sys.exit(exit_status_of(stopped_by))
