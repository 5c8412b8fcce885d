"""From the arguments of ``cts serve`` and ``cts test`` to the configuration that ``cts run`` reads.

What is wrong is told in the words of the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from attrs import frozen

from cts.config.endpoint_text import DEFAULT_PORT, EVERY_ADDRESS, bracketed
from cts.config.expect_table import with_expectations
from cts.config.presets import preset
from cts.config.problems import KeyPath
from cts.config.tables import Config, structure_config
from cts.config.toml_source import apply_overrides
from cts.config.toml_text import toml_text
from cts.errors import ConfigError, UserError, tell_together
from cts.units import refuse_time_without_unit

__all__ = ["DEFAULT_STREAM", "QuickConfig", "StreamFlags", "client_config", "server_config"]

DEFAULT_STREAM: Mapping[str, object] = {
    "direction": "pull",
    "bits_per_second": "8 Mbit/s",
    "frame_rate": 30,
    "stream_length": "10s",
    "buffer_depth": "1s",
}
"""What is streamed where neither a preset nor a flag says otherwise, as keys of ``[stream]``."""

_WORDS: Mapping[KeyPath, str] = {
    ("client", "target"): "HOST",
    ("server", "listen"): "ADDRESS",
    ("stream", "direction"): "--push/--pull",
    ("stream", "bits_per_second"): "--bitrate",
    ("stream", "frame_rate"): "--fps",
    ("stream", "stream_length"): "--time",
    ("stream", "buffer_depth"): "--buffer",
    ("client", "connections"): "--streams",
    ("output", "events_file"): "-o",
}
"""By key, the argument that sets it; of ``[client]`` and ``[server]`` only one of them has arguments in a command."""

_COMMENTS: Mapping[str, str] = {
    "run.role": "this process plays one part; loopback: both",
    "stream.direction": "pull: the server sends | push: the client sends",
    "stream.bits_per_second": "headers included",
    "stream.frame_rate": "frames per second",
    "stream.stream_length": "how long frames are sent",
    "stream.buffer_depth": "how long the receiver buffers before it renders the first frame",
    "server.listen": '"*" is every address of both families; the port is 4444 if none is given',
    "client.target": "servers, taken in turn; the port is 4444 if none is given",
    "client.connections": "streams at once",
    "client.handshake": "auto: settle the stream with a server of cts, else ask as ctsTraffic does, with the same [stream]",
    "output.events_file": "everything that happened, for cts replay and cts verify-run",
}


@frozen(kw_only=True)
class StreamFlags:
    """What the flags that both commands have say, as they were written; None for one that was not given.

    ``expect`` are the texts of ``--expect``; ``overrides`` those of ``--set``, which go over all flags.
    """

    preset: str | None = None
    bitrate: str | None = None
    fps: str | None = None
    time: str | None = None
    buffer: str | None = None
    direction: str | None = None
    events: str | None = None
    expect: Sequence[str] = ()
    overrides: Sequence[str] = ()


@frozen
class QuickConfig:
    """A configuration that arguments make.

    Attributes:
        tables: what a file of it would hold.
        config: the same, checked.
        overrides: the texts of ``--set`` that are in it.
        words: by key, the command's argument that sets it.
    """

    tables: Mapping[str, Mapping[str, object]]
    config: Config
    overrides: Sequence[str]
    words: Mapping[KeyPath, str]

    def text(self) -> str:
        """Return the file, with comments; UserError for a text that no file can hold."""
        try:
            return toml_text(self.tables, _COMMENTS)
        except ValueError as error:
            raise UserError(f"--print-config: {error}") from None

    def in_words_of_flags(self, text: str) -> str:
        """Return a message about keys with the arguments that they came from in their place."""
        return _in_words(self.words, text, apply_overrides({}, self.overrides)[1])


def client_config(flags: StreamFlags, hosts: Sequence[str], *, streams: int | None = None) -> QuickConfig:
    """Return the configuration of a client.

    Args:
        flags: what to stream.
        hosts: whom to ask, one after the other in turn; an IPv6 address needs no brackets where no port follows.
        streams: how many at once; None for one of each host.

    Raises:
        UserError: all that is wrong, in the words of the flags.
    """
    connections = len(hosts) if streams is None else streams
    client: dict[str, object] = {"target": _addresses(hosts), "handshake": "auto"}
    if connections != 1:
        client["connections"] = connections
    return _checked({"run": {"role": "client"}, "stream": _stream(flags), "client": client}, flags)


def server_config(flags: StreamFlags, addresses: Sequence[str]) -> QuickConfig:
    """Return the configuration of a server that serves one test after the other.

    Args:
        flags: what to stream to clients that ask by START, which says nothing of it: those of ctsTraffic.
        addresses: where to listen, written as in :func:`client_config`; empty for every address.

    Raises:
        UserError: all that is wrong, in the words of the flags.
    """
    listen = _addresses(addresses or [f"{EVERY_ADDRESS}:{DEFAULT_PORT}"])
    return _checked({"run": {"role": "server"}, "stream": _stream(flags), "server": {"listen": listen}}, flags)


def _stream(flags: StreamFlags) -> dict[str, object]:
    try:
        known = {} if flags.preset is None else preset(flags.preset).stream
    except ValueError as error:
        raise UserError(f"--as: {error}") from None
    fps = flags.fps
    if flags.bitrate is not None and re.fullmatch("[1-9][0-9]{0,3}", flags.bitrate):
        raise UserError(f"--bitrate: {flags.bitrate} is so many bits in a second; did you mean {flags.bitrate}M?")
    _refuse_times_without_unit({"--time": flags.time, "--buffer": flags.buffer})
    given = {
        "direction": flags.direction,
        "bits_per_second": flags.bitrate,
        "frame_rate": int(fps) if fps is not None and re.fullmatch("[0-9]{1,9}", fps) else fps,
        "stream_length": flags.time,
        "buffer_depth": flags.buffer,
    }
    return {**DEFAULT_STREAM, **known, **{key: value for key, value in given.items() if value is not None}}


def _refuse_times_without_unit(times: Mapping[str, str | None]) -> None:
    wrong = []
    for option, text in times.items():
        try:
            refuse_time_without_unit(text or "")
        except ValueError as error:
            wrong.append(UserError(f"{option}: {error}"))
    tell_together(wrong)


def _checked(tables: dict[str, dict[str, object]], flags: StreamFlags) -> QuickConfig:
    if flags.events is not None:
        tables["output"] = {"events_file": flags.events}
    if expected := with_expectations((), flags.expect):
        bounds: dict[str, list[str]] = {}
        for each in expected:
            bounds.setdefault(each.metric, []).append(f"{each.comparison} {each.bound_text}")
        tables["expect"] = {metric: texts[0] if len(texts) == 1 else texts for metric, texts in bounds.items()}
    words = {path: word for path, word in _WORDS.items() if path[0] in tables or path[0] not in ("client", "server")}
    # What is wrong with a text of --set itself quotes it, and what it is to look like: in keys.
    raw, origins, unusable = apply_overrides(tables, flags.overrides)
    try:
        config = structure_config(raw)
    except ConfigError as error:
        unusable += [_in_words(words, problem, origins) for problem in error.problems]
    if unusable:
        raise UserError("\n".join(unusable))
    # What could be structured has tables alone at its top.
    return QuickConfig(raw, config, flags.overrides, words)  # type: ignore[arg-type]


def _in_words(words: Mapping[KeyPath, str], text: str, origins: Mapping[KeyPath, str]) -> str:
    for path, word in words.items():
        if path not in origins:
            text = re.sub(rf"\b{re.escape('.'.join(map(str, path)))}\b(\[\d+\])?", word, text)
    return text


def _addresses(texts: Sequence[str]) -> str | list[str]:
    """Return addresses as a key has them: one by itself, and IPv6 in brackets where nothing else can be meant."""
    found = [f"[{text}]" if bracketed(text, port=None) == [f"[{text}]"] else text for text in texts]
    return found[0] if len(found) == 1 else found
