"""What plugins are tested with: fakes on a mock clock, the contract tests that a plugin's own suite runs on itself, and whole
streams on the simulated network."""

from __future__ import annotations

from cts.errors import ConfigError
from cts.testing.difference import first_difference
from cts.testing.endpoints import LOCAL, PEER, FailingEndpoint, RecordingEndpoint, SentDatagram, StallingEndpoint
from cts.testing.factory_contract import ConnectedSocketFactoryContract
from cts.testing.frame_run import FrameRun, OneByOneSender, SentFrame, plan_of, record_frames
from cts.testing.pacers import MockPacer, StallingPacer, run_on_mock_clock
from cts.testing.plugin_rules import ContractBroken, complaints
from cts.testing.sender_contract import SenderContract
from cts.testing.simulated_run import OfferedDatagram, SimulatedRun, SimulatedStream
from cts.testing.simulation import simulate, simulate_in_trio
from cts.testing.sockets import RecordingDefault, RecordingSocket, request_for

__all__ = [
    "LOCAL",
    "PEER",
    "ConfigError",
    "ConnectedSocketFactoryContract",
    "ContractBroken",
    "FailingEndpoint",
    "FrameRun",
    "MockPacer",
    "OfferedDatagram",
    "OneByOneSender",
    "RecordingDefault",
    "RecordingEndpoint",
    "RecordingSocket",
    "SenderContract",
    "SentDatagram",
    "SentFrame",
    "SimulatedRun",
    "SimulatedStream",
    "StallingEndpoint",
    "StallingPacer",
    "complaints",
    "first_difference",
    "plan_of",
    "record_frames",
    "request_for",
    "run_on_mock_clock",
    "simulate",
    "simulate_in_trio",
]
