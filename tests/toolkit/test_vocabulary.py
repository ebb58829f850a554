"""Vocabulary files: what they say, and what is said of their mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import VocabularyError
from toolkit.records import Label, Vocabulary
from toolkit.records.calibration import uncalibrated
from toolkit.vocabulary import load_vocabulary

FULL = """\
# What we look for.
[[label]]
name = "vehicle"

[[label]]
name = "car"
phrasing = "a car or taxi"
synonyms = ["automobile", "Motor  Car"]
parent = "vehicle"
threshold = 0.7
exclusive = "on the road"
calibration = [1.5, -0.25]
"""


def load(folder: Path, text: str) -> Vocabulary:
    (folder / "labels.toml").write_text(text, encoding="utf-8")
    return load_vocabulary(folder / "labels.toml")


def test_all_that_a_label_says(tmp_path: Path) -> None:
    found = load(tmp_path, FULL)
    vehicle = Label(name="vehicle", phrasing="")  # a mere category
    car = Label(
        name="car",
        phrasing="a car or taxi",
        synonyms=("automobile", "Motor Car"),
        parent="vehicle",
        threshold=0.7,
        exclusive="on the road",
        calibration=(1.5, -0.25),
    )
    assert found.labels == (vehicle, car)
    assert found.find("AUTOMOBILE") == found.find(" motor\tcar") == found.find("Car") == car
    assert found.find("a car or taxi") is None
    assert [*found.above("automobile")] == [car, vehicle]
    assert found.phrasings == ("a car or taxi",)
    asked = load(tmp_path, FULL.replace('"vehicle"\n\n', '"vehicle"\nphrasing = "vehicles"\n\n'))
    assert asked.phrasings == ("a car or taxi", "vehicles")
    assert Vocabulary.model_validate_json(found.model_dump_json()) == found


def test_the_key_is_of_what_is_said_and_not_of_how(tmp_path: Path) -> None:
    key = load(tmp_path, FULL).key
    assert load(tmp_path, FULL.replace("# What", "# All that") + "\n\n").key == key
    assert load(tmp_path, FULL.replace("0.7", "0.6")).key != key


def test_a_calibration_moves_the_probability_and_not_the_order() -> None:
    plain = Label(name="x", phrasing="x")
    assert plain.probability(0.3) == 0.3
    moved = Label(name="x", phrasing="x", calibration=(2.0, 1.0))
    assert moved.probability(0.5) == pytest.approx(0.7310585786)  # 1 / (1 + exp(-1))
    probabilities = [moved.probability(score) for score in (0.0, 0.1, 0.5, 0.9, 1.0)]
    assert probabilities == sorted(set(probabilities))
    steep = Label(name="x", phrasing="x", calibration=(1e6, 0.0))
    assert (steep.probability(0.0), steep.probability(1.0)) == (0.0, 1.0)


def test_points_of_a_calibration_have_straight_lines_between(tmp_path: Path) -> None:
    text = '[[label]]\nname = "x"\ncalibration = [[0, 0.1], [0.5, 0.2], [0.75, 0.2], [1, 0.9]]\n'
    [label] = load(tmp_path, text + "similarity_calibration = [2, -0.5]\n").labels
    scores = (0.0, 0.25, 0.5, 0.6, 0.75, 0.875, 1.0)
    found = [label.probability(score) for score in scores]
    assert found == pytest.approx([0.1, 0.15, 0.2, 0.2, 0.2, 0.55, 0.9])
    assert [uncalibrated(one, label.calibration) for one in (0.05, 0.1, 0.15, 0.2, 0.55, 1)] == (
        pytest.approx([0, 0, 0.25, 0.5, 0.875, 1])
    )
    assert label.by_similarity().calibration == (2.0, -0.5)
    assert Vocabulary.model_validate_json(Vocabulary(labels=(label,)).model_dump_json()).labels == (
        label,
    )


def test_scores_by_phrasing_become_probabilities_by_name(tmp_path: Path) -> None:
    found = load(tmp_path, FULL)
    scored = found.scored({"a car or taxi": 0.5, "car": 0.9, "sea": 0.1})
    assert scored == {"car": pytest.approx(0.4378234991)}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[[label]]\nname = "x', 2, "not TOML"),
        ('\n[label]\nname = "x"', 1, "Begin each label with a line [[label]]"),
        ('\n[[labels]]\nname = "x"', 2, "Unknown 'labels'"),
        ('[[label]]\nphrasing = "x"', 1, "needs a name"),
        ('[[label]]\nname = " "', 2, "'name' takes a text"),
        ('[[label]]\nname = 3', 2, "not 3"),
        ('[[label]]\nname = "x"\ntreshold = 0.5', 3, "Did you mean 'threshold'?"),
        ('[[label]]\nname = "x"\nthreshold = 1.5', 3, "from 0 to 1, not 1.5"),
        ('[[label]]\nname = "x"\nthreshold = nan', 3, "from 0 to 1, not nan"),
        ('[[label]]\nname = "x"\nthreshold = true', 3, "from 0 to 1"),
        ('[[label]]\nname = "x"\nsynonyms = [3]', 3, "not 3"),
        ('[[label]]\nname = "x"\nsynonyms = 3', 3, "list of texts"),
        ('[[label]]\nname = "x"\nsynonyms = [""]', 3, "is empty"),
        ('[[label]]\nname = "x"\nexclusive = ""', 3, "'exclusive' takes a text"),
        ('[[label]]\nname = "x"\ncalibration = [1]', 3, "two numbers"),
        ('[[label]]\nname = "x"\ncalibration = [1, inf]', 3, "two numbers"),
        ('[[label]]\nname = "x"\ncalibration = [-1, 0]', 3, "above 0"),
        ('[[label]]\nname = "x"\ncalibration = [[0, 0], [1]]', 3, "or points"),
        ('[[label]]\nname = "x"\ncalibration = [[0, 0.2]]', 3, "have to rise"),
        ('[[label]]\nname = "x"\ncalibration = [[0, 0.2], [1, 0.1]]', 3, "have to rise"),
        ('[[label]]\nname = "x"\nsimilarity_threshold = 2', 3, "from 0 to 1"),
        ('[[label]]\nname = "x"\n[[label]]\nname = "X"', 4, "two labels 'X'"),
        ('[[label]]\nname = "x"\n[[label]]\nname = "y"\nphrasing = "X"', 5, "phrasing of 'x', too"),
        (
            '[[label]]\nname = "x"\n[[label]]\nname = "y"\nsynonyms = [\n  "z",\n  "x",\n]',
            7,
            "stands for 'x', too",
        ),
        ('[[label]]\nname = "auto"\nparent = "vehicel"\n[[label]]\nname = "vehicle"', 3, "Did you"),
        ('[[label]]\nname = "x"\nparent = "X"', 3, "its own parent: x > x"),
        (
            '[[label]]\nname="a"\nparent="b"\n[[label]]\nname="b"\nparent="a"',
            3,
            "its own parent: a > b > a",
        ),
    ],
)  # fmt: skip
def test_a_mistake_names_its_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(VocabularyError) as caught:
        load(tmp_path, text)
    assert f"labels.toml:{line}: " in str(caught.value)
    assert said in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="cannot be read: No such file"):
        load_vocabulary(tmp_path / "labels.toml")
    (tmp_path / "labels.toml").write_bytes(b"\xff\xfe\x00bad")
    with pytest.raises(VocabularyError, match="not UTF-8"):
        load_vocabulary(tmp_path / "labels.toml")
