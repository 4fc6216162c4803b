"""What is known of a run before it trains: whether it may, and which settings change nothing or may not be."""

from pathlib import Path
from typing import Any

import pytest

from nmt.checked import build
from nmt.config import Config, TrainingConfig
from nmt.config_file import dump_config
from nmt.data.given import keep_corpus
from nmt.model.saved import ModelInfo
from nmt.training.checkpoint_files import write_checkpoint
from nmt.training.checks import check_corpus, check_may_train, check_processes, idle_settings, start_folder
from nmt.training.trainer_settings import resolve_trainer_settings


def config(settings: dict[str, Any]) -> Config:
    """The defaults but for some settings, by their whole keys."""
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        *sections, name = key.split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    return build(Config, nested)


@pytest.mark.parametrize(
    ("key", "value", "without", "needed"),
    [
        ("model.attention.size", 64, {"model.attention.score": "general"}, {}),
        ("model.attention.positions", 9, {}, {"model.attention.score": "location"}),
        ("model.attention.reach", 9, {}, {"model.attention.window": "local_p"}),
        ("model.attention.coverage_size", 9, {}, {"model.attention.coverage": "neural"}),
        ("model.input_feeding", False, {}, {"model.decoder": "luong"}),
        ("model.residual", True, {}, {"model.layers": 2}),
        ("model.variational", True, {"model.dropout": 0.0}, {}),
        ("training.patience", 9, {}, {"training.schedule": "plateau"}),
        ("training.halving_steps", 9, {}, {"training.schedule": "halving"}),
        ("training.scheduled_sampling_steps", 9, {}, {"training.scheduled_sampling": 0.5}),
        (
            *("training.halving_start_steps", 9, {}),
            {"training.schedule": "halving", "training.halving_steps": 9},
        ),
    ],
)
def test_a_setting_is_idle_only_without_what_it_needs(
    key: str, value: Any, without: dict[str, Any], needed: dict[str, Any]
) -> None:
    idle = idle_settings(config({key: value, **without}))
    assert [each.partition(" changes nothing without ")[0] for each in idle] == [
        key if value is True else f"{key} {value}"
    ]
    assert idle_settings(config({key: value, **needed})) == []


@pytest.mark.parametrize(("rate", "is_told"), [(TrainingConfig.learning_rate, True), (0.5, False)])
def test_a_learning_rate_is_told_where_it_was_left_as_it_is_for_another_optimiser(rate: float, is_told: bool) -> None:
    told = idle_settings(config({"training.optimizer": "sgd", "training.learning_rate": rate}))
    assert [each.startswith(f"training.learning_rate {rate} is that of adamw") for each in told] == [True] * is_told


@pytest.mark.parametrize(("optimizer", "depends"), [("sgd", True), ("adadelta", False)])
def test_a_step_depends_on_the_form_of_the_loss_unless_it_is_scaled(optimizer: str, depends: bool) -> None:
    (told,) = idle_settings(config({"training.optimizer": optimizer}))
    assert ("if their loss is a mean over sentences" in told) == depends


@pytest.mark.parametrize(
    ("setting", "value", "allowed"),
    [
        ("check_val_every_n_epoch", 0, [1, None]),
        ("val_check_interval", 0.0, [0.5, 7, None]),
        ("accumulate_grad_batches", 0, [1]),
        ("max_epochs", -2, [-1, 1, None]),
        ("max_steps", 0, [-1, 1]),
        ("gradient_clip_val", -0.5, [0, 0.5, None]),
        ("strategy", "ddp_spawn", ["ddp"]),
        ("strategy", "ddp_fork_find_unused_parameters_true", ["ddp_find_unused_parameters_true"]),
        ("strategy", "ddp_notebook", ["auto"]),
        ("precision", "16-true", ["16-mixed", "bf16-true"]),
        ("logger", True, [None]),
        ("logger", False, [None]),
    ],
)
def test_what_a_trainer_may_not_have_is_named(setting: str, value: Any, allowed: list[Any]) -> None:
    with pytest.raises(ValueError, match=rf"trainer\.{setting}: {value!r} is not allowed, it must be "):
        resolve_trainer_settings({setting: value}, TrainingConfig())
    for each in allowed:
        resolve_trainer_settings({setting: each}, TrainingConfig())


