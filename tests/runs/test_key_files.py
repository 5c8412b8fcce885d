from __future__ import annotations

import os
from pathlib import Path

import pytest

from cts.config import load_config, structure_config
from cts.engine.shared_keys import SharedKeys
from cts.errors import ConfigError, UserError
from cts.runs.key_files import KeySources, keys_text, read_key_ring, shared_keys

ALICE, BOB, NAMELESS = ("a1" * 32, "b0" * 32, "c2" * 16)
KEYS = f"# made by a test\nalice {ALICE}\nbob {BOB}\n{NAMELESS}\n"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return written(tmp_path / "keys", KEYS)


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def refused(path: object) -> str:
    with pytest.raises(UserError) as raised:
        read_key_ring(str(path), "server.psk_file", {})
    # Neither the text nor what it was raised from has anything of a key.
    told = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
    assert (
        not raised.value.__context__ or raised.value.__suppress_context__ or isinstance(raised.value.__cause__, OSError)
    )
    assert ALICE[:8] not in told.split("None")[0]
    return str(raised.value)


def client(keys: Path, **more: object) -> SharedKeys:
    table = {"target": ["127.0.0.1:1"], "psk_file": str(keys), "handshake": "cts", **more}
    return shared_keys(KeySources.of(structure_config({"run": {"role": "client"}, "client": table})))


def test_a_server_knows_every_key_of_its_file_and_whose_it_is(keys: Path) -> None:
    ring = read_key_ring(str(keys), "server.psk_file")
    assert ring.names == ("alice", "bob", None)


def test_a_client_uses_the_first_key_of_its_file_unless_it_is_told_a_name(keys: Path) -> None:
    first, second = client(keys).own, client(keys, psk_name="bob").own
    assert first is not None
    assert second is not None
    assert (first.name, second.name) == ("alice", "bob")


def test_a_name_that_the_file_does_not_have_is_refused(keys: Path) -> None:
    with pytest.raises(UserError, match=r"client.psk_name: .* has no key called 'carol'"):
        client(keys, psk_name="carol")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_use_is_refused_with_what_would_do(tmp_path: Path, mode: int) -> None:
    path = written(tmp_path / "keys", KEYS, mode)
    assert refused(path) == (
        f"server.psk_file: '{path}': others may use it (mode {mode:04o}); allowed: its owner alone, as after 'chmod 600'"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(keys: Path) -> None:
    os.chown(keys, 12_345, -1)
    assert "belongs to user 12345" in refused(keys)


def test_what_is_no_file_is_refused_and_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo", 0o600)
    assert "is no regular file" in refused(tmp_path / "fifo")
    assert refused(tmp_path / "none").endswith("No such file or directory")
    assert "server.psk_file: cannot read" in refused(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no key"),
        (f"alice {ALICE}\nalice {BOB}\n", "two keys are called 'alice'"),
        (f"alice {ALICE}x\n", "line 1: a key is an even number of hexadecimal digits"),
        (f"{ALICE} {BOB}\n", "line 1: there are two keys on a line"),
        ("alice a1a1\n", "line 1: a key has 2 bytes; allowed: 16 to 64"),
    ],
)
def test_a_file_with_a_mistake_is_refused_without_a_word_of_its_keys(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(written(tmp_path / "keys", text))


def test_what_is_no_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(bytes.fromhex(ALICE))
    path.chmod(0o600)
    with pytest.raises(UserError, match="is not text") as raised:
        read_key_ring(str(path), "server.psk_file")
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_credential_of_systemd_is_found_in_its_directory_whatever_its_mode(tmp_path: Path) -> None:
    written(tmp_path / "keys", KEYS, 0o440)
    ring = read_key_ring("credential:keys", "server.psk_file", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert len(ring) == 3


def test_without_systemd_there_are_no_credentials() -> None:
    assert refused("credential:keys") == (
        "server.psk_file: 'credential:keys' and CREDENTIALS_DIRECTORY is not set; allowed: a file, or a service of systemd "
        "with LoadCredential=keys:FILE"
    )


def test_people_are_shown_names_and_no_keys(keys: Path) -> None:
    table = {"psk_file": str(keys)}
    client = {**table, "psk_name": "bob", "handshake": "cts"}
    both = shared_keys(KeySources.of(structure_config({"server": table, "client": client})))
    text = "\n".join(keys_text(both))
    assert text == "keys of the server: alice, bob and one for all without a name\nkey of the client: bob"
    for shown in (repr(both), str(both)):
        assert not any(key[:8] in shown for key in (ALICE, BOB, NAMELESS))


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ({"client": {"psk_name": "bob"}}, "client.psk_name: 'bob', and client.psk_file is not set"),
        (
            {"server": {"psk_file": "keys"}, "client": {"handshake": "cts"}},
            "client.psk_file: not set, and server.psk_file is",
        ),
        ({"client": {"psk_file": "keys", "handshake": "cts"}}, "server.psk_file: not set, and client.psk_file is"),
        (
            {"run": {"role": "server"}, "server": {"psk_file": "keys", "original_clients": "all"}},
            "server.original_clients: would serve who shows no key",
        ),
        (
            {
                "run": {"role": "client"},
                "client": {"target": ["127.0.0.1:1"], "psk_file": "keys", "handshake": "original"},
            },
            "client.psk_file: START has no room for a key",
        ),
        ({"server": {"psk_file": "credential:../keys"}}, "server.psk_file: 'credential:../keys' is no file of keys"),
        ({"server": {"psk_file": ""}}, "server.psk_file: '' is no file of keys"),
    ],
)
def test_keys_that_cannot_work_are_told_of_before_anything_is_read(
    tables: dict[str, dict[str, object]], told: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        structure_config(tables)
    assert told in str(raised.value)


@pytest.mark.parametrize("side", ["server", "client"])
def test_a_file_of_keys_is_looked_for_beside_the_configuration_that_names_it(side: str, tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    table = 'psk_file = "keys"' + ('\nhandshake = "cts"\ntarget = "127.0.0.1"' if side == "client" else "")
    file.write_text(f'[run]\nrole = "{side}"\n[{side}]\n{table}\n')
    assert getattr(load_config(file), side).psk_file == str(tmp_path / "keys")
    of_systemd = load_config(file, [f"{side}.psk_file=credential:keys"])
    assert getattr(of_systemd, side).psk_file == "credential:keys"


def test_no_log_is_written_over_the_keys(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('[run]\nrole = "server"\n[server]\npsk_file = "keys"\n')
    with pytest.raises(UserError, match=r"is server\.psk_file, which is read"):
        load_config(file, [f"output.events_file={tmp_path / 'keys'}"])
