"""What tests with hosts of their own rest on."""

from __future__ import annotations

import os

import pytest

from tests.hosts.namespaces import must_be, why_not


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Ask for namespaces; ``CTS_NAMESPACES=required`` in the environment makes tests fail that would be skipped without."""
    must_be(why_not(), required=os.environ.get("CTS_NAMESPACES") == "required")
