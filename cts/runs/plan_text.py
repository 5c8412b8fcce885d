"""What follows from a configuration, in words: the banner of a run and the answer of ``cts check``."""

from __future__ import annotations

from collections.abc import Sequence

from cts import __version__
from cts.api import Address, StreamPlan
from cts.config import Config
from cts.output.figures import whole_milliseconds
from cts.output.plan_words import plan_words
from cts.plugin.choice import ChosenPlugins
from cts.protocol.absence import PEER_GONE_AFTER_NS
from cts.protocol.roles import Direction
from cts.runs.admission_settings import admission_notes
from cts.runs.network_text import network_rows
from cts.runs.session_settings import profile_of
from cts.runs.socket_text import socket_notes, socket_rows
from cts.units import SECOND, counted, format_duration, format_frame_rate, format_rate

__all__ = ["banner", "beyond_a_real_run", "describe_plan", "warnings_of"]

ORIGINAL_CLIENT_MAX_SIZE = 64_000
"""Bytes at which the original's client cuts a datagram that it receives."""


def banner(config: Config, plan: StreamPlan, bound: Sequence[Address] = (), *, simulated: bool = False) -> str:
    """Return the line that a run begins with.

    Args:
        config: the run.
        plan: its stream arithmetic.
        bound: the addresses that it listens on, where they are known.
        simulated: whether it has no processes to be spread over.
    """
    listen = ", ".join(map(str, bound or config.server.listen))
    where = {
        "loopback": f"server on {listen} and its client,",
        "server": f"server on {listen} for what each client asks for; one that cannot say gets",
        "client": f"client of {', '.join(config.client.target)},",
    }[config.run.role]
    streams = "" if config.run.role == "server" else f", {_streams(config)}"
    return (
        f"cts {__version__}: {where} {config.stream.direction.value} {plan_words(plan)}"
        f"{streams}{'' if simulated else _spread(config)}"
    )


def beyond_a_real_run(config: Config) -> list[str]:
    """Return what in a configuration is for other commands than ``cts run``: each key, why, and where it is allowed."""
    found = []
    if config.network.is_set:
        found.append("network: a real run takes its network as it is; allowed with 'cts sim' and 'cts impair'")
    if config.output.truth_file is not None:
        found.append("output.truth_file: only 'cts sim' and 'cts impair' know the truth; allowed with those")
    return found


def describe_plan(config: Config, plan: StreamPlan, plugins: ChosenPlugins) -> str:
    """Return the derived plan, a line for each figure."""
    sizes = plan.datagram_sizes
    packets = float(len(sizes) * plan.frame_rate)
    last = "" if sizes[-1] == sizes[0] else f", the last of {sizes[-1]:,} bytes"
    # A frame is due on the wire one interval after the stream began, and in the renderer when the buffer is full.
    late_ns = plan.render_offset_ns(1) - plan.send_offset_ns(1)
    buffer = f"{counted(plan.buffered_frames, 'frame')}, tolerates {whole_milliseconds(late_ns):,} ms"
    rows = [
        ("role", f"{config.run.role}, {config.stream.direction.value}"),
        ("rate", f"{format_rate(plan.bits_per_second)} at {format_frame_rate(plan.frame_rate)} frames per second"),
        ("frame", f"{plan.frame_size:,} bytes in {len(sizes):,} datagrams of at most {sizes[0]:,} bytes{last}"),
        ("packets", f"{packets:,.{0 if packets.is_integer() else 1}f} per second and stream"),
        ("stream", f"{counted(plan.final_frame, 'frame')}, {plan.transfer_size:,} bytes"),
        # Frames are whole, and so are their bytes: the rest of what was asked for is not sent.
        ("real", f"{format_duration(plan.sending_ns)} at {format_rate(plan.sent_bits_per_second)}"),
        ("buffer", f"{buffer}; datagrams are taken for {plan.window_frames:,} frames ahead"),
        ("end", f"{plan.end_offset_ns / 1e9:.3f} s after the start, whatever the network does"),
    ]
    if config.run.role != "server":
        rows.append(("streams", _streams(config)))
    if spread := _spread(config).removeprefix(", in "):
        where = " (cts sim has none)" if config.run.role == "loopback" else ""
        rows.append(("spread", f"over {spread}{where}"))
    if config.run.role != "client" and config.server.peer_gone == "end":
        rows.append(("absence", _absence(config)))
    rows.append(("sender", f"{plugins.sender.name} ({plugins.sender.distribution} {plugins.sender.version})"))
    if config.run.outcome_profile is not None or config.run.outcome_profiles is not None:
        rows.append(("score", f"by the profile {profile_of(config).name} (Quality of Outcome)"))
    factory = plugins.factory_plugin
    rows.append(("factory", f"{factory.name} ({factory.distribution} {factory.version})"))
    rows += socket_rows(config)
    rows += network_rows(config, plan)
    if beyond := beyond_a_real_run(config):
        commands = "cts sim and cts impair" if config.run.role == "loopback" else "cts impair"
        given = " and ".join(each.partition(":")[0] for each in beyond)
        rows.append(("for", f"{commands}; cts run refuses {given}"))
    rows += [("expect", str(each)) for each in config.expect]
    rows += [("note", text) for text in (*socket_notes(config), *admission_notes(config), *warnings_of(plan))]
    return "\n".join(f"{name:<8} {text}" for name, text in rows)


def warnings_of(plan: StreamPlan) -> list[str]:
    """Return what a person should know of a plan before it is run."""
    found = []
    if plan.buffer_is_cut:
        found.append(
            f"stream.buffer_depth of {format_duration(plan.buffer_depth_ns)} is longer than the stream: a receiver waits "
            f"{format_duration(plan.render_offset_ns(1))} for the first frame, as long as the stream is"
        )
    if plan.buffered_frames == 1:
        found.append(
            "the buffer holds 1 frame, which is due when it is sent: on no network does it come in time; "
            f"allowed, but set stream.buffer_depth to {format_duration(-(-2 * SECOND // plan.frame_rate))} or more"
        )
    if plan.datagram_sizes[0] > ORIGINAL_CLIENT_MAX_SIZE:
        found.append(
            f"datagrams of {plan.datagram_sizes[0]:,} bytes: the original's client cuts them at "
            f"{ORIGINAL_CLIENT_MAX_SIZE:,} and completes no frame; set stream.datagram_max_size to that for one"
        )
    return found


def _absence(config: Config) -> str:
    if config.stream.direction is Direction.PUSH:
        return "server.peer_gone changes nothing: in push the server sends nothing that could come back"
    return (
        f"a stream ends when ICMP has said for {format_duration(PEER_GONE_AFTER_NS)} that its client cannot be reached"
    )


def _spread(config: Config) -> str:
    """Say over how many processes a real run is spread; nothing where all is in one."""
    processes = config.run.processes
    if processes == 1:
        return ""
    return f", in {processes:,} processes{' a side' if config.run.role == 'loopback' else ''}"


def _streams(config: Config) -> str:
    client = config.client
    times = {0: ", without end", 1: ""}.get(client.iterations, f", {client.iterations} times over")
    return f"{client.connections:,} stream{'s' if client.connections != 1 else ''}{times}"
