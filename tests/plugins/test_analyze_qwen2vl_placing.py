"""Where the Qwen2-VL analyzer puts a model, and what it does the quick way."""

from __future__ import annotations

from typing import Any

import pytest

from toolkit.errors import ModelError
from toolkit_analyze_qwen2vl.placing import place
from toolkit_analyze_qwen2vl.tensors import Tensors

GB = 10**9
SEVEN = Tensors(8_300_000_000, 8_300_000_000, 16_600_000_000, 16_600_000_000)
AWQ = Tensors(3_000_000_000, 1_700_000_000, 6_900_000_000, 3_400_000_000)


def placed(tensors: Tensors, free: dict[str, int], **options: Any) -> tuple[str, str, Any]:
    usual: dict[str, Any] = {"device": "auto", "dtype": "auto", "is_quantised": tensors is AWQ}
    found = place("some/model", tensors, **usual | options, free=free)
    return found.device, found.dtype, found.arguments


def test_a_model_goes_to_the_first_gpu_that_has_room() -> None:
    free = {"cuda:0": 8 * GB, "cuda:1": 24 * GB, "cpu": 64 * GB}
    assert placed(SEVEN, free) == ("cuda:1", "bfloat16", {"device_map": {"": "cuda:1"}})
    assert placed(AWQ, free)[:2] == ("cuda:0", "auto")
    assert placed(SEVEN, {"cpu": 64 * GB}) == ("cpu", "float32", {})
    assert placed(SEVEN, {"mps": 64 * GB, "cpu": 64 * GB})[:2] == ("mps", "float32")
    assert placed(SEVEN, free, device="cpu", dtype="bfloat16")[:2] == ("cpu", "bfloat16")


def test_a_model_that_no_gpu_holds_is_spread_over_all_of_them() -> None:
    device, dtype, arguments = placed(SEVEN, {"cuda:0": 12 * GB, "cuda:1": 12 * GB, "cpu": 64 * GB})
    assert (device, dtype) == ("cuda:0+1", "bfloat16")
    assert arguments["device_map"] == "auto"
    assert set(arguments["max_memory"]) == {0, 1}  # and nothing on the CPU or the disk


@pytest.mark.parametrize(
    ("free", "options"),
    [
        ({"cuda:0": 8 * GB, "cuda:1": 8 * GB, "cpu": 64 * GB}, {}),
        ({"cuda:0": 8 * GB, "cuda:1": 24 * GB, "cpu": 64 * GB}, {"device": "cuda"}),
        ({"cpu": 32 * GB}, {}),
    ],
)
def test_a_model_that_fits_nowhere_says_what_it_takes_and_what_there_is(
    free: dict[str, int], options: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=r"takes about (19\.1|38\.2) GB") as caught:
        placed(SEVEN, free, **options)
    assert "toolkit models list" in str(caught.value.hint)


@pytest.mark.parametrize(("rows", "keys", "length"), [(3, 2, 5), (1, 2, 1), (2, 1, 40)])
def test_attention_without_repeated_keys_is_the_library_s(
    rows: int, keys: int, length: int
) -> None:
    import torch
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    from toolkit_analyze_qwen2vl.speed import ATTENTION, register

    register()
    torch.manual_seed(0)
    module = torch.nn.Module()
    module.num_key_value_groups = 3
    query = torch.randn(rows, 3 * keys, length, 16)
    key, value = torch.randn(2, rows, keys, 50, 16)
    mask = torch.rand(rows, 1, length, 50) < 0.7
    ours = AttentionInterface()[ATTENTION](module, query, key, value, mask, scaling=0.3)[0]
    theirs = sdpa_attention_forward(module, query, key, value, mask, scaling=0.3)[0]
    torch.testing.assert_close(ours, theirs)


def test_a_branched_cache_grows_shrinks_and_leaves_the_prefix_alone() -> None:
    import torch
    from transformers import DynamicCache

    from toolkit_analyze_qwen2vl.speed import branch_cache

    torch.manual_seed(0)
    prefix = DynamicCache()
    prefix.update(*torch.randn(2, 2, 1, 7, 4), 0)
    untouched = prefix.layers[0].keys.clone()
    rows = torch.tensor([0, 1, 1, 0])
    ours = branch_cache(prefix, rows)
    theirs = DynamicCache()
    theirs.update(prefix.layers[0].keys[rows], prefix.layers[0].values[rows], 0)
    for count in (3, *[1] * 90):
        new = torch.randn(2, len(ours.layers[0].keys), 1, count, 4)
        for given, known in zip(ours.update(*new, 0), theirs.update(*new, 0), strict=True):
            torch.testing.assert_close(given, known, rtol=0, atol=0)
        if count == 1 and len(ours.layers[0].keys) > 2 and ours.get_seq_length() == 50:
            for cache in (ours, theirs):
                cache.batch_select_indices(torch.tensor([1, 3]))
    assert torch.equal(prefix.layers[0].keys, untouched)
