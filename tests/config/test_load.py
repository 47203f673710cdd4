"""The configuration: found, read, and every fault in it told at once, with file, line and key."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from config.errors import ConfigError
from config.load import FILE, Types, find, load
from config.secrets import Secret
from config.settings import Settings

GOOD = """
[business]
name = "Crumb & Co."
time_zone = "Europe/Berlin"

[query]
match = "crumbandco"
"""


class FeedTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    address: str
    token: Secret | None = None
    order: Literal["new", "old"] = "new"


class ChatTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    room: str


SOURCES: Types = {"feed": FeedTable}
CHANNELS: Types = {"chat": ChatTable}


def check_query(query: str) -> str:
    return "a bracket is not closed" if "(" in query else ""


def read(folder: Path, text: str | bytes, **businesses: str) -> Settings:
    folder.joinpath("businesses").mkdir(exist_ok=True)
    for name, content in businesses.items():
        folder.joinpath("businesses", f"{name}.toml").write_text(content, encoding="utf-8")
    file = folder / FILE
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(file, SOURCES, CHANNELS, check_query)


def faults(folder: Path, text: str | bytes, **businesses: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        read(folder, text, **businesses)
    assert str(len(refused.value.faults)) in refused.value.happened
    return list(refused.value.faults)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, GOOD)

    assert found.businesses["crumb-co"].business.name == "Crumb & Co."
    assert found.directory == (tmp_path / "data").resolve()
    assert found.inbox_address == "http://127.0.0.1:8750"


def test_every_fault_is_told_in_one_message(tmp_path: Path) -> None:
    told = faults(
        tmp_path,
        """
[business]
name = "Crumb & Co."
time_zone = "Europe/Berlim"
langauges = ["en"]

[query]
match = "(crumb"

[reply]
within = "soon"

[inbox]
port = 99999

[[places]]
name = "Main Street"
hours = { mon-fry = "07:00-18:00" }

[[sources]]
name = "news"
type = "fed"

