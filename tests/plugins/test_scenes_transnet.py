from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from toolkit.errors import ModelError
from toolkit.records import Cut
from toolkit.stages.scenes import SceneDetector
from toolkit.testing.clips import TransitionKind, random_shots, write_film
from toolkit.testing.detectors import SceneDetectorSuite, convert, film
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_scenes_transnet import TransNetOptions
from toolkit_scenes_transnet.detector import TransNetDetector, _Judge
from toolkit_scenes_transnet.network import Network, packaged_weights

FRAME_S = 0.04


@pytest.fixture(scope="module")
def shared() -> Iterator[TransNetDetector]:
    """On the CPU, so that the tests say the same everywhere."""
    with TransNetDetector(TransNetOptions(device="cpu")) as detector:
        yield detector


@pytest.mark.slow
class TestTransNet(SceneDetectorSuite):
    begins = (50, 99, 101)  # its windows begin at every fiftieth frame

    @pytest.fixture
    def detector(self, shared: TransNetDetector) -> SceneDetector:
        return shared


class Recorded(Network):
    """Remembers the windows that it was shown, and what it said of them."""

    def __init__(self) -> None:
        super().__init__(packaged_weights(), "cpu")
        self.said: list[npt.NDArray[np.float32]] = []

    def predict(
        self, window: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        assert len(window) == 100
        both = super().predict(window)
        self.said.append(np.stack(both)[:, 25:75])
        return both


@pytest.mark.parametrize("length", [1, 50, 101])
def test_predictions_are_those_of_the_package(length: int) -> None:
    """To 1e-5: the same network on the same windows, whose pixels are the same to the bit."""
    network = Recorded()
    detector = TransNetDetector(TransNetOptions())
    detector._network = network
    images = [convert(image, detector) for image in film(["cut", "cut", "fade"], detector.width)]
    reading = detector.start(FRAME_S)
    for index, image in enumerate(images[:length]):
        reading.push(index * FRAME_S, image)
    reading.finish()
    ours = np.concatenate(network.said, axis=1)[:, :length]
    small = torch.from_numpy(network.shrink(np.stack(images[:length])))
    with torch.inference_mode():
        theirs = np.stack([part.numpy() for part in network._net.predict_frames(small, quiet=True)])
    assert ours.shape == theirs.shape == (2, length)
    assert np.abs(ours - theirs).max() < 1e-5


def read(path: Path, detector: SceneDetector) -> tuple[list[Cut], int]:
    """The cuts of a file, and how many frames late the latest was told."""
    cuts: list[Cut] = []
    late = 0
    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        reading = detector.start(stream.frame_s)
        height = round(detector.width * stream.height / stream.width / 2) * 2
        for frame in stream:
            new = reading.push(
                frame.pts_s, frame.small(detector.width, height, detector.image_format)
            )
            for cut in new:
                late = max(late, round((frame.pts_s - cut.at_s) / stream.frame_s))
                cuts.append(cut)
        cuts += reading.finish()
    return cuts, late


@pytest.mark.slow
def test_a_film_of_cuts_fades_and_dissolves(tmp_path: Path, shared: TransNetDetector) -> None:
    rng = random.Random(0)
    joints: tuple[TransitionKind, ...] = ("cut", "fade", "dissolve", "cut", "dissolve")
    truth = write_film(tmp_path / "film.mp4", random_shots(rng, 6), joints, rng=rng)
    cuts, late = read(tmp_path / "film.mp4", shared)
    assert len(cuts) == len(truth.boundaries)
    for cut, joint in zip(cuts, truth.boundaries, strict=True):
        assert joint.start_s - 1e-6 <= cut.at_s <= joint.end_s + 1e-6
        assert cut.kind == ("cut" if joint.kind == "cut" else "dissolve")
        assert 0.5 < cut.score <= 1
    assert late <= 75


def test_scans_side_by_side_share_one_network(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Network] = []
    original = Network.__init__

    def counted(self: Network, weights: Path, device: str) -> None:
        made.append(self)
        original(self, weights, device)

    monkeypatch.setattr(Network, "__init__", counted)
    with TransNetDetector(TransNetOptions(device="cpu")) as detector:
        assert not made  # not before it is needed
        images, suite = film(["cut"], detector.width), SceneDetectorSuite()
        found: list[list[Cut]] = []
        threads = [
            threading.Thread(target=lambda: found.append(suite.watch(detector, images)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(made) == 1
    assert len(found) == 2
    assert found[0] == found[1] != []


def test_loading_leaves_the_process_as_it_was() -> None:
    """The package's own constructor seeds all generators and makes torch deterministic."""
    torch.manual_seed(1)
    random.seed(1)
    expected = random.Random(1).random()
    TransNetDetector(TransNetOptions(device="cpu")).start(FRAME_S)
    assert random.random() == expected
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("content", [None, b"", b"not weights", b"other network"])
def test_weights_that_cannot_be_used(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "weights.pth"
    if content == b"other network":
        torch.save({"fc1.weight": torch.zeros(2, 2)}, path)
    elif content is not None:
        path.write_bytes(content)
    detector = TransNetDetector(TransNetOptions(weights=path.name, device="cpu"), tmp_path)
    with pytest.raises(ModelError, match=r"weights\.pth") as caught:
        detector.start(FRAME_S)
    assert "pip install" in (caught.value.hint or "")
    assert caught.value.__cause__ is not None
    if content is None:
        with pytest.raises(ModelError, match=r"weights\.pth"):
            detector.identity()


def test_weights_that_would_run_code_are_refused(tmp_path: Path) -> None:
    torch.save({"fc1.weight": Trap(tmp_path / "sprung")}, tmp_path / "trap.pth")
    options = TransNetOptions(weights=str(tmp_path / "trap.pth"), device="cpu")
    with pytest.raises(ModelError):
        TransNetDetector(options).start(FRAME_S)
    assert not (tmp_path / "sprung").exists()


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_device_that_is_not_there() -> None:
    if torch.cuda.device_count() > 64:
        pytest.skip("it is there")
    with pytest.raises(ModelError, match="cuda:64"):
        TransNetDetector(TransNetOptions(device="cuda:64")).start(FRAME_S)


def test_identity_follows_the_weights_not_their_place(tmp_path: Path) -> None:
    usual = TransNetDetector(TransNetOptions()).identity()
    same, other = tmp_path / "same.pth", tmp_path / "other.pth"
    same.write_bytes(packaged_weights().read_bytes())
    other.write_bytes(b"other")
    assert TransNetDetector(TransNetOptions(weights=str(same))).identity() == usual
    assert TransNetDetector(TransNetOptions(weights=str(other))).identity() != usual
    assert TransNetOptions(device="cpu").identity() == TransNetOptions().identity()


def judged(middle: list[float], whole: list[float], min_scene_s: float = 0.0) -> list[Cut]:
    judge = _Judge(0.5, min_scene_s)
    cuts: list[Cut] = []
    for index, pair in enumerate(zip(middle, whole, strict=True)):
        cuts += judge.next(float(index), *pair)
    return cuts + judge.finish()


def test_what_the_probabilities_come_to() -> None:
    low = [0.0] * 4
    assert judged([*low, 0.9, *low], [*low, 0.9, *low]) == [Cut(at_s=5, kind="cut", score=0.9)]
    # A stretch is one boundary, after its likeliest frame; both sides tell that it is gradual.
    middle, whole = [*low, 0.6, 0.8, 0.7, *low], [*low, 0.9, 0.9, 0.9, *low]
    assert judged(middle, whole) == [Cut(at_s=6, kind="dissolve", score=0.8)]
    # The film ends with the boundary: there is no frame that a scene could begin with.
    assert judged([*low, 0.9], [*low, 0.9]) == []
    assert judged([*low, 0.9, *low], [*low, 0.9, *low], min_scene_s=6) == []
    # One without an end is told all the same.
    assert len(judged([0.9] * 250, [0.0] * 250)) == 3
