"""What plugins are tested with: fakes on a mock clock, and the contract tests that a plugin's own suite runs on itself."""

from __future__ import annotations

from cts.testing.endpoints import LOCAL, PEER, FailingEndpoint, RecordingEndpoint, SentDatagram, StallingEndpoint
from cts.testing.factory_contract import ConnectedSocketFactoryContract
from cts.testing.frame_run import FrameRun, OneByOneSender, SentFrame, plan_of, record_frames
from cts.testing.pacers import MockPacer, StallingPacer, run_on_mock_clock
from cts.testing.plugin_rules import ContractBroken, complaints
from cts.testing.sender_contract import SenderContract
from cts.testing.sockets import RecordingDefault, RecordingSocket, request_for

__all__ = [
    "LOCAL",
    "PEER",
    "ConnectedSocketFactoryContract",
    "ContractBroken",
    "FailingEndpoint",
    "FrameRun",
    "MockPacer",
    "OneByOneSender",
    "RecordingDefault",
    "RecordingEndpoint",
    "RecordingSocket",
    "SenderContract",
    "SentDatagram",
    "SentFrame",
    "StallingEndpoint",
    "StallingPacer",
    "complaints",
    "plan_of",
    "record_frames",
    "request_for",
    "run_on_mock_clock",
]
