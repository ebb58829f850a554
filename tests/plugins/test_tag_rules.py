from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import toolkit_tag_rules
from toolkit.errors import RuleError
from toolkit.hooks.specs import Context, TaggerPlugin
from toolkit.records import Analysis, Sentiment, Tag
from toolkit.stages.tags import FunctionTagger, Tagger
from toolkit.testing.taggers import BARE_VIDEO, SCENE, TaggerSuite, sample_analysis
from toolkit_tag_rules import RulesOptions, make

Rules = Callable[[str], Tagger]


class TestRules(TaggerSuite):
    @pytest.fixture
    def plugin(self) -> TaggerPlugin:
        return next(iter(toolkit_tag_rules.toolkit_taggers()))


class TestFunction(TaggerSuite):
    @pytest.fixture
    def tagger(self) -> Tagger:
        def dogs(scene, analysis):  # type: ignore[no-untyped-def]
            if "dog" in analysis.description:
                yield Tag("dog", why="mentions a dog")

        return FunctionTagger(dogs)


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    def write(text: str) -> Tagger:
        (tmp_path / "rules.toml").write_text(text, encoding="utf-8")
        return make(RulesOptions(file="rules.toml"), Context(tmp_path, tmp_path))

    return write


def tags(tagger: Tagger, analysis: Analysis) -> dict[str, Tag]:
    return {tag.label: tag for tag in tagger.tag(SCENE, analysis, BARE_VIDEO)}


def holds(rules: Rules, condition: str, analysis: Analysis) -> bool:
    return bool(tags(rules(f'[[rule]]\ntag = "x"\n{condition}'), analysis))


def test_a_tag_says_which_rule_and_what_it_rests_on(rules: Rules) -> None:
    tagger = rules(
        "# my rules\n\n"
        "[[rule]]\n"
        'tag = "night"\n'
        "score = 0.9\n"
        'any = ["moon", "dark*"]\n'
        'none = ["indoors"]\n'
        'when = ["signals.brightness < 0.2"]\n'
    )
    found = tags(tagger, sample_analysis("A Darkened street.", signals={"brightness": 0.125}))
    assert found["night"].score == 0.9
    assert found["night"].why == (
        "rule 'night' (rules.toml:3): 'Darkened' in description, no 'indoors', "
        "signals.brightness 0.125 < 0.2"
    )
    assert not tags(tagger, sample_analysis("A Darkened street.", signals={"brightness": 0.5}))
    assert not tags(tagger, sample_analysis("It is dark indoors.", signals={"brightness": 0.1}))


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("car", "A red CAR.", True),
        ("car", "A carpet and a scar.", False),
        ("car*", "A carpet.", True),
        ("*car", "A scar.", True),
        ("red car", "a red\n  car", True),
        ("red car", "a red sports car", False),
        ("c++", "a book on C++, open", True),
        ("café", "the Café is open", True),
        ("/cars?/", "two cars", True),
        ("/^two/", "two cars", True),
        ("/moon(light)?$/", "by Moonlight", True),
        ("/moon(light)?$/", "moonlight falls", False),
    ],
)
def test_words_wildcards_and_regular_expressions(
    rules: Rules, pattern: str, text: str, found: bool
) -> None:
    assert holds(rules, f"any = ['{pattern}']", sample_analysis(text)) is found


