"""Settings of `inngest start`: file, environment, command line, least first; mistakes name their places and no keys."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from inngest.cli.errors import CommandError
from inngest.cli.start import config_file
from inngest.cli.start.config_file import ConfigFile
from inngest.cli.start.settings import LISTS, TEXTS, Settings, resolve

KEYS = {"signing_key": ["00ff"], "event_key": ["k"]}
NO_FILE = ConfigFile(None, {})


def settings(
    flags: Mapping[str, object] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Mapping[str, object] | None = None,
) -> Settings:
    return resolve({**KEYS, **(flags or {})}, environment or {}, ConfigFile(Path("inngest.toml"), file or {}))


def hint_of(flags: Mapping[str, object]) -> str:
    with pytest.raises(CommandError) as failed:
        resolve(flags, {}, NO_FILE)
    return failed.value.hint


def failure(
    flags: Mapping[str, object], environment: Mapping[str, str] | None = None, file: Mapping[str, object] | None = None
) -> str:
    with pytest.raises(CommandError) as failed:
        resolve(flags, environment or {}, ConfigFile(Path("inngest.toml"), file or {}))
    return failed.value.message


def test_defaults() -> None:
    found = settings()
    assert found == Settings(
        signing_keys=["00ff"],
        event_keys={"default": "k"},
        sdk_urls=[],
        host="127.0.0.1",
        port=8288,
        database=".inngest/inngest.db",
        poll_interval=0.0,
        retry_interval=None,
        max_steps=1_000,
        drain=30.0,
        lease=15_000,
        retention="default",
        allow_hosts=[],
        deny_hosts=[],
        as_json=False,
        traces=False,
    )


def test_the_command_line_counts_more_than_the_environment_and_that_more_than_the_file() -> None:
    file = {"port": 1, "host": "file", "drain-timeout": "1s"}
    environment = {"INNGEST_PORT": "2", "INNGEST_HOST": "environment"}
    found = settings({"port": "3"}, environment, file)
    assert (found.port, found.host, found.drain) == (3, "environment", 1.0)
    assert settings({"port": None, "sdk_url": []}, {"INNGEST_PORT": ""}, file).port == 1


def test_each_setting_comes_from_each_place() -> None:
    values = {
        "allow_host": "10.0.0.0/8",
        "deny_host": "evil.test",
        "event_key": "web:k",
        "sdk_url": "http://a:1/x",
        "signing_key": "ab",
        "database": "x.db",
        "drain_timeout": "5",
        "host": "0.0.0.0",
        "json": "true",
        "lease": "20s",
        "log_format": "json",
        "max_steps": "5000",
        "poll_interval": "7",
        "port": "99",
        "retention": "30d",
        "retry_interval": "500ms",
        "traces": "true",
    }
    assert sorted(values) == sorted((*LISTS, *TEXTS))
    flags = {name: [value] if name in LISTS else value for name, value in values.items()}
    environment = {f"INNGEST_{name.upper()}": value for name, value in values.items()}
    of_flags, of_environment = resolve(flags, {}, NO_FILE), resolve({}, environment, NO_FILE)
    of_file = resolve({}, {}, ConfigFile(Path("inngest.json"), values))
    assert of_flags == of_environment == of_file
    assert of_flags._asdict() == {
        "signing_keys": ["ab"],
        "event_keys": {"web": "k"},
        "sdk_urls": ["http://a:1/x"],
        "host": "0.0.0.0",
        "port": 99,
        "database": "x.db",
        "poll_interval": 7.0,
        "retry_interval": 0.5,
        "max_steps": 5_000,
        "drain": 5.0,
        "lease": 20_000,
        "retention": 2_592_000_000,
        "allow_hosts": ["10.0.0.0/8"],
        "deny_hosts": ["evil.test"],
        "as_json": True,
        "traces": True,
    }


def test_several_of_a_kind() -> None:
    found = settings({}, {"INNGEST_SDK_URL": "http://a/x, b:1/x,"})
    assert found.sdk_urls == ["http://a/x", "http://b:1/x"]
    found = settings({"event_key": ["k1", "web:k2", "k3", "a:b:c"], "signing_key": ["ab", "signkey-prod-cd"]})
    assert found.event_keys == {"default": "k1", "web": "k2", "default-3": "k3", "a": "b:c"}
    assert found.signing_keys == ["ab", "signkey-prod-cd"]
    assert resolve({"signing_key": ["ab"]}, {}, ConfigFile(None, {"event_key": {"web": "x"}})).event_keys == {
        "web": "x"
    }


def test_without_keys_it_does_not_start() -> None:
    assert failure({}).startswith("a signing key is needed")
    assert failure({"event_key": ["k"]}, {"INNGEST_SIGNING_KEY": " , "}).startswith("a signing key is needed")
    assert failure({"signing_key": ["ab"]}).startswith("an event key is needed")


@pytest.mark.parametrize("key", ["secret", "abc", "signkey-prod-secret"])
@pytest.mark.parametrize("place", ["--signing-key", "INNGEST_SIGNING_KEY", "signing_key in inngest.toml"])
def test_a_signing_key_that_is_none_is_not_told(key: str, place: str) -> None:
    text = failure(
        {"event_key": ["k"], **({"signing_key": [key]} if place.startswith("--") else {})},
        {"INNGEST_SIGNING_KEY": key} if place.startswith("INNGEST") else {},
        {"signing_key": key} if " in " in place else {},
    )
    assert text.startswith(f"{place}: a signing key is an even number of hexadecimal digits")
    assert "secret" not in text
    assert hint_of({"event_key": ["k"], "signing_key": [key]}) == "`openssl rand -hex 32` makes one"
    assert "abc" not in text


@pytest.mark.parametrize(
    ("flags", "environment", "file", "text"),
    [
        ({"port": "x"}, {}, {}, "--port: expected a whole number from 0 to 65,535, got 'x'"),
        ({}, {"INNGEST_PORT": "70000"}, {}, "INNGEST_PORT: expected a whole number"),
        ({}, {}, {"port": [1]}, "port in inngest.toml: expected a text"),
        ({}, {}, {"port": True}, "port in inngest.toml: expected a text"),
        ({}, {}, {"prot": 1}, "prot in inngest.toml: there is no such setting"),
        ({}, {}, {"sdk_url": {"a": 1}}, "sdk_url in inngest.toml: expected a text, or a list of texts"),
        ({"sdk_url": ["ftp://shop.test"]}, {}, {}, "--sdk-url: expected the URL at which an app serves its functions"),
        ({"sdk_url": ["http://a:99999/"]}, {}, {}, "--sdk-url: expected the URL at which"),
        ({"allow_host": ["http://a"]}, {}, {}, "--allow-host: expected a host such as shop.internal"),
        ({}, {"INNGEST_DENY_HOST": "a b"}, {}, "INNGEST_DENY_HOST: expected a host such as"),
        ({"retry_interval": "90000"}, {}, {}, "--retry-interval: expected at most 86,400 s"),
        ({"max_steps": "10001"}, {}, {}, "--max-steps: expected a whole number from 1 to 10,000, got '10001'"),
        ({}, {}, {"max_steps": 0}, "max_steps in inngest.toml: expected a whole number from 1 to 10,000, got '0'"),
        ({}, {}, {"database": 5}, "database in inngest.toml: expected a text, got 5"),
        ({}, {}, {"host": 127.0}, "host in inngest.toml: expected a text, got 127.0"),
        ({}, {}, {"lease": [5]}, "lease in inngest.toml: expected a text or a number, got [5]"),
        ({}, {}, {"retention": True}, "retention in inngest.toml: expected a text or a number, got True"),
        ({"drain_timeout": "soon"}, {}, {}, "--drain-timeout: expected seconds, or a length of time"),
        ({}, {"INNGEST_JSON": "perhaps"}, {}, "INNGEST_JSON: expected true or false"),
        ({"event_key": ["a:1", "a:2"]}, {}, {}, "--event-key: two keys are called a"),
        ({"event_key": ["a/b"]}, {}, {}, "--event-key: the key default has a slash"),
        ({"event_key": None}, {}, {"event_key": {"web": 7}}, "web in inngest.toml, is below [event_key], and"),
        ({"event_key": None}, {}, {"event_key": {"web": ""}}, "event_key in inngest.toml: the key web is no text"),
    ],
)
def test_mistakes_name_their_place(
    flags: Mapping[str, object], environment: Mapping[str, str], file: Mapping[str, object], text: str
) -> None:
    assert failure({**KEYS, **flags}, environment, file).startswith(text)


FILE = """\
signing_key = "00ff"
host = "127.0.0.1"

