from __future__ import annotations

import attrs
import pytest

from cts.config.other_words import OTHER_WORDS
from cts.config.table_keys import keys_of
from cts.config.tables import Config


@pytest.mark.parametrize(("table", "word"), OTHER_WORDS)
def test_an_other_word_is_no_key_and_leads_to_one(table: str, word: str) -> None:
    tables = {
        name: keys_of(key.kind)
        for name, key in keys_of(Config).items()
        if isinstance(key.kind, type) and attrs.has(key.kind)
    }
    to, _, key = OTHER_WORDS[table, word].partition(".")
    assert word not in tables[table]
    assert key in tables[to]
