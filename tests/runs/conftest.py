import pytest

from tests.cli import running_cts
from tests.runs.processes import HANGS_S


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_cts, "PATIENCE_S", HANGS_S)
