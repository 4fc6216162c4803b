"""Which process this is, and what it computes on; several at once are tried in test_shards.py."""

import pytest
import torch
from torch import distributed

from nmt.data import ranks
from nmt.data.ranks import in_first_rank, of_all_ranks, sum_over_ranks
from nmt.pipe.processes import Processes


def test_the_environment_says_which_process_this_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert Processes.of_environment() == Processes(0, 1, 0)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "")
    assert Processes.of_environment() == Processes(0, 1, 0)
    for name, value in (("RANK", "5"), ("WORLD_SIZE", "8"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert Processes.of_environment() == Processes(5, 8, 1)


def test_each_process_of_a_machine_has_a_gpu_as_far_as_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [Processes(7, 8, local).device("auto") for local in range(3)] == ["cuda:0", "cuda:1", "cuda:0"]
    assert Processes(7, 8, 1).device("auto", on_gpu=False) == "auto"
    assert Processes(7, 8, 1).device("cuda") == "cuda:1"
    assert Processes(7, 8, 1).device("cpu") == "cpu"
    assert Processes().device("cuda") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert Processes(7, 8, 1).device("auto") == "auto"


def test_one_process_waits_for_nobody_and_hears_of_its_mistake() -> None:
    def fail() -> None:
        raise ValueError("no")

    with Processes().together():
        Processes().wait()
        with pytest.raises(ValueError, match="no"):
            in_first_rank(fail)


def test_what_all_ranks_have_is_in_the_order_of_its_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {4: "d", 0: "a"}
    assert list(of_all_ranks(own)) == [0, 4]
    monkeypatch.setattr(ranks, "_has_others", lambda: True)
    monkeypatch.setattr(ranks.dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(ranks.dist, "all_gather_object", lambda shares, own: shares.extend([{1: "b"}, own]))
    assert list(of_all_ranks(own).items()) == [(0, "a"), (1, "b"), (4, "d")]


def test_the_sum_over_ranks_leaves_what_each_has(monkeypatch: pytest.MonkeyPatch) -> None:
    own = torch.tensor([1.0, 2.0])
    monkeypatch.setattr(ranks, "_has_others", lambda: True)
    monkeypatch.setattr(ranks.dist, "all_reduce", lambda total: total.mul_(2))
    assert sum_over_ranks(own, torch.device("cpu")).tolist() == [2, 4]
    assert own.tolist() == [1, 2]


@pytest.mark.parametrize("mistake", [ValueError, OSError])
def test_the_others_hear_of_a_mistake_of_the_first_and_end(
    monkeypatch: pytest.MonkeyPatch, mistake: type[Exception]
) -> None:
    def fail() -> None:
        raise mistake("no")

    said: list[bool] = []
    monkeypatch.setattr(ranks, "_has_others", lambda: True)
    monkeypatch.setattr(ranks.dist, "get_rank", lambda: 0)
    monkeypatch.setattr(ranks.dist, "broadcast_object_list", said.extend)
    with pytest.raises(mistake, match="no"):
        in_first_rank(fail)
    assert said == [True]
    monkeypatch.setattr(ranks.dist, "get_rank", lambda: 1)
    monkeypatch.setattr(ranks.dist, "broadcast_object_list", lambda heard: heard.__setitem__(0, True))
    with pytest.raises(SystemExit, match="2"):
        in_first_rank(fail)


@pytest.mark.parametrize(
    "lost", [RuntimeError("[gloo/transport] Connection closed by peer"), distributed.DistNetworkError("timed out")]
)
def test_a_process_that_has_ended_is_told_and_how_to_go_on(lost: RuntimeError, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(distributed, "init_process_group", lambda *_, **__: None)
    monkeypatch.setattr(distributed, "destroy_process_group", lambda: ended.append(True))
    with (
        pytest.raises(ValueError, match="another process of the translation has ended.*go on with --resume"),
        Processes(0, 2).together(),
    ):
        raise lost
    with pytest.raises(RuntimeError, match="of another kind"), Processes(0, 2).together():
        raise RuntimeError("of another kind")
    assert ended == [True, True]
