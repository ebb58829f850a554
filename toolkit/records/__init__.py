"""What flows: a source becomes a video, a video scenes, a scene answers, an analysis tags.

What was said about its scenes becomes a video's synthesis.

Every record is frozen, validates itself, and has an ``id`` that comes from content, so that the
same work has the same name everywhere and every write can be repeated safely. Only runs, failures
and reviews happen at a moment: their ids are random. ``Frames`` never enters a store.

Times are seconds from the video's first frame, unless a name says otherwise; moments are UTC.
"""

from toolkit.records.analysis import (
    Analysis,
    Answer,
    Ask,
    AskKind,
    Evidence,
    Review,
    ReviewAction,
    ReviewTarget,
    Sentiment,
    SentimentLabel,
    Tag,
)
from toolkit.records.base import Part, Record, digest, new_id, now
from toolkit.records.media import (
    AudioStream,
    Chapter,
    Cut,
    Frames,
    Scene,
    Source,
    SubtitleStream,
    Video,
)
from toolkit.records.questions import Question
from toolkit.records.runs import Completion, Failure, Lineage, Run, RunSource, RunStatus
from toolkit.records.synthesis import Statement, Synthesis, SynthesisKind
from toolkit.records.types import AnswerKind, AnswerType
from toolkit.records.vocabulary import Label, Vocabulary

__all__ = [
    "Analysis",
    "Answer",
    "AnswerKind",
    "AnswerType",
    "Ask",
    "AskKind",
    "AudioStream",
    "Chapter",
    "Completion",
    "Cut",
    "Evidence",
    "Failure",
    "Frames",
    "Label",
    "Lineage",
    "Part",
    "Question",
    "Record",
    "Review",
    "ReviewAction",
    "ReviewTarget",
    "Run",
    "RunSource",
    "RunStatus",
    "Scene",
    "Sentiment",
    "SentimentLabel",
    "Source",
    "Statement",
    "SubtitleStream",
    "Synthesis",
    "SynthesisKind",
    "Tag",
    "Video",
    "Vocabulary",
    "digest",
    "new_id",
    "now",
]
