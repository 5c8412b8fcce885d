"""What stands in front of an endpoint and does nothing otherwise is that endpoint."""

from __future__ import annotations

import pytest

from cts.api import Address, ForwardingEndpoint, IDatagramEndpoint
from cts.testing import RecordingEndpoint

HERE, THERE = Address("192.0.2.1", 4444), Address("192.0.2.2", 4444)


class Counted(ForwardingEndpoint):
    def __init__(self, endpoint: IDatagramEndpoint, sent: list[bytes]) -> None:
        super().__init__(endpoint)
        self.sent = sent

    def try_send(self, remote: Address, datagram: bytes) -> bool:
        self.sent.append(datagram)
        return True


class AnyAddress(RecordingEndpoint):
    def at(self, local: Address) -> IDatagramEndpoint:
        return RecordingEndpoint(local=local)


def test_every_member_of_an_endpoint_is_handed_on() -> None:
    members = {name for name in vars(IDatagramEndpoint) if not name.startswith("_")}
    assert members <= vars(ForwardingEndpoint).keys()


def test_at_an_address_it_does_what_it_does_elsewhere() -> None:
    sent: list[bytes] = []
    there = Counted(AnyAddress(local=HERE), sent).at(THERE)
    assert there.try_send(HERE, b"x")
    assert (there.local, sent) == (THERE, [b"x"])


@pytest.mark.parametrize("address", [HERE, THERE])
def test_in_front_of_an_endpoint_of_one_address_it_is_itself_there(address: Address) -> None:
    endpoint = Counted(RecordingEndpoint(local=HERE), [])
    assert endpoint.at(address) is endpoint