@pytest.mark.parametrize(
    ("given", "early_stopping", "epochs"),
    [
        ({}, 0, 10),
        ({}, 3, -1),
        ({"max_steps": -1}, 0, 10),
        ({"max_steps": 5}, 0, None),
        ({"max_time": "00:01:00:00"}, 3, None),
        ({"max_steps": 5, "max_epochs": 2}, 3, 2),
    ],
)
def test_a_training_without_an_end_has_one(given: dict[str, Any], early_stopping: int, epochs: int | None) -> None:
    settings = resolve_trainer_settings(given, TrainingConfig(early_stopping=early_stopping))
    assert settings.get("max_epochs") == epochs
    assert settings["num_sanity_val_steps"] == 0
    assert resolve_trainer_settings({"num_sanity_val_steps": 2}, TrainingConfig())["num_sanity_val_steps"] == 2


@pytest.mark.parametrize(
    ("there", "is_run"),
    [
        ([], False),
        (["config.yaml", "tokenizer.src.json", "metrics.csv", "samples", "train.log", "tensorboard"], False),
        (["config.yaml", "corpus"], False),
        (["corpus"], True),
        (["notes"], True),
        (["config.yaml", "checkpoints/step-3.ckpt"], True),
        (["config.yaml", "checkpoints/writing.ckpt"], False),
    ],
)
def test_a_new_run_replaces_only_what_no_run_would_go_on_from(tmp_path: Path, there: list[str], is_run: bool) -> None:
    folder = tmp_path / "run"
    check_may_train(Config(), {}, folder, None, overwrite=False)
    for name in there:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    folder.mkdir(exist_ok=True)
    check_may_train(Config(), {}, folder, None, overwrite=True)
    if is_run:
        with pytest.raises(ValueError, match="run exists: go on with `--resume"):
            check_may_train(Config(), {}, folder, None, overwrite=False)
    else:
        check_may_train(Config(), {}, folder, None, overwrite=False)


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [("early_stopping", 3, "0"), ("schedule", "plateau", "another"), ("optimizer", "sgd", "")],
)
def test_what_goes_by_validations_needs_them(tmp_path: Path, key: str, value: Any, allowed: str) -> None:
    asked = config({f"training.{key}": value})
    check_may_train(asked, {"limit_val_batches": 1}, tmp_path, None, overwrite=False)
    if not allowed:
        check_may_train(asked, {"limit_val_batches": 0}, tmp_path, None, overwrite=False)
        return
    message = rf"training\.{key}: {value!r} is not allowed, it must be {allowed}, for trainer.limit_val_batches is 0"
    with pytest.raises(ValueError, match=message):
        check_may_train(asked, {"limit_val_batches": 0}, tmp_path, None, overwrite=False)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """That of a run, `tmp_path`, which has come to its third epoch."""
    (tmp_path / "config.yaml").write_text(dump_config(config({"name": "it"}), {}), encoding="utf-8")
    path = tmp_path / "checkpoints" / "step-7.ckpt"
    write_checkpoint({"epoch": 2, "global_step": 7}, path)
    return path


@pytest.mark.parametrize(("epochs", "told"), [(None, ""), (-1, ""), (2, ""), (1, "1 cannot"), (0, "0 cannot")])
def test_a_run_does_not_go_back(checkpoint: Path, epochs: int | None, told: str) -> None:
    given = config({"name": "it"}), {"max_epochs": epochs}, checkpoint.parents[1], checkpoint, False
    if told:
        with pytest.raises(ValueError, match=f"trainer.max_epochs: {told} be reached by --resume, .* is past 2: give"):
            check_may_train(*given)
    else:
        check_may_train(*given)


@pytest.mark.parametrize(
    ("key", "value", "is_kept"),
    [
        ("name", "other", True),
        ("seed", 9, True),
        ("training.monitor", "val_loss", True),
        ("training.optimizer", "sgd", True),
        ("data.src", "fr", True),
        ("data.tgt", "fr", True),
        ("model.dropout", 0.5, True),
        ("data.tokenizer.kind", "char", True),
        ("data.path", "elsewhere", False),
        ("training.learning_rate", 0.5, False),
    ],
)
def test_a_run_keeps_what_its_weights_are_for(checkpoint: Path, key: str, value: Any, is_kept: bool) -> None:
    given = config({"name": "it", key: value}), {}, checkpoint.parents[1], checkpoint, False
    if is_kept:
        with pytest.raises(ValueError, match=f"^{key}: {value!r} cannot be changed by --resume"):
            check_may_train(*given)
    else:
        check_may_train(*given)