def test_words_are_looked_for_where_the_rule_says(rules: Rules) -> None:
    analysis = sample_analysis("A street.", questions={"Is it night?": "Yes.", "Rain?": "No."})
    assert holds(rules, 'all = ["street", "yes"]', analysis)
    assert not holds(rules, 'any = "yes"\nin = ["description"]', analysis)
    assert holds(rules, 'any = "yes"\nin = ["answers"]', analysis)
    assert holds(rules, 'any = "yes"\nin = ["Is it night?"]', analysis)
    assert not holds(rules, 'any = "yes"\nin = ["Rain?", "description"]', analysis)
    # Nobody looked, so nobody can say that it is not there.
    assert not holds(rules, 'none = "people"', sample_analysis(""))


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("signals.brightness<.25", True),
        ("signals.brightness >= 2e-1", True),
        ("signals.brightness == 0.2", True),
        ("signals.black == false", True),
        ("signals.black == 0", False),
        ("signals.brightness != false", False),
        ("signals.shot_scale == 'Close-Up'", True),
        ('signals.shot_scale != "long"', True),
        ("signals.shot_scale < 3", False),
        ("signals.faces >= 0", False),
        ("signals.nothing != 1", False),
        ("labels.red car > 0.5", True),
        ("answers.How many people? >= 3", True),
        ("answers.How many people? < 3", False),
        ("answers.Is it night? == false", True),
        ("answers.Is it night? == 'no'", False),
        ("answers.Weather? == 'Rain'", True),
        ("answers.Visible? == 'bus'", True),
        ("answers.Visible? == 'car'", False),
        ("answers.Visible? != 'car'", True),
        ("answers.Visible? != 3", False),
        ("answers.Who? == 'Nobody.'", True),
        ("answers.Unasked? != 'car'", False),
        ("sentiment == 'negative'", True),
        ("sentiment.confidence > .6", True),
        ("scene.duration_s >= 10", True),
        ("scene.index == 0", True),
        ("scene.kind == 'start'", True),
        ("video.duration_s > 0", False),
        ("video.truncated == false", True),
    ],
)
def test_comparisons(rules: Rules, condition: str, found: bool) -> None:
    analysis = sample_analysis(
        signals={"brightness": 0.2, "black": False, "shot_scale": "close-up", "faces": None},
        sentiment=Sentiment(label="negative", confidence=0.75),
        labels={"red car": 0.75},
        questions={
            "How many people?": 3,
            "Is it night?": False,
            "Weather?": "rain",
            "Visible?": ["bus", "bicycle"],
            "Who?": "Nobody.",
        },
    )
    assert holds(rules, f"when = '''{condition}'''", analysis) is found


def test_of_two_rules_with_one_tag_the_better_scored_wins(rules: Rules) -> None:
    tagger = rules(
        '[[rule]]\ntag = "dog"\nscore = 0.5\nany = "dog"\n'
        '[[rule]]\ntag = "dog"\nscore = 0.7\nany = "dog*"\n'
    )
    assert tags(tagger, sample_analysis("dog"))["dog"].score == 0.7


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[[rule]]\ntag = "x"\nany = ["a"', 3, "not TOML"),
        ('[[rule]]\ntag = "x"\ntag = "y"', 3, "not TOML"),
        ('\n[[rules]]\ntag = "x"', 2, "Unknown 'rules'"),
        ('[[rule]]\nany = ["x"]', 1, "needs a tag"),
        ('[[rule]]\ntag = ""\nany = ["x"]', 2, "needs a tag"),
        ('[[rule]]\ntag = "x"', 2, "no condition"),
        ('[[rule]]\ntag = "x"\nany = "y"\nexclude = ["z"]', 4, "no 'exclude'"),
        ('[[rule]]\ntag = "x"\n\nann = ["z"]', 4, "Did you mean 'any'?"),
        ('[[rule]]\ntag = "x"\nany = ["z"]\nscore = 90', 4, "from 0 to 1"),
        ('[[rule]]\ntag = "x"\nany = ["z"]\nscore = true', 4, "from 0 to 1"),
        ('[[rule]]\ntag = "x"\nany = [3]', 3, "not 3"),
        ('[[rule]]\ntag = "x"\nany = 3', 3, "list of texts"),
        ('[[rule]]\ntag = "x"\nany = [\n  "ok",\n  "/a(b/",\n]', 5, "/a(b/ is wrong"),
        ('[[rule]]\ntag = "x"\nany = ["/a*/"]', 3, "fits every text"),
        ('[[rule]]\ntag = "x"\nany = ["*"]', 3, "no word"),
        ('[[rule]]\ntag = "x"\nany = ["a"]\nin = ["descripton"]', 4, "'description'?"),
        ('[[rule]]\ntag = "x"\nwhen = ["signals.black"]', 3, "is no comparison"),
        ('[[rule]]\ntag = "x"\nwhen = ["signals.black = true"]', 3, "is no comparison"),
        ('[[rule]]\ntag = "x"\nwhen = ["signals > 3"]', 3, "needs a name"),
        ('[[rule]]\ntag = "x"\nwhen = ["signal.black == true"]', 3, "'signals'?"),
        ('[[rule]]\ntag = "x"\nwhen = ["video.duration > 3"]', 3, "'video.duration_s'?"),
        ('[[rule]]\ntag = "x"\nwhen = ["video.tags == \'x\'"]', 3, "no field 'video.tags'"),
        ('[[rule]]\ntag = "x"\nwhen = ["video.codec == 264"]', 3, "video.codec is text"),
        ('[[rule]]\ntag = "x"\nwhen = ["video.codec > \'a\'"]', 3, "only numbers"),
        ('[[rule]]\ntag = "x"\nwhen = ["signals.motion > much"]', 3, "much is no value"),
        ('[[rule]]\ntag = "x"\nwhen = ["sentiment == \'postive\'"]', 3, "'positive'?"),
        ('[[rule]]\ntag = "x"\nwhen = ["__import__(\'os\') == 1"]', 3, "no field"),
        ('[[rule]]\ntag = "a"\nany = "z"\n[[rule]]\ntag = "b"\nany = "/(/"', 6, "is wrong"),
        ('rule = [{tag = "a", any = "z"}]', 1, "[[rule]]"),
        ('rule = "a"', 1, "[[rule]]"),
    ],
)
def test_a_mistake_names_its_file_and_line(rules: Rules, text: str, line: int, said: str) -> None:
    with pytest.raises(RuleError) as caught:
        rules(text)
    assert f"rules.toml:{line}: " in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00bad"])