[event_key]
web = "k"
"""


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (
            FILE + 'database = "x.db"\n',
            "database in {}, line 6, is below [event_key], and so it is the key of a sender called database",
            "write settings above the line [event_key]; keys are texts, and no sender is called as a setting",
        ),
        (
            FILE + "'drain-timeout' = '5s'\n",
            "drain-timeout in {}, line 6, is below [event_key]",
            "write settings above",
        ),
        (FILE + "prot = 1\n", "prot in {}, line 6, is below [event_key]", "write settings above the line [event_key]"),
        ("prot = 1\n" + FILE, "prot in {}, line 1: there is no such setting", "did you mean port?"),
        ("colour = 1\n" + FILE, "colour in {}, line 1: there is no such setting", "expected one of allow_host, "),
        (
            "[server]\nport = 1\n" + FILE.partition("\n\n")[0],
            "server in {}, line 1: there is no such setting",
            "settings stand in no table, but for the keys of [event_key]: take the line [server] away",
        ),
        ("port = 'x'\n" + FILE, "port in {}, line 1: expected a whole number", ""),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_its_line(tmp_path: Path, content: str, message: str, hint: str) -> None:
    path = tmp_path / "inngest.toml"
    path.write_text(content)
    with pytest.raises(CommandError) as failed:
        resolve({}, {}, config_file.read(None, tmp_path))
    assert failed.value.message.startswith(message.format(path))
    assert (failed.value.hint or "").startswith(hint)


def test_the_file_is_the_nearest_one(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "inngest.json").write_text('{"port": 1}')
    assert config_file.read(None, inner) == ConfigFile(tmp_path / "inngest.json", {"port": 1})
    (tmp_path / "a" / "inngest.toml").write_text("port = 2\n[event_key]\nweb = 'k'\n")
    assert config_file.read(None, inner).values == {"port": 2, "event_key": {"web": "k"}}
    (tmp_path / "other.json").write_text("{}")
    assert config_file.read("../../other.json", inner).values == {}


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("inngest.json", b"{", "inngest.json cannot be read: Expecting property name"),
        ("inngest.json", b"[1]", "inngest.json: expected an object with settings"),
        ("inngest.json", b"\xff", "inngest.json is not UTF-8 text: byte 0"),
        ("inngest.toml", b"port =", "inngest.toml cannot be read: "),
        ("inngest.yaml", b"port: 1", "inngest.yaml: YAML is not read"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError) as failed:
        config_file.read(None, tmp_path)
    assert text in failed.value.message


def test_a_file_that_is_named_and_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no file"):
        config_file.read("nope.toml", tmp_path)
    for name in ("x.yaml", "x.yml"):
        (tmp_path / name).write_text("")
        with pytest.raises(CommandError, match=f"{name}: YAML is not read") as failed:
            config_file.read(name, tmp_path)
        assert failed.value.hint == "write it as TOML, in a file such as inngest.toml"
    (tmp_path / "x.ini").write_text("")
    with pytest.raises(CommandError, match=r"expected a file that ends with \.toml or \.json"):
        config_file.read("x.ini", tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "hint"),
    [
        ("inngest.toml", "port = 1\nsigning_key = secret\n", "line 2 is `signing_key =…`; expected NAME = "),
        ("inngest.toml", "port = 1\nsigning_key: secret\n", "line 2 is `signing_key:…`; expected NAME = "),
        ("inngest.toml", "port = 1\nsecret\n", "expected NAME = "),
        ("inngest.json", '{\n"port": secret}', 'line 2 is `"port":…`; expected "NAME": value'),
    ],
)
def test_the_line_that_cannot_be_read_is_shown_without_its_value(
    tmp_path: Path, name: str, content: str, hint: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(CommandError, match="line 2") as failed:
        config_file.read(name, tmp_path)
    assert (failed.value.hint or "").startswith(hint)
    assert "secret" not in failed.value.message + failed.value.hint


def test_settings_do_not_show_their_keys() -> None:
    assert "00ff" not in repr(settings())
