"""Search and help: what fits comes, the best first, and says how it is called."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import weft_hub
from hub.attacks.stage import Stage, line_weights
from tests.hub.bans import no_sockets_and_no_processes
from tests.hub.conftest import Outcome
from weft_hub.index._search import licences, search

Command = Callable[..., Outcome]


@pytest.fixture
def shelf(stage: Stage) -> Stage:
    """Entries that differ in one thing each."""
    cats = "# Cats\n\nTells cats from dogs in photos.\n"
    stage.entry("vision/cat-net", line_weights(), license="MIT", card=cats)
    stage.entry("vision/net-2", line_weights(), license="Apache-2.0 OR MIT", card=cats)
    stage.entry(
        "audio/pitch", line_weights(), task="pitch-tracking", summary="Follows the pitch of a voice"
    )
    stage.entry("audio/voice", line_weights(), authors=["Pitch Perfect Team"])
    stage.entry("text/large", line_weights() + b" " * 5000, summary="Sentences as vectors")
    return stage


def names(found: list[weft_hub.Card]) -> list[str]:
    return [card.name for card in found]


def test_without_words_everything_comes_by_name(shelf: Stage) -> None:
    assert names(shelf.hub().search()) == shelf.hub().list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cat", ["vision/cat-net", "vision/net-2"]),  # a name counts more than a card
        ("cats dogs", ["vision/cat-net", "vision/net-2"]),
        ("follows voice", ["audio/pitch"]),
        ("net", ["vision/cat-net", "vision/net-2"]),
        ("net-2", ["vision/net-2"]),
        ("vision/net-2", ["vision/net-2"]),
        ("pitch", ["audio/pitch", "audio/voice"]),  # a name counts more than an author
        ("PITCH Voice", ["audio/pitch", "audio/voice"]),  # a summary counts more than an author
        ("voice of", ["audio/voice", "audio/pitch"]),
        ("sentence", ["text/large"]),  # the beginning of a word
        ("catnet", ["vision/cat-net"]),  # as if without the hyphen
        ("pich", ["audio/pitch"]),  # misspelt
        ("cat horse", []),
        ("...", []),
    ],
)
def test_every_word_must_be_found_and_better_places_come_first(
    shelf: Stage, text: str, expected: list[str]
) -> None:
    assert names(shelf.hub().search(text)) == expected


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({"task": "pitch-tracking"}, ["audio/pitch"]),
        ({"license": "MIT"}, ["vision/cat-net", "vision/net-2"]),
        ({"license": "mit"}, ["vision/cat-net", "vision/net-2"]),
        ({"license": "Apache-2.0"}, ["vision/net-2"]),
        ({"license": "MIT", "text": "dogs", "task": "sums"}, ["vision/cat-net", "vision/net-2"]),
        ({"max_size": 4000, "task": "sums", "text": "large"}, []),
        ({"max_size": "1 MB", "text": "large"}, ["text/large"]),
        ({"max_size": 0}, []),
    ],
)
def test_task_licence_and_size_narrow_the_search(
    shelf: Stage, wanted: dict[str, object], expected: list[str]
) -> None:
    assert names(shelf.hub().search(**wanted)) == expected


def test_the_exact_size_still_fits(shelf: Stage) -> None:
    size = shelf.hub().info("text/large").size
    assert "text/large" in names(shelf.hub().search(max_size=size))
    assert "text/large" not in names(shelf.hub().search(max_size=size - 1))


@pytest.mark.parametrize("wanted", [{"license": "my own"}, {"max_size": -1}, {"max_size": "big"}])
def test_a_wish_that_is_none_is_refused_with_what_came(
    shelf: Stage, wanted: dict[str, object]
) -> None:
    with pytest.raises(weft_hub.SettingError) as caught:
        shelf.hub().search(**wanted)
    assert str(next(iter(wanted.values()))) in str(caught.value)


def test_the_licences_of_an_expression_are_those_it_names() -> None:
    assert licences("(MIT OR Apache-2.0) AND GPL-2.0-only WITH Classpath-exception-2.0") == {
        *("mit", "apache-2.0", "gpl-2.0-only", "classpath-exception-2.0"),
    }


def test_search_and_help_open_nothing_and_fetch_nothing(shelf: Stage) -> None:
    with no_sockets_and_no_processes():
        shelf.hub().search("cat")
        shelf.hub().help("vision/cat-net")
    assert not shelf.cache.exists()


def test_a_broken_entry_is_said_with_its_file_and_line(shelf: Stage) -> None:
    (shelf.index / "audio" / "voice" / "model.toml").write_text("nonsense", "utf-8")
    with pytest.raises(weft_hub.RegistryError, match=r"voice/model\.toml:1: not TOML"):
        shelf.hub().search("cat")


def test_an_empty_index_has_nothing_to_find() -> None:
    assert search([], "cat") == []


def test_help_says_how_it_is_called_and_shows_the_card(shelf: Stage) -> None:
    text = shelf.hub().help("vision/cat-net")
    assert text.startswith("vision/cat-net 1.0.0: A linear model of the stage\n")
    assert 'weft_hub.load("vision/cat-net")' in text
    assert "weft-hub run vision/cat-net PATH" in text
    assert "Return a linear model." in text  # what the factory says of itself
    assert text.endswith("Tells cats from dogs in photos.\n")


def test_help_says_what_to_install_when_the_package_is_missing(shelf: Stage) -> None:
    build = {"kind": "factory", "package": "weft-smell", "factory": "nose"}
    shelf.entry("a/nose", line_weights(), build=build)
    assert "python -m pip install weft-smell" in shelf.hub().help("a/nose")


def test_help_of_an_unknown_name_suggests_the_nearest(shelf: Stage) -> None:
    with pytest.raises(weft_hub.UnknownModelError, match="did you mean 'vision/cat-net'"):
        shelf.hub().help("cat-nt")


def test_the_command_searches(shelf: Stage, command: Command) -> None:
    code, out, err = command("search", "cats", "--license", "Apache-2.0")
    assert (code, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "vision/net-2"]
    data = json.loads(command("search", "pitch", "--json").out)
    assert [one["name"] for one in data] == ["audio/pitch", "audio/voice"]


def test_the_command_says_why_nothing_fits(shelf: Stage, command: Command) -> None:
    assert "did you mean 'pitch-tracking'" in command("search", "--task", "pitch-trackin").err
    outcome = command("search", "zebra")
    assert outcome.code == 0 and "no model fits; `weft-hub list` shows all" in outcome.err
    assert command("search", "zebra", "--json") == Outcome(0, "[]\n", "")
    outcome = command("search", "--max-size", "huge")
    assert outcome.code == 1 and "'huge'" in outcome.err and outcome.err.count("\n") == 1


def test_the_command_helps(shelf: Stage, command: Command) -> None:
    code, out, err = command("help", "vision/cat-net")
    assert (code, err) == (0, "")
    assert out == shelf.hub().help("vision/cat-net")
    data = json.loads(command("help", "vision/cat-net", "--json").out)
    assert data["command"] == "weft-hub run vision/cat-net PATH"
    assert data["card"].startswith("# Cats")


def test_the_real_index_is_found_by_what_people_type() -> None:
    assert names(weft_hub.search("mobilenet"))[0] == "vision/mobilenet-v2"
    assert "audio/silero-vad" in names(weft_hub.search("speech"))
    assert names(weft_hub.search("efficientnet lite"))[0] == "vision/efficientnet-lite0"