def test_a_file_that_cannot_be_read_is_a_rule_error(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "rules.toml").write_bytes(content)
    with pytest.raises(RuleError, match="cannot be read"):
        make(RulesOptions(file="rules.toml"), Context(tmp_path, tmp_path))


def test_what_the_rules_say_is_the_identity_and_not_where_they_are(tmp_path: Path) -> None:
    def identity(folder: str, text: str) -> object:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "rules.toml").write_text(text, encoding="utf-8")
        options = RulesOptions(file=f"{folder}/rules.toml")
        return make(options, Context(tmp_path, tmp_path)).identity(), options.identity()

    rule = '[[rule]]\ntag = "x"\nany = "y"'
    assert identity("a", rule) == identity("b", rule)
    assert identity("a", rule) != identity("a", rule + "\nscore = 0.5")


def test_no_rules_no_tags(rules: Rules) -> None:
    assert not tags(rules(""), sample_analysis())


@pytest.mark.parametrize(
    ("analysis", "labels"),
    [
        (sample_analysis("A man reads."), {"people"}),
        (sample_analysis("An empty room; no people are there."), set()),
        (sample_analysis("", signals={"brightness": 0.1, "black": False}), {"dark"}),
        (sample_analysis("", signals={"brightness": 0.0, "black": True}), {"black"}),
        (
            sample_analysis("", signals={"faces": 2, "shot_scale": "close-up", "motion": 0.2}),
            {"people", "close-up", "fast-moving"},
        ),
        (sample_analysis("", sentiment=Sentiment(label="positive")), {"positive mood"}),
        (sample_analysis("", sentiment=Sentiment(label="neutral")), set()),
    ],
)
def test_the_rules_that_come_with_it(tmp_path: Path, analysis: Analysis, labels: set[str]) -> None:
    assert set(tags(make(RulesOptions(), Context(tmp_path, tmp_path)), analysis)) == labels


def test_the_examples_in_the_documentation_run(
    rules: Rules,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    files = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    [script] = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    [said] = re.findall(r"```text\n(rule .*?)\n```", text)
    for file in reversed(files):
        rules(file)
    monkeypatch.chdir(tmp_path)
    exec(script, {})
    assert capsys.readouterr().out == f"night 0.9 {said}\n"