def test_checkpoints_that_are_damaged_are_told_by_what_can_be_done(checkpoint: Path) -> None:
    def told(path: Path) -> str:
        with pytest.raises(ValueError, match="is damaged") as error:
            check_may_train(config({"name": "it"}), {}, checkpoint.parents[1], path, overwrite=False)
        return str(error.value)

    best, whole = checkpoint.with_name("best.ckpt"), checkpoint.read_bytes()
    best.write_bytes(b"half")
    assert told(checkpoint).endswith("or delete it, and the best is that of the validations to come")
    assert told(best).endswith("or train anew with --overwrite")
    best.write_bytes(whole)
    check_may_train(config({"name": "it"}), {}, checkpoint.parents[1], best, overwrite=False)
    checkpoint.write_bytes(b"half")
    assert told(checkpoint).endswith("or delete it, and --resume goes on from the best validation")


def test_guided_alignment_asks_for_links_where_pairs_are_trained_on(tmp_path: Path) -> None:
    data = config({"data.path": str(tmp_path / "corpus")}).data
    linked = [{"src": "ja", "tgt": "yes", "alignment": [[0, 0]]}]
    keep_corpus({"train": [("ja", "yes")], "validation": linked, "linked": linked}, tmp_path / "corpus", data)
    check_corpus(data, with_alignment=False)
    with pytest.raises(ValueError, match="training.guided_alignment: split 'train' of .* has no word alignment: add a"):
        check_corpus(data, with_alignment=True)
    for given in ({"data.train": "linked"}, {"data.train": "linked", "data.validation": "nowhere"}):
        changed = config({"data.path": str(tmp_path / "corpus"), **given}).data
        if "data.validation" in given:
            with pytest.raises(ValueError, match="nowhere"):
                check_corpus(changed, with_alignment=True)
        else:
            check_corpus(changed, with_alignment=True)


def test_a_model_to_begin_with_is_of_the_same_network_and_tokenizers(
    tmp_path: Path, model_folder: Path, info: ModelInfo
) -> None:
    network = {f"model.{name}": getattr(info.network, name) for name in ("embedding_size", "hidden_size", "dropout")}
    begun = {**network, "training.start_from": str(model_folder)}

    def refused(changed: dict[str, Any]) -> str:
        with pytest.raises(ValueError, match=r"training\.start_from: .* give the same") as error:
            start_folder(config({**begun, **changed}))
        return str(error.value)

    any_of_it = {
        "model.dropout": 0.1,
        "model.word_dropout": 0.1,
        "model.variational": True,
        "data.tokenizer.kind": "char",
    }
    assert start_folder(config({**begun, **any_of_it})) == model_folder
    assert refused({"model.layers": 2}).endswith("has model.layers 1, not 2: give the same")
    its_own = config({**network, "data.tokenizer.path": "tokenizer.json"})
    (tmp_path / "config.yaml").write_text(dump_config(its_own, {}), encoding="utf-8")  # it is the model of a run
    assert start_folder(config({**begun, "data.tokenizer.bpe_dropout": 0.1})) == model_folder
    assert "has data.tokenizer.kind 'bpe', not 'char': give the same, as by `--config " in refused(any_of_it)


@pytest.mark.parametrize(
    ("launched", "started", "devices", "is_told"),
    [("x", "2", 2, False), ("x", "2", 1, True), ("x", "1", 2, False), ("x", "", 2, False), ("", "2", 1, False)],
)
def test_as_many_processes_are_started_as_the_trainer_counts_on(
    monkeypatch: pytest.MonkeyPatch, launched: str, started: str, devices: int, is_told: bool
) -> None:
    if launched:
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", launched)
    monkeypatch.setenv("WORLD_SIZE", started)
    if is_told:
        with pytest.raises(ValueError, match=f"torchrun started {started} processes, and .* are {devices}: give"):
            check_processes(devices)
    else:
        check_processes(devices)


def test_what_is_taken_with_a_tokenizer_is_told_only_where_it_was_asked_for() -> None:
    taken = {"data.tokenizer.path": "tokenizer.json"}
    assert idle_settings(config(taken)) == []
    for name in ("vocab_size", "tgt_vocab_size", "min_frequency"):
        told = f"data.tokenizer.{name} 77 changes nothing with data.tokenizer.path, whose tokenizer is taken as it is"
        assert idle_settings(config({**taken, f"data.tokenizer.{name}": 77, "data.tokenizer.joint": False})) == [told]
