"""``cts serve`` and ``cts test``: a run without a file. What they run is a configuration that ``cts run`` reads as well."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
from click.shell_completion import CompletionItem

from cts.cli.expecting import expecting
from cts.cli.options import overrides_option
from cts.cli.printing import print_result, print_text
from cts.cli.report_file import report_option
from cts.cli.run_command import carry_out
from cts.cli.telling import Telling, telling_options
from cts.errors import UserError

if TYPE_CHECKING:
    from cts.config.quick_config import QuickConfig

__all__ = ["serve", "test"]

_Command = TypeVar("_Command", bound=Callable[..., object])


class _PresetName(click.types.StringParamType):
    """The name of a preset; which there are is looked up only when one is wanted."""

    name = "preset"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the presets that begin so."""
        from cts.config.presets import presets

        return [
            CompletionItem(name, help=each.summary) for name, each in presets().items() if name.startswith(incomplete)
        ]


def _list_presets(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from cts.cli.presets_text import presets_text

        print_text(presets_text())
        ctx.exit()


_STREAM_OPTIONS = (
    click.option("--as", "preset", type=_PresetName(), metavar="PRESET", help="Stream this medium; see --presets."),
    click.option("-b", "--bitrate", metavar="RATE", help="Of a stream, for example 25M.  [default: 8M]"),
    click.option("--fps", metavar="RATE", help="Frames per second.  [default: 30]"),
    click.option("-t", "--time", metavar="TIME", help="How long to send, for example 30s.  [default: 10s]"),
    click.option("--buffer", metavar="TIME", help="How long the receiver buffers.  [default: 1s]"),
    click.option("--pull", "direction", flag_value="pull", help="The server sends; the default."),
    click.option("--push", "direction", flag_value="push", help="The client sends."),
    click.option(
        "-o",
        "events",
        type=click.Path(),
        metavar="FILE",
        help="Write all that happens, for cts replay; gzip if it ends in .gz.",
    ),
    expecting,
    report_option,
    telling_options,
    overrides_option("stream.dscp=EF"),
    click.option("--print-config", is_flag=True, help="Print the configuration that this is, as a file for cts run."),
    click.option(
        "--presets",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_list_presets,
        help="List the presets.",
    ),
)


def _stream_options(command: _Command) -> _Command:
    for option in reversed(_STREAM_OPTIONS):
        command = option(command)
    return command


@click.command(short_help="Test a network without a file.")
@click.argument("hosts", metavar="HOST[:PORT]...", nargs=-1, required=True)
@_stream_options
@click.option("--streams", type=int, help="Streams at once.  [default: one of each HOST]")
def test(
    hosts: tuple[str, ...],
    streams: int | None,
    as_json: bool,
    jsonl: bool,
    csv: bool,
    print_config: bool,
    overrides: tuple[str, ...],
    expect: tuple[str, ...],
    junit: Path | None,
    report_file: Path | None,
    **flags: str | None,
) -> None:
    """Stream from HOST, where `cts serve` runs, and print how the network carried it.

    The port is 4444 if none is given. `cts serve` needs no flags: the two settle between them what is streamed.

    \b
    Example:
      cts test 192.0.2.1 --as call-720p
      cts test server.example:5000 --bitrate 25M --fps 60 --time 30s --push
      cts test 192.0.2.1 --as stream-4k -o run.jsonl.gz --json
      cts test 192.0.2.1 --as call-720p --expect 'pdv_p99 <= 30 ms'
      cts test 192.0.2.1 --as stream-4k --print-config > client.toml
    """
    from cts.config.quick_config import StreamFlags, client_config

    quick = client_config(StreamFlags(overrides=overrides, expect=expect, **flags), hosts, streams=streams)
    telling = Telling(as_json=as_json, jsonl=jsonl, csv=csv)
    as_preset = [] if flags["preset"] is None else ["as", flags["preset"]]
    _carry_out(
        quick, " ".join(["test", *hosts, *as_preset]), print_config, telling, junit=junit, report_file=report_file
    )


@click.command(short_help="Serve tests without a file.")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@_stream_options
def serve(
    addresses: tuple[str, ...],
    as_json: bool,
    jsonl: bool,
    csv: bool,
    print_config: bool,
    overrides: tuple[str, ...],
    expect: tuple[str, ...],
    junit: Path | None,
    report_file: Path | None,
    **flags: str | None,
) -> None:
    """Serve one `cts test` after the other, on ADDRESS or on every address, until Ctrl-C.

    ADDRESS is host:port or a host, the port 4444 if none is given. Each `cts test` says what it wants. The flags of streams are
    for clients of ctsTraffic, which cannot; those of public addresses are answered if --set server.original_clients names
    them.

    \b
    Example:
      cts serve
      cts serve 192.0.2.1:5000 '[::1]:5000' --bitrate 25M --fps 60 --time 30s
      cts serve --print-config > server.toml
    """
    from cts.config.quick_config import StreamFlags, server_config

    quick = server_config(StreamFlags(overrides=overrides, expect=expect, **flags), addresses)
    telling = Telling(as_json=as_json, jsonl=jsonl, csv=csv)
    _carry_out(quick, " ".join(["serve", *addresses]), print_config, telling, junit=junit, report_file=report_file)


def _carry_out(
    quick: QuickConfig,
    name: str,
    print_config: bool,
    telling: Telling,
    *,
    junit: Path | None,
    report_file: Path | None,
) -> None:
    if print_config:
        print_result(f"# For `cts run`; docs/configuration.md has every key.\n\n{quick.text()}")
        sys.exit(0)
    try:
        carry_out(
            quick.config,
            "command line",
            telling,
            quick.overrides,
            junit=junit,
            report_file=report_file,
            name=name,
        )
    except UserError as error:
        raise UserError(quick.in_words_of_flags(str(error))) from None
