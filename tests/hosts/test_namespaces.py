"""Where no hosts can be made a test is skipped with the reason, unless the machine must be able to."""

from __future__ import annotations

import pytest

from tests.hosts.namespaces import must_be, why_not


def test_a_machine_without_namespaces_skips_with_the_reason() -> None:
    with pytest.raises(pytest.skip.Exception, match="no ip command"):
        must_be("there is no ip command", required=False)


def test_a_machine_that_must_have_namespaces_fails_without() -> None:
    with pytest.raises(pytest.fail.Exception, match="no ip command"):
        must_be("there is no ip command", required=True)


@pytest.mark.parametrize("required", [True, False])
def test_a_machine_with_namespaces_goes_on(required: bool) -> None:
    must_be(None, required=required)


def test_a_machine_without_the_ip_command_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert why_not() == "there is no ip command (iproute2)"
