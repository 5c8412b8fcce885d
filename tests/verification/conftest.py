from pathlib import Path

import pytest

from tests.verification.hand_written_logs import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
