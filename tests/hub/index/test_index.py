"""The index: strict data, every problem at once, with file, line and the nearest name."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weft_hub
from hub.attacks.stage import Stage, line_weights, toml
from weft_hub._texts.toml_lines import line_of, places_of
from weft_hub._texts.validate import problems
from weft_hub.index import Index, builtin_index, schema
from weft_hub.sources import check_uri

BUILTIN = sorted(path.parent for path in builtin_index().glob("*/*/model.toml"))
FORMATS = {"spdx": lambda text: None, "source-uri": lambda text: None}


def test_the_index_that_is_shipped_is_valid_and_has_the_first_eight_models() -> None:
    registry = Index([builtin_index()])
    registry.check()
    assert registry.names() == [
        "audio/crepe-tiny",
        "audio/silero-vad",
        "text/all-minilm-l6-v2",
        "vision/cifar-resnet20",
        "vision/efficientnet-lite0",
        "vision/mnist-cnn",
        "vision/mnist-rows",
        "vision/mobilenet-v2",
    ]


@pytest.mark.parametrize("name", ["audio/silero-vad", "vision/mobilenet-v2"])
def test_a_card_carries_what_its_entry_says(name: str) -> None:
    card = weft_hub.info(name)
    data = tomllib.loads((builtin_index() / name / "model.toml").read_text("utf-8"))
    assert card.name == name
    assert card.weights.sha256 == data["files"][0]["sha256"]
    assert card.size == sum(file["size"] for file in data["files"])
    assert dict(card.preprocess) == data["preprocess"]
    assert card.text == (builtin_index() / name / "card.md").read_text("utf-8")
    assert json.loads(json.dumps(card.as_data()))["license"] == data["license"]


def test_listing_by_task_gives_only_models_for_that_task() -> None:
    assert weft_hub.list(task="image-classification") == [
        "vision/cifar-resnet20",
        "vision/efficientnet-lite0",
        "vision/mnist-cnn",
        "vision/mnist-rows",
        "vision/mobilenet-v2",
    ]
    assert weft_hub.list(task="no-such-task") == []


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("vision/mobilenet-v3", "vision/mobilenet-v2"),
        ("vision/mobilenet_v2", "vision/mobilenet-v2"),
        ("Vision/MobileNet-v2", "vision/mobilenet-v2"),
        ("mobilenet-v2", "vision/mobilenet-v2"),
        ("mobilenet", "vision/mobilenet-v2"),
        ("efficientnet", "vision/efficientnet-lite0"),
        ("silero", "audio/silero-vad"),
        ("audio/silero-vda", "audio/silero-vad"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(asked: str, meant: str) -> None:
    with pytest.raises(weft_hub.UnknownModelError) as caught:
        weft_hub.info(asked)
    assert f"{asked!r} in the index; did you mean {meant!r}" in str(caught.value)


@pytest.mark.parametrize("asked", ["../../etc/passwd", "a/../b", "", "/", "..", "a/b/c", "a\0b/c"])
def test_a_name_that_is_a_path_is_only_an_unknown_name(asked: str) -> None:
    with pytest.raises(weft_hub.UnknownModelError):
        weft_hub.info(asked)


def broken(stage: Stage, text: str) -> list[str]:
    """Return the problems of an entry a/line whose model.toml is `text`, without the path."""
    folder = stage.entry("a/line", line_weights())
    (folder / "model.toml").write_text(text, "utf-8")
    with pytest.raises(weft_hub.RegistryError) as caught:
        stage.hub().info("a/line")
    return [problem.removeprefix(f"{folder / 'model.toml'}:") for problem in caught.value.problems]


def good(stage: Stage) -> str:
    folder = stage.entry("a/good", line_weights())
    return (folder / "model.toml").read_text("utf-8").replace("a/good", "a/line")


def test_all_problems_of_an_entry_come_together_each_with_its_line(stage: Stage) -> None:
    lines = good(stage).splitlines()
    at = {line.split(" = ")[0]: number for number, line in enumerate(lines)}
    lines[at["task"]] = 'tsak = "sums"'
    lines[at["summary"]] = 'summary = "short"'
    lines[at["license"]] = 'license = "my own"'
    lines[at["size"]] = "size = -3"
    lines[at["kind"]] = 'kind = "factroy"'
    found = broken(stage, "\n".join(lines))
    assert found == [
        "1: the key 'task' is missing",
        f"{at['task'] + 1}: tsak: unknown key 'tsak'; did you mean 'task'?",
        f"{at['summary'] + 1}: summary: must have at least 10 characters, not 5",
        f"{at['license'] + 1}: license: must be an SPDX licence expression, such as MIT or "
        "Apache-2.0, but is 'my own'",
        f"{at['kind'] + 1}: build.kind: must be one of 'factory', 'onnx', 'graph', but is "
        "'factroy'; "
        "did you mean 'factory'?",
        f"{at['size'] + 1}: files[0].size: must be at least 1, but is -3",
    ]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("schema = 1", "schema = 2", "must be 1, but is 2"),
        ("schema = 1", "schema = true", "must be 1, but is True"),
        ('version = "1.0.0"', 'version = "1.0.0\\n"', "must match"),
        ('version = "1.0.0"', "version = 1.0", "must be a string, but is 1.0"),
        ('name = "a/line"', 'name = "a/other"', "must be the path of its folder, 'a/line'"),
        ('license = "BSD-3-Clause"', 'license = "bsd-3-clause"', "spelled 'BSD-3-Clause'"),
        ('role = "weights"', 'role = "extra"', "exactly one file has the role weights, but 0"),
        ('format = "safetensors"', 'format = "other"', "the format of weights is never other"),
        ('format = "safetensors"', 'format = "onnx"', "or 'torchscript' for the kind 'factory'"),
        ('factory = "line"', "", "build: the key 'factory' is missing, which the kind 'factory'"),
        ('kind = "factory"', 'kind = "graph"', "build.factory: is for the kind 'factory': with"),
        ('kind = "factory"', 'kind = "onnx"', "format: must be 'onnx' for the kind 'onnx', but is"),
        ('name = "weights.safetensors"', 'name = "../weights"', "files[0].name: must match"),
        ('name = "weights.safetensors"', 'name = ".hidden"', "files[0].name: must match"),
        ('sources = ["file:', 'sources = ["ftp:', "a source starts with one of pip:, file:"),
        ('sources = ["file:', 'sources = ["file:../', "leaves the folder of its entry"),
        ('labels = "sums"', "labels = [1, 2]", "labels[0]: must be a string, but is 1"),
        ('labels = "sums"', "labels = []", "must have at least 1 items, but has 0"),
        ("schema = 1", "schema = 1\nschema = 1", "not TOML"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_required(
    stage: Stage, old: str, new: str, says: str
) -> None:
    text = good(stage)
    assert old in text
    found = broken(stage, text.replace(old, new, 1))
    assert any(says in problem for problem in found), found
    assert re.match(r"\d+: ", found[0])


def test_a_digest_must_be_sixty_four_lower_case_digits(stage: Stage) -> None:
    text = re.sub(r'sha256 = "(\w+)"', lambda m: f'sha256 = "{m[1][:12]}"', good(stage))
    assert any("files[0].sha256: must match" in problem for problem in broken(stage, text))


def test_the_same_file_name_twice_is_refused_even_in_other_letters(stage: Stage) -> None:
    text = good(stage)
    second = text[text.index("[[files]]") :]
    second = second.replace("weights.safetensors", "Weights.safetensors", 1)
    second = second.replace('role = "weights"', 'role = "extra"')
    found = broken(stage, text + second)
    assert any("'Weights.safetensors' is there twice" in problem for problem in found)


def test_an_entry_without_a_card_is_refused(stage: Stage) -> None:
    folder = stage.entry("a/line", line_weights())
    (folder / "card.md").unlink()
    with pytest.raises(weft_hub.RegistryError, match=r"card\.md:1: cannot be read"):
        stage.hub().info("a/line")


@pytest.mark.parametrize("text", ["\x1b[2J", "\u202etxet", "\x9b31m", "a\x00b"])
def test_a_text_that_a_terminal_would_obey_is_refused(stage: Stage, text: str) -> None:
    folder = stage.entry(
        "a/line", line_weights(), authors=["somebody", text], card=f"# A\n{text}\n"
    )
    with pytest.raises(weft_hub.RegistryError) as caught:
        stage.hub().info("a/line")
    assert text not in str(caught.value)
    assert "authors[1]: must be text that can be shown" in caught.value.problems[0]
    assert caught.value.problems[1].startswith(f"{folder / 'card.md'}:2: must be text")


def test_a_key_that_a_terminal_would_obey_is_named_harmlessly(stage: Stage) -> None:
    found = broken(stage, good(stage).replace("schema = 1", 'schema = 1\n"\\u001b[2J" = 1', 1))
    assert "unknown key '\\x1b[2J'" in found[0]
    assert "\x1b" not in "".join(found)


def test_a_broken_entry_does_not_stop_the_others(stage: Stage) -> None:
    stage.entry("a/line", line_weights())
    folder = stage.entry("a/broken", line_weights())
    (folder / "model.toml").write_text("nonsense", "utf-8")
    assert stage.hub().info("a/line").name == "a/line"
    assert stage.hub().list() == ["a/broken", "a/line"]


def test_a_check_reports_the_problems_of_all_entries_together(stage: Stage) -> None:
    for name in ("a/one", "a/two"):
        (stage.entry(name, line_weights()) / "model.toml").write_text("x = 1", "utf-8")
    with pytest.raises(weft_hub.RegistryError) as caught:
        stage.hub().index.check()
    assert {Path(problem.split(":")[0]).parent.name for problem in caught.value.problems} == {
        "one",
        "two",
    }


def test_a_name_in_two_indexes_is_refused_and_both_places_are_named(
    stage: Stage, tmp_path: Path
) -> None:
    folder = stage.entry("a/line", line_weights())
    other = tmp_path / "other" / "a" / "line"
    other.mkdir(parents=True)
    for path in folder.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    hub = weft_hub.Hub(index=[stage.index, tmp_path / "other"])
    with pytest.raises(weft_hub.RegistryError) as caught:
        hub.info("a/line")
    assert str(folder) in str(caught.value)
    assert str(other) in str(caught.value)


def test_an_index_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(weft_hub.RegistryError, match="an index must be a folder"):
        weft_hub.Hub(index=tmp_path / "nowhere").list()


# ---- the schema and its validator


def test_the_schema_itself_is_valid_json_schema() -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())


def mutations() -> st.SearchStrategy[dict[str, Any]]:
    """Entries with one to three changes: keys removed, renamed, or given another value."""
    values = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 3),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["", "x", "factory", "weights", "1.0.0", "a/b", "0" * 64]),
        st.lists(st.sampled_from(["a", "a", 1, ""]), max_size=3),
        st.dictionaries(st.sampled_from(["name", "value", "kind"]), st.just("x"), max_size=2),
    )

    @st.composite
    def mutated(draw: st.DrawFn) -> dict[str, Any]:
        text = (draw(st.sampled_from(BUILTIN)) / "model.toml").read_text("utf-8")
        data = tomllib.loads(text)
        metric = {"name": "m", "value": 1.0, "data": "d", "command": "c"}
        data["metrics"] = [metric]
        for _ in range(draw(st.integers(1, 3))):
            table = data
            for _ in range(draw(st.integers(0, 2))):
                below = [v for v in table.values() if isinstance(v, dict)]
                below += [
                    item
                    for value in table.values()
                    if isinstance(value, list)
                    for item in value
                    if isinstance(item, dict)
                ]
                if below:
                    table = draw(st.sampled_from(below))
            key = draw(st.sampled_from([*sorted(table), "unknown"]))
            if draw(st.booleans()):
                table[key] = draw(values)
            else:
                table.pop(key, None)
        return data

    return mutated()


@given(mutations())
@settings(max_examples=300, derandomize=True, deadline=None)
def test_our_validator_agrees_with_the_jsonschema_library(data: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    theirs = {
        tuple(error.absolute_path) for error in Draft202012Validator(schema()).iter_errors(data)
    }
    ours = {problem.where for problem in problems(data, schema(), FORMATS)}
    # We put an unknown key and a repeated item at the key and the item, they at what holds them.
    for where in ours:
        assert where in theirs or where[:-1] in theirs, (where, theirs)
    for where in theirs:
        assert any(one[: len(where)] == where for one in ours), (where, ours)


def test_a_schema_rule_that_nothing_checks_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="oneOf"):
        problems({}, {"oneOf": []}, {})


# ---- places in TOML

TRICKY = """\
# a comment with [brackets] and = signs
top = "a # string" # and a comment
"quoted key" = 1
long = '''
line = 1
[not.a.table]
'''
dotted.key.here = 1.5
array = [
  "one", # one
  [2, 3],
  { inline = true, other = [
    4,
  ] },
]
when = 2026-01-01 10:00:00

