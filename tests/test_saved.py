"""The saved model: the same network comes back, and damage is named."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import build
from safetensors.torch import load_file, save_file

from nmt.model.saved import ModelInfo, load_model, save_model


@pytest.fixture(params=["none", "output", "source", "all"])
def saved(request: pytest.FixtureRequest, tmp_path: Path, info: ModelInfo) -> tuple[Path, torch.nn.Module, ModelInfo]:
    info = replace(info, network=replace(info.network, tie_embeddings=request.param, cell="lstm", layers=2))
    model = build(info.network, info.src_vocab_size)
    save_model(tmp_path / "model", model, info)
    return tmp_path / "model", model, info


def test_the_same_network_comes_back(saved: tuple) -> None:
    folder, model, info = saved
    loaded, loaded_info = load_model(folder)
    assert loaded_info == info
    assert not loaded.training
    arguments = torch.tensor([[2, 5, 6]]), torch.tensor([3]), torch.tensor([[2, 4]])
    torch.testing.assert_close(loaded(*arguments), model(*arguments))
    torch.testing.assert_close(loaded.log_probs(*loaded(*arguments)), model.log_probs(*model(*arguments)))
    tied = info.network.tie_embeddings
    table = loaded.decoder.embedding.table.weight
    assert (loaded.output.weight is table) == (tied in ("output", "all"))
    assert (loaded.encoder.embedding.table.weight is table) == (tied in ("source", "all"))


def test_the_folder_holds_no_pickle(saved: tuple) -> None:
    assert sorted(path.name for path in saved[0].iterdir()) == ["config.json", "model.safetensors"]


def test_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no model: there is no config.json"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda fields: fields.update(version=99), "format version 99, this program reads 2"),
        (
            lambda fields: fields["network"].update(cell="gruu"),
            "cell: 'gruu' is not allowed, it must be elman, gru",
        ),
        (lambda fields: fields["network"].update(sell="gru"), "does not describe a model"),
        (lambda fields: fields.pop("src"), "does not describe a model"),
        (lambda fields: fields.pop("network"), "does not describe a model: there is no network"),
        (lambda fields: fields["network"].update(layers="2"), "layers: '2' is not allowed, it must be a whole number"),
        (lambda fields: fields["network"].update(dropout=None), "dropout: None is not allowed, it must be a number"),
        (lambda fields: fields["network"].update(attention=[]), "does not describe a model"),
        (lambda fields: fields.update(src_vocab_size=0), "src_vocab_size: 0 is not allowed, it must be positive"),
        (
            lambda fields: fields["network"].update(hidden_size=10**30),
            "config.json describes a model that cannot be built",
        ),
        (
            lambda fields: (fields["network"].update(tie_embeddings="all"), fields.update(src_vocab_size=50)),
            "config.json describes a model that cannot be built: model.tie_embeddings: 'all' is not allowed",
        ),
        (lambda fields: fields.update(training=7), "training: 7 is not allowed, it must be"),
        (lambda fields: fields["network"].update(hidden_size=18), "is damaged or of another network"),
        (lambda fields: fields["network"].update(layers=3), "is in one of them only"),
    ],
)
def test_a_config_that_does_not_fit_is_named(saved: tuple, change: object, message: str) -> None:
    path = saved[0] / "config.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(ValueError, match=message) as error:
        load_model(saved[0])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_become_single(saved: tuple, dtype: torch.dtype) -> None:
    folder, model, _ = saved
    path = folder / "model.safetensors"
    save_file({name: each.to(dtype) for name, each in load_file(path).items()}, path)
    for name, each in load_model(folder)[0].named_parameters():
        torch.testing.assert_close(each.data, model.get_parameter(name).data.to(dtype).float(), rtol=0, atol=0)


def test_missing_weights_are_named(saved: tuple) -> None:
    (saved[0] / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="model holds no model: there is no model.safetensors in it"):
        load_model(saved[0])


def test_weights_that_the_network_does_not_have_are_named(saved: tuple) -> None:
    path = saved[0] / "model.safetensors"
    save_file({**load_file(path), "more": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"does not fit config\.json: more is in one of them only"):
        load_model(saved[0])


def test_everybody_reads_the_weights_who_reads_the_config(saved: tuple) -> None:
    assert len({path.stat().st_mode for path in saved[0].iterdir()}) == 1


def test_a_model_of_no_known_step_has_a_name_for_its_weights(info: ModelInfo) -> None:
    assert info.checkpoint == "step 7"
    assert replace(info, training={}).checkpoint == "an unknown step"


def test_damaged_weights_are_named(saved: tuple) -> None:
    path = saved[0] / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        load_model(saved[0])
