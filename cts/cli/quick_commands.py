"""``cts serve`` and ``cts test``: a run without a file. What they run is a configuration that ``cts run`` reads as well."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
    from cts.config.quick_config import QuickConfig, StreamFlags

__all__ = ["serve", "test"]

_MOST_PORT = 65_535


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
    click.option("--pull", is_flag=True, help="The server sends; the default."),
    click.option("--push", is_flag=True, help="The client sends."),
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


class _Given(NamedTuple):
    """What the options say that both commands have.

    Attributes:
        told: as :class:`cts.cli.telling.Telling` takes it.
        print_config, junit, report_file: the options' values.
        flags: as :class:`cts.config.quick_config.StreamFlags` takes it.
    """

    told: Mapping[str, bool]
    print_config: bool
    junit: Path | None
    report_file: Path | None
    flags: Mapping[str, Any]

    def carry_out(self, configured: Callable[[StreamFlags], QuickConfig], name: str) -> None:
        """Print the configuration that the flags make, or run it; ``name`` is what the run is called."""
        from cts.config.quick_config import StreamFlags

        quick = configured(StreamFlags(**self.flags))
        telling = Telling(**self.told)
        if self.print_config:
            print_result(f"# For `cts run`; docs/configuration.md has every key.\n\n{quick.text()}")
            sys.exit(0)
        try:
            carry_out(
                quick.config,
                "command line",
                telling,
                quick.overrides,
                junit=self.junit,
                report_file=self.report_file,
                name=name,
            )
        except UserError as error:
            raise UserError(quick.in_words_of_flags(_with_another_port(str(error)))) from None


def _with_another_port(message: str) -> str:
    """Add to a message that an address is taken what to write for the port beside it."""
    taken = re.search(r"^server\.listen: cannot listen on (\S*?):([0-9]+): ", message)
    if taken is None or os.strerror(errno.EADDRINUSE) not in message or int(taken[2]) >= _MOST_PORT:
        return message
    host = "" if taken[1] in ("0.0.0.0", "[::]") else taken[1]
    why = message.removeprefix("server.listen: ")
    other = int(taken[2]) + 1
    return f"{why}: another program, perhaps another cts serve, has that port; try another: cts serve '{host or '*'}:{other}'"


def _stream_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add what both commands have; the command is given it as one value, ``given``."""

    @wraps(command)
    def gathered(
        as_json: bool,
        jsonl: bool,
        csv: bool,
        print_config: bool,
        junit: Path | None,
        report_file: Path | None,
        overrides: tuple[str, ...],
        expect: tuple[str, ...],
        preset: str | None,
        bitrate: str | None,
        fps: str | None,
        time: str | None,
        buffer: str | None,
        pull: bool,
        push: bool,
        events: str | None,
        **own: Any,
    ) -> None:
        if pull and push:
            raise click.UsageError("--push and --pull do not go together: a stream has one direction")
        direction = "push" if push else "pull" if pull else None
        told = {"as_json": as_json, "jsonl": jsonl, "csv": csv}
        flags = {
            "overrides": overrides,
            "expect": expect,
            "preset": preset,
            "bitrate": bitrate,
            "fps": fps,
            "time": time,
        }
        flags |= {"buffer": buffer, "direction": direction, "events": events}
        command(given=_Given(told, print_config, junit, report_file, flags), **own)

    made: Callable[..., None] = gathered
    for option in reversed(_STREAM_OPTIONS):
        made = option(made)
    return made


@click.command(short_help="Test a network without a file.")
@click.argument("hosts", metavar="HOST[:PORT]...", nargs=-1, required=True)
@_stream_options
@click.option("--streams", type=int, help="Streams at once.  [default: one of each HOST]")
def test(given: _Given, hosts: tuple[str, ...], streams: int | None) -> None:
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
    from cts.config.quick_config import client_config

    preset = given.flags["preset"]
    name = " ".join(["test", *hosts, *([] if preset is None else ["as", preset])])
    given.carry_out(lambda flags: client_config(flags, hosts, streams=streams), name)


@click.command(short_help="Serve tests without a file.")
@click.argument("addresses", metavar="[ADDRESS]...", nargs=-1)
@_stream_options
def serve(given: _Given, addresses: tuple[str, ...]) -> None:
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
    from cts.config.quick_config import server_config

    given.carry_out(lambda flags: server_config(flags, addresses), " ".join(["serve", *addresses]))
