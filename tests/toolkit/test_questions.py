"""Typed questions: how people write them, what answers fit, and which keys they have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, JsonValue

import toolkit as tk
from toolkit.execution.api import asking
from toolkit.hooks.manager import configure
from toolkit.records import AnswerType, Ask, Question, digest

SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"colour": {"type": "string"}, "doors": {"type": "integer"}},
    "required": ["colour"],
}


class Vehicle(BaseModel):
    """A vehicle."""

    colour: str
    doors: int = 4


@pytest.mark.parametrize(
    ("line", "text", "form"),
    [
        ("Is it raining? [yes/no]", "Is it raining?", {"kind": "yes_no"}),
        ("How many people? [Number]", "How many people?", {"kind": "number"}),
        ("Who is it?", "Who is it?", {}),
        ("Who is it? [text]", "Who is it?", {}),
        ("What is on the sign? [text 80]", "What is on the sign?", {"max_chars": 80}),
        (
            "Weather? [one of: sun, rain at night]",
            "Weather?",
            {"kind": "one_of", "choices": ["sun", "rain at night"]},
        ),
        ("Which? [many of: car,bus]", "Which?", {"kind": "many_of", "choices": ["car", "bus"]}),
        ("What says [the sign] here?", "What says [the sign] here?", {}),
        (
            "Describe it. [json: vehicle.json]",
            "Describe it.",
            {"kind": "json", "json_schema": SCHEMA},
        ),
    ],
)
def test_a_line_says_the_type_in_brackets(
    tmp_path: Path, line: str, text: str, form: dict[str, Any]
) -> None:
    (tmp_path / "vehicle.json").write_text(json.dumps(SCHEMA))
    question = Question.parse(line, tmp_path)
    assert (question.text, question.type) == (text, AnswerType.model_validate(form))
    # What a run's row keeps leads to the same question, without the file.
    kept = json.loads(question.model_dump_json())
    again = Question.parse(kept) if isinstance(kept, str) else Question(**kept)
    assert again == question


@pytest.mark.parametrize(
    ("line", "tells"),
    [
        ("Is it raining? [yes/noo]", "Did you mean 'yes/no'"),
        ("Is it raining? [yes / no: x]", "yes/no"),
        ("How many? [nubmer]", "Did you mean 'number'"),
        ("Weather? [one of: sun]", "at least 2 choices"),
        ("Weather? [one of: sun, , rain]", "none empty"),
        ("Weather? [many of: sun, Sun]", "same choice twice"),
        ("Sign? [text 0]", "at least 1"),
        ("Vehicle? [json: nowhere.json]", "nowhere.json"),
        ("Vehicle? [json: wrong.json]", "wrong at"),
        ("Vehicle? [json: list.json]", "no JSON object"),
        ("[number]", "without words"),
    ],
)
def test_a_wrong_type_is_an_error_with_a_way_out(tmp_path: Path, line: str, tells: str) -> None:
    (tmp_path / "wrong.json").write_text('{"type": "objekt"}')
    (tmp_path / "list.json").write_text("[]")
    with pytest.raises(tk.ConfigError) as caught:
        Question.parse(line, tmp_path)
    assert tells in f"{caught.value.message} {caught.value.hint}"


def test_the_config_names_the_line_of_a_wrong_type(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[analysis]\nquestions =\n  Is it night? [yes/noo]\n")
    with pytest.raises(tk.ConfigError, match=r"config\.ini:2.*Did you mean 'yes/no'"):
        configure(tmp_path / "config.ini", {})


def test_schemas_lie_beside_the_config_file_and_arguments_win(tmp_path: Path) -> None:
    (tmp_path / "vehicle.json").write_text(json.dumps(SCHEMA))
    (tmp_path / "config.ini").write_text(
        "[analysis]\nquestions =\n  Describe it. [json: vehicle.json]\n  Is it night?\n"
        "labels = car, night\n"
    )
    settings, _, _ = configure(tmp_path / "config.ini", {})
    asked = asking(settings, ["Is it night? [yes/no]", tk.Question("Who?", max_chars=9)])
    assert {question.text: question.type.kind for question in asked.analysis.questions} == {
        "Describe it.": "json",
        "Is it night?": "yes_no",
        "Who?": "text",
    }
    assert asked.analysis.labels == ("car", "night")
    # A run is resumed with the settings of its row, wherever the schema is by then.
    (tmp_path / "vehicle.json").unlink()
    shown = json.loads(json.dumps(asked.shown()["analysis"]))
    again, _, _ = configure(None, {"analysis": shown})
    assert again.analysis.questions == asked.analysis.questions


def test_types_come_from_python(tmp_path: Path) -> None:
    assert tk.Question("Rain?", type="yes/no").type == AnswerType(kind="yes_no")
    assert tk.Question("Sky?", choices=["a", "b"]).type.kind == "one_of"
    assert tk.Question("Sky?", choices=["a"], many=True).type.kind == "many_of"
    assert tk.Question("What?", type=SCHEMA).type.json_schema == SCHEMA
    vehicle = tk.Question("What?", type=Vehicle).type
    assert vehicle.parse('{"colour": "red"}') == {"colour": "red"}
    with pytest.raises(tk.ConfigError, match="'yesno' is no type") as caught:
        tk.Question("Rain?", type="yesno")
    assert "yes/no" in str(caught.value.hint)
    for wrong in ({"many": True}, {"type": "number", "choices": ["a", "b"]}):
        with pytest.raises(tk.ConfigError):
            tk.Question("What?", **wrong)


ONE = AnswerType(kind="one_of", choices=("Sun", "rain, or hail"))
MANY = AnswerType(kind="many_of", choices=("car", "bus", "bicycle"))


@pytest.mark.parametrize(
    ("form", "text", "value"),
    [
        (AnswerType(), " as it is. ", "as it is."),
        (AnswerType(max_chars=3), "yes", "yes"),
        (AnswerType(kind="yes_no"), "Yes.", True),
        (AnswerType(kind="yes_no"), "false", False),
        (AnswerType(kind="number"), "12", 12),
        (AnswerType(kind="number"), "-0.5", -0.5),
        (AnswerType(kind="number"), "1e3", 1000.0),
        (ONE, '"sun"', "Sun"),
        (ONE, "rain, or hail", "rain, or hail"),
        (MANY, '["bus", "car"]', ["car", "bus"]),
        (MANY, "Bus, bicycle.", ["bus", "bicycle"]),
        (MANY, "none", []),
        (MANY, "[]", []),
        (AnswerType(kind="json", json_schema=SCHEMA), '{"colour": "red"}', {"colour": "red"}),
    ],
)
def test_an_answer_that_fits_becomes_its_value(
    form: AnswerType, text: str, value: JsonValue
) -> None:
    found = form.parse(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (AnswerType(max_chars=3), "four"),
        (AnswerType(kind="yes_no"), "maybe"),
        (AnswerType(kind="number"), "three"),
        (AnswerType(kind="number"), "3 people"),
        (AnswerType(kind="number"), "1e999"),
        (AnswerType(kind="number"), "NaN"),
        (ONE, "snow"),
        (MANY, "car, plane"),
        (MANY, "[1]"),
        (MANY, '["car"'),
        (AnswerType(kind="json", json_schema=SCHEMA), '{"colour": "re'),
        (AnswerType(kind="json", json_schema=SCHEMA), '{"doors": 3}'),
        (AnswerType(kind="json", json_schema=SCHEMA), '{"colour": "red", "doors": "two"}'),
        (AnswerType(kind="json", json_schema={"type": "number"}), "NaN"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(form: AnswerType, text: str) -> None:
    with pytest.raises(ValueError, match=r"no|neither|not"):
        form.parse(text)


def test_only_a_type_changes_an_asks_key() -> None:
    plain = Ask(kind="question", name="Rain?", prompt="p")
    assert plain.key == digest("ask", "question", "Rain?", "p")
    typed = [
        plain.model_copy(update={"type": form})
        for form in (AnswerType(kind="yes_no"), AnswerType(max_chars=8), ONE, MANY)
    ]
    assert len({ask.key for ask in [plain, *typed]}) == 5
    assert len({plain, *typed, plain.model_copy()}) == 5  # asks can be looked up by