[[sources]]
name = "blog"
type = "feed"
adress = "https://blog.example"
evry = "2 minutes"
""",
    )

    assert told == [
        "warmline.toml, line 14: inbox.port: Input should be less than or equal to 65535",
        'warmline.toml, line 4: business.time_zone: "Europe/Berlim" is not a time zone: use a name like "Europe/Berlin"',
        'warmline.toml, line 5: business.langauges: there is no such key; did you mean "languages"?',
        'warmline.toml, line 18: places.1.hours: "mon-fry" is not a day or a range of days: use "mon" or "mon-fri"',
        'warmline.toml, line 11: reply.within: "soon" is not a duration: write it like "30 seconds", "4 hours" or "2 days"',
        'warmline.toml, line 22: sources.1.type: there is no "fed"; did you mean "feed"?',
        "warmline.toml, line 24: sources.2.address: it is missing",
        'warmline.toml, line 27: sources.2.adress: there is no such key; did you mean "address"?',
        'warmline.toml, line 28: sources.2.evry: there is no such key; did you mean "every"?',
        "warmline.toml, line 8: query.match: a bracket is not closed",
    ]


def test_a_secret_that_is_written_down_is_refused_and_not_repeated(tmp_path: Path) -> None:
    table = '[[sources]]\nname = "blog"\ntype = "feed"\naddress = "x"\ntoken = "CANARY-s3cr3t"\n'

    (told,) = faults(tmp_path, GOOD + table)

    assert told.startswith("warmline.toml, line 12: sources.1.token: a secret is named, not written")
    assert "CANARY" not in told


@pytest.mark.parametrize("named", ["{}", '{ env = "A", file = "b" }', '{ envv = "A" }', "5"])
def test_a_secret_is_named_in_exactly_one_way(tmp_path: Path, named: str) -> None:
    table = f'[[sources]]\nname = "blog"\ntype = "feed"\naddress = "x"\ntoken = {named}\n'

    assert faults(tmp_path, GOOD + table)


def test_a_secret_is_read_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLOG_TOKEN", " from outside \n")
    (tmp_path / "token").write_text("from a file\n")

    assert Secret(env="BLOG_TOKEN").read() == "from outside"
    assert Secret(file=tmp_path / "token").read() == "from a file"


def test_a_secret_that_is_not_there_is_told_by_where_it_should_be(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")

    for secret, where in (
        (Secret(env="WARMLINE_TEST_NOWHERE"), "WARMLINE_TEST_NOWHERE"),
        (Secret(file=tmp_path / "nowhere"), "nowhere"),
        (Secret(file=tmp_path / "empty"), "empty"),
        (Secret(file=tmp_path / "binary"), "binary"),
        (Secret(file=tmp_path), tmp_path.name),
    ):
        with pytest.raises(ConfigError, match=where):
            secret.read()


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WARMLINE_INBOX__PORT", "9000")

    found = read(tmp_path, GOOD + '[inbox]\nport = 8000\nhost = "0.0.0.0"\n')

    assert (found.installation.inbox.port, found.installation.inbox.host) == (9000, "0.0.0.0")  # noqa: S104


@pytest.mark.parametrize(
    ("name", "value"), [("WARMLINE_INBOX__PORT", "many"), ("WARMLINE_STORAGE", "{"), ("WARMLINE_INBOX__PROT", "1")]
)
def test_a_fault_in_the_environment_is_told_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    assert len(faults(tmp_path, GOOD)) == 1


def test_each_file_of_businesses_is_a_business_by_its_name(tmp_path: Path) -> None:
    found = read(tmp_path, "[inbox]\nport = 8000\n", bakery=GOOD, cafe=GOOD)

    assert list(found.businesses) == ["bakery", "cafe"]
    assert found.installation.inbox.port == 8000


def test_a_fault_names_the_file_that_it_is_in(tmp_path: Path) -> None:
    told = faults(tmp_path, "", bakery=GOOD, cafe="[business]\nnme = 'x'\n[query]\nmatch = 'x'\n")

    assert told == [
        "cafe.toml, line 1: business.name: it is missing",
        'cafe.toml, line 2: business.nme: there is no such key; did you mean "name"?',
    ]


def test_a_file_of_a_business_holds_nothing_of_the_installation(tmp_path: Path) -> None:
    told = faults(tmp_path, "", bakery=GOOD + "[inbox]\nport = 8000\n")

    assert told == ["bakery.toml, line 8: inbox: this table belongs into warmline.toml"]


def test_two_files_cannot_describe_one_business(tmp_path: Path) -> None:
    told = faults(tmp_path, GOOD, **{"crumb-co": GOOD})

    assert told == ['crumb-co.toml: another file describes the business "crumb-co" already']


@pytest.mark.parametrize("name", ["Bakery", "the bakery", "bäckerei", "-x"])
def test_the_name_of_a_business_is_plain_letters(tmp_path: Path, name: str) -> None:
    (told,) = faults(tmp_path, "", **{name: GOOD})

    assert told.startswith(f"{name}.toml: id: ")


def test_names_stand_once(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, GOOD + '[[staff]]\nname = "Mia"\n[[staff]]\nname = "mia"\n')

    assert told == "warmline.toml: staff: the name mia stands there twice"


@pytest.mark.parametrize("table", ["sources", "channels"])
def test_a_type_that_is_no_text_is_a_fault(tmp_path: Path, table: str) -> None:
    assert faults(tmp_path, GOOD + f'[[{table}]]\nname = "x"\ntype = ["feed"]\n')


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "there is no [business] table"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"[business\nname = 1", "line 1"),
        (b"a = " + b"[" * 50_000, "too large"),
        (b"a = " + b"9" * 10_000, "too large"),
        (b"[business]\nname = 'x'\n[business]\n", "line 3"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_fault(tmp_path: Path, content: bytes, said: str) -> None:
    (told,) = faults(tmp_path, content)

    assert told.startswith("warmline.toml")
    assert said in told


def test_a_mark_at_the_beginning_of_the_file_does_no_harm(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + GOOD.encode()).businesses


def test_a_folder_in_place_of_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "businesses").mkdir()
    (tmp_path / "businesses" / "odd.toml").mkdir()

    (told,) = faults(tmp_path, GOOD)

    assert told.startswith("odd.toml: it cannot be read")


def test_the_file_is_found_by_path_folder_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(tmp_path, GOOD)
    file = (tmp_path / FILE).resolve()

    monkeypatch.setenv("WARMLINE_CONFIG", str(file))

    assert find() == find(file) == find(tmp_path) == file


def test_a_file_that_is_nowhere_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="warmline init") as refused:
        find(tmp_path / "nowhere.toml")

    assert "nowhere.toml" in refused.value.happened


def is_read_or_refused(content: bytes) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return isinstance(read(Path(folder), content), Settings)
        except ConfigError as error:
            return bool(error.faults)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    assert is_read_or_refused(content)


KEYS = st.sampled_from(
    ["business", "query", "voice", "places", "staff", "reply", "digest", "retention", "sources", "channels", "storage",
     "inbox", "mail", "name", "type", "hours", "within", "match", "id", "port", "role", "quiet", "away", "to", "at"],
)  # fmt: skip
SCALARS = st.sampled_from(
    ['"x"', '""', "5", "-1", "1e400", "nan", "true", "2026-06-02", "08:00:00", "2026-06-02T08:00:00Z", '"07:00-18:00"',
     '"4 hours"', '"\\u0000"', '"Europe"', "9223372036854775807"],
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda each: f"[{', '.join(each)}]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda each: "{" + ", ".join(f"{key} = {value}" for key, value in each.items()) + "}"
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_any_values_under_any_keys_are_read_or_refused_in_words(tables: dict[str, str]) -> None:
    content = "\n".join(f"{key} = {value}" for key, value in tables.items())

    assert is_read_or_refused(content.encode())


@pytest.mark.fuzz
@settings(max_examples=3000, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_no_file_at_all_breaks_the_reading(tables: dict[str, str]) -> None:
    assert is_read_or_refused("\n".join(f"{key} = {value}" for key, value in tables.items()).encode())