[table]
x = \"\"\"
a\\
b\"\"\"\"
y = [[1], [2]]

[table.sub]
z = 1

[[many]]
a = 1
[many.under]
b = 1

[[many]]
a = 2
[[many.deep]]
c = 1
"""


def test_each_key_of_a_tricky_document_has_its_line() -> None:
    tomllib.loads(TRICKY)
    lines = TRICKY.splitlines()

    def at(where: tuple[str | int, ...]) -> str:
        return lines[line_of(TRICKY, where) - 1].strip()

    assert at(("top",)).startswith("top =")
    assert at(("quoted key",)).startswith('"quoted key"')
    assert at(("dotted", "key", "here")).startswith("dotted.key.here")
    assert at(("array", 0)).startswith('"one"')
    assert at(("array", 1)).startswith("[2, 3]")
    assert at(("array", 2, "other", 0)) == "4,"
    assert at(("when",)).startswith("when =")
    assert at(("table",)) == "[table]"
    assert at(("table", "y", 1)).startswith("y =")
    assert at(("table", "sub", "z")) == "z = 1"
    assert at(("many", 0, "under", "b")) == "b = 1"
    assert at(("many", 1, "a")) == "a = 2"
    assert at(("many", 1, "deep", 0, "c")) == "c = 1"
    assert at(("many", 1, "missing")) == "[[many]]"


def paths_in(data: Any, where: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
    found = {where} if where else set()
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in items:
        if isinstance(value, dict | list):
            found |= paths_in(value, (*where, key))
        else:
            found.add((*where, key))
    return found


@pytest.mark.parametrize(
    "text", [TRICKY, *[(f / "model.toml").read_text("utf-8") for f in BUILTIN]]
)
def test_every_key_and_element_of_a_document_has_a_place(text: str) -> None:
    assert paths_in(tomllib.loads(text)) - places_of(text).keys() == set()


@given(
    st.recursive(
        st.one_of(st.integers(), st.booleans(), st.text("ab\"'\\[]{}#=,.\n", max_size=6)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b-c", "d"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_the_scanner_follows_any_value_to_its_end(value: Any) -> None:
    text = toml({"before": 1, "value": value, "after": 2})
    data = tomllib.loads(text)
    assert paths_in(data) - places_of(text).keys() == set()
    assert line_of(text, ("after",)) == next(
        number for number, line in enumerate(text.splitlines(), 1) if line == "after = 2"
    )


# ---- the spelling of sources

DIGEST = "0" * 64


@pytest.mark.parametrize(
    "uri",
    [
        f"pip:some-package==1.0.post1/pkg/weights.bin?sha256={DIGEST}&size=10",
        f"pip:a==1!2.0+local/x y/z.bin?sha256={DIGEST}&size=1",
        "file:weights.bin",
        "file:sub/weights%20two.bin",
        "file:///data/weights.bin",
        "https://mirror.example/weights.bin",
        "http://localhost:8000/weights.bin",
        f"hf:owner/name@{'0123' * 10}/folder/weights.safetensors",
        f"npm:@scope/package@1.0.0-rc.1/package/data/x?sha256={'0' * 64}&size=9",
        "oci:registry.example/models/line",
    ],
)
def test_a_source_in_its_spelling_is_accepted(uri: str) -> None:
    assert check_uri(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        f"pip:a==1/x?sha256={DIGEST}",  # no size
        "pip:a==1/x?size=3",  # no digest
        f"pip:a==1/x?sha256={DIGEST[:-1]}&size=3",
        f"pip:a==1/x?sha256={DIGEST}&size=0",
        f"pip:a>=1/x?sha256={DIGEST}&size=3",
        f"pip:--index-url=http://e.example==1/x?sha256={DIGEST}&size=3",
        f"pip:-r==1/x?sha256={DIGEST}&size=3",
        f"pip:a==1 --pre/x?sha256={DIGEST}&size=3",
        f"pip:a==1\n--pre/x?sha256={DIGEST}&size=3",
        f"pip:a @ http://e.example/a.whl==1/x?sha256={DIGEST}&size=3",
        f"pip:a==1/../x?sha256={DIGEST}&size=3",
        f"pip:a==1//etc/x?sha256={DIGEST}&size=3",
        f"pip:a==1/x/?sha256={DIGEST}&size=3",
        f"pip:a==1/x?sha256={DIGEST}&size=3\n",
        "file:../up",
        "file:a/../../up",
        "file://host/share",
        "file:",
        "file:x?y=1",
        "weights.bin",
        "C:\\weights.bin",
        "",
    ],
)
def test_a_source_in_another_spelling_is_refused_with_the_right_one(uri: str) -> None:
    wrong = check_uri(uri)
    assert wrong is not None
    assert "\n" not in wrong


@pytest.mark.parametrize(
    "name",
    ["timm/some-net.ra_in1k", "https://huggingface.co/timm/some-net.ra_in1k"],
)
def test_a_name_of_hugging_face_is_told_its_spelling(stage: Stage, name: str) -> None:
    with pytest.raises(weft_hub.UnknownModelError) as caught:
        stage.hub().load(name)
    assert "called hf:timm/some-net.ra_in1k@REVISION" in str(caught.value)


@pytest.mark.parametrize("name", [3, None, b"a/line", ["a/line"]])
def test_a_name_that_is_no_text_is_one_clear_error(stage: Stage, name: object) -> None:
    for verb in ("load", "info", "download", "load_state_dict"):
        with pytest.raises(weft_hub.SettingError, match="name of a model must be text, but is"):
            getattr(stage.hub(), verb)(name)
