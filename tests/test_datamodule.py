"""The data module: alignments where they are asked for, and pieces that a resumed run repeats."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities import move_data_to_device

from nmt.config import DataConfig, TokenizerConfig
from nmt.data.batch import Batch
from nmt.data.corpus import load_split
from nmt.data.datamodule import TranslationData
from nmt.data.pairs import pair_lengths
from nmt.data.special import EOS_ID, PAD_ID
from nmt.data.tokenizer import Tokenizer
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.training.checks import check_alignment


@pytest.fixture
def aligned_folder(corpus_folder: Path) -> Path:
    """The target is the source word by word: the links are those of a copy."""
    for split in ("train", "validation"):
        lines = (corpus_folder / f"{split}.de").read_text(encoding="utf-8").splitlines()
        links = [" ".join(f"{word}-{word}" for word in range(len(line.split()))) for line in lines]
        (corpus_folder / f"{split}.align").write_text("\n".join(links) + "\n", encoding="utf-8")
    return corpus_folder


def data_of(path: Path | str, folder: Path, with_alignment: bool = False, bpe_dropout: float = 0.0) -> TranslationData:
    tokenizer = TokenizerConfig(vocab_size=320, bpe_dropout=bpe_dropout)
    data = TranslationData(DataConfig(str(path), tokenizer=tokenizer, batch_sentences=16), 1, folder, with_alignment)
    data.prepare_data()
    data.setup("fit")
    return data


def assert_follows_words(data: TranslationData, batch: Batch) -> None:
    """Every token of the copy attends to the pieces of the same word, behind BOS; the rest to nothing.

    A piece that is but the space before a word belongs to it.
    """
    assert batch.alignment is not None
    assert batch.alignment.dtype == torch.float32
    assert batch.alignment.shape == (len(batch.src_ids), batch.tgt_ids.shape[1] - 1, batch.src_ids.shape[1])
    assert not batch.alignment[:, :, 0].any(), "BOS"
    src_tokens, tgt_tokens = data.tokenizers.src.tokens, data.tokenizers.tgt.tokens
    for row in range(len(batch.src_ids)):
        words: dict[str, list[str]] = {}
        steps = zip(batch.tgt_ids[row, 1:].tolist(), batch.alignment[row], strict=True)
        for predicted, weights in steps:
            if predicted in (EOS_ID, PAD_ID):
                assert not weights.any()
                continue
            positions = weights.nonzero().flatten().tolist()
            assert weights[positions].tolist() == pytest.approx([1 / len(positions)] * len(positions))
            source = "".join(src_tokens[batch.src_ids[row, position]] for position in positions).strip("▁")
            words.setdefault(str(positions), [source]).append(tgt_tokens[predicted].strip("▁"))
        for source, *pieces in words.values():
            assert "".join(pieces) == source.upper()


@pytest.mark.parametrize("bpe_dropout", [0.0, 0.3])
def test_batches_have_an_alignment_in_training_if_asked_for_and_in_validation_always(
    aligned_folder: Path, tmp_path: Path, bpe_dropout: float
) -> None:
    data = data_of(aligned_folder, tmp_path, True, bpe_dropout)
    batches = list(data.train_dataloader())
    assert len(batches) > 5
    for batch in batches:
        assert_follows_words(data, batch)
    without = data_of(aligned_folder, tmp_path, False, bpe_dropout)
    for batch in without.val_dataloader():
        assert_follows_words(data, batch)  # by which attention is scored
    for batch, plain in zip(batches, without.train_dataloader(), strict=True):
        assert plain.alignment is None
        torch.testing.assert_close(plain[:5], batch[:5], rtol=0, atol=0)


def test_an_alignment_that_is_missing_is_named(corpus_folder: Path, aligned_folder: Path) -> None:
    for folder, message in ((corpus_folder, "add a file train.align"), (Path("hub:a/b"), "no column 'alignment'")):
        config = DataConfig(path=str(folder))
        corpus = datasets.Dataset.from_dict({"src": ["ja"], "tgt": ["yes"]})
        with pytest.raises(ValueError, match=r"training\.guided_alignment: split 'train' of .* has no word") as error:
            check_alignment(corpus, config)
        assert message in str(error.value)
    check_alignment(load_split(str(aligned_folder), "de", "en", "train"), DataConfig(path=str(aligned_folder)))


@pytest.mark.parametrize("with_alignment", [True, False])
def test_a_batch_moves_between_devices(aligned_folder: Path, tmp_path: Path, with_alignment: bool) -> None:
    batch = next(iter(data_of(aligned_folder, tmp_path, with_alignment).train_dataloader()))
    moved = move_data_to_device(batch, torch.device("meta"))
    assert isinstance(moved, Batch)
    assert moved.src_ids.device.type == moved.tgt_ids.device.type == "meta"
    assert moved.src_lengths is batch.src_lengths  # which the host must know
    assert moved.tgt_lengths is batch.tgt_lengths
    if with_alignment:
        assert moved.alignment is not None
        assert moved.alignment.device.type == "meta"
    else:
        assert moved.alignment is None


class Recorder(pl.LightningModule):
    """Learns nothing: notes the batches, and saves a checkpoint at one step or, there, at the end of the epoch."""

    def __init__(self, save_at: int, path: Path) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.save_at, self.path = save_at, path
        self.seen: list[Batch] = []

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.seen.append(batch)
        return self.weight * 1.0

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:
        if self.trainer.global_step == self.save_at and not self.trainer.is_last_batch:
            self.trainer.save_checkpoint(self.path)

    def on_train_epoch_end(self) -> None:
        if self.trainer.global_step == self.save_at:
            self.trainer.save_checkpoint(self.path)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("train", ["train", ("train", "test")])
@pytest.mark.parametrize("step", [3, 8, 11])  # of 8 an epoch, or 9
@pytest.mark.filterwarnings("ignore")  # of Lightning, on what is as it should be here
def test_a_resumed_run_sees_the_pieces_of_an_uninterrupted_one(
    aligned_folder: Path, tmp_path: Path, step: int, train: str | tuple[str, ...]
) -> None:
    tokenizer = TokenizerConfig(vocab_size=320, bpe_dropout=0.2)
    weights, epoch = ((), 8) if train == "train" else ((1, 2), 9)
    config = DataConfig(
        str(aligned_folder), train=train, train_weights=weights, tokenizer=tokenizer, batch_sentences=16
    )
    checkpoint = tmp_path / "saved.ckpt"

    def fit(path: Path | None) -> list[Batch]:
        trainer = pl.Trainer(
            max_epochs=3,
            accelerator="cpu",
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        recorder = Recorder(step, checkpoint)
        data = TranslationData(config, 1, tmp_path, with_alignment=True)
        trainer.fit(recorder, data, ckpt_path=path, weights_only=True)
        return recorder.seen

    whole = fit(None)
    resumed = fit(checkpoint)
    assert (len(whole), len(resumed)) == (3 * epoch, 3 * epoch - step)
    for one, two in zip(whole[step:], resumed, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    first, second = sources(whole[:epoch]), sources(whole[epoch : 2 * epoch])
    assert first.keys() == second.keys()
    assert sum(first[row] != second[row] for row in first) > 60, "other pieces in another epoch"


def sources(batches: list[Batch]) -> dict[int, list[int]]:
    """The source of each row, without padding."""
    return {
        index: [token for token in source if token != PAD_ID]
        for batch in batches
        for index, source in zip(batch.indices.tolist(), batch.src_ids.tolist(), strict=True)
    }


def test_dropout_is_for_bpe_and_a_probability() -> None:
    for probability in (-0.1, 1.0):
        with pytest.raises(ValueError, match=r"data\.tokenizer\.bpe_dropout: .* at least 0 and below 1"):
            TokenizerConfig(bpe_dropout=probability)
    with pytest.raises(ValueError, match=r"data\.tokenizer\.bpe_dropout: 0\.1 .* 0 with data\.tokenizer\.kind unigram"):
        TokenizerConfig(kind="unigram", bpe_dropout=0.1)
    assert TokenizerConfig(kind="char").bpe_dropout == 0


def test_each_process_needs_a_pair_of_the_validation_split(aligned_folder: Path, tmp_path: Path) -> None:
    class Rank:
        """What a trainer tells of its processes."""

        world_size, global_rank, current_epoch = 13, 11, 0
        strategy = SimpleNamespace(root_device=torch.device("cpu"))

    data = data_of(aligned_folder, tmp_path)
    data.trainer = Rank()
    with pytest.raises(ValueError, match=r"split 'validation' has 12 pairs: too few for 13 processes"):
        data.val_dataloader()
    Rank.world_size = 12
    assert len(list(data.val_dataloader())) == 1


def test_a_corpus_of_one_batch_is_told_of_as_such(aligned_folder: Path, tmp_path: Path) -> None:
    data = data_of(aligned_folder, tmp_path)
    assert "data.batch_sentences limits most of them" in data.batch_sizes()
    data.config = replace(data.config, batch_sentences=1000, batch_tokens=100_000)
    assert data.batch_sizes().startswith(f"one batch an epoch, of {len(data.train)} pairs and ")
    assert "limits" not in data.batch_sizes()


def trainer_of(kind: str = "cpu", **settings: Any) -> Any:
    """What a trainer tells of itself."""
    strategy = SimpleNamespace(root_device=torch.device(kind))
    told = {"world_size": 1, "global_rank": 0, "current_epoch": 0, "overfit_batches": 0, "strategy": strategy}
    validated = {"val_check_interval": 1.0, "check_val_every_n_epoch": 1, "limit_val_batches": 1.0}
    return SimpleNamespace(**{**told, **validated, **settings})


def test_batches_for_a_gpu_are_pinned(aligned_folder: Path, tmp_path: Path) -> None:
    data = data_of(aligned_folder, tmp_path)
    for kind in ("cpu", "cuda"):
        data.trainer = trainer_of(kind)
        assert data.train_dataloader().pin_memory == data.val_dataloader().pin_memory == (kind == "cuda")


def test_an_interval_between_validations_is_no_longer_than_an_epoch_unless_it_is_counted_on(
    corpus_folder: Path, tmp_path: Path
) -> None:
    data = data_of(corpus_folder, tmp_path)
    for interval, settings in ((8, {}), (9, {"check_val_every_n_epoch": None}), (9, {"limit_val_batches": 0})):
        data.trainer = trainer_of(val_check_interval=interval, **settings)
        assert len(data.train_dataloader()) == 8
    data.trainer = trainer_of(val_check_interval=9)
    with pytest.raises(ValueError, match="9 batches are more than an epoch has, 8: add"):
        data.train_dataloader()


def test_what_is_said_of_the_validation_split_counts_what_is_too_long_or_unknown(
    corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(kind: str, longest: int) -> str:
        config = DataConfig(str(corpus_folder), tokenizer=TokenizerConfig(kind), max_length_tokens=longest)
        data = TranslationData(config, 1, tmp_path / f"{kind} {longest}")
        data.prepare_data()
        data.setup("fit")
        return next(line for line in capsys.readouterr().out.splitlines() if line.startswith("validation: 12 pairs"))

    for side, word in (("de", "der"), ("en", "DER")):
        (corpus_folder / f"validation.{side}").write_text(f"{word}\n" * 11 + f"{word} %\n")
    unknown = ", unknown tokens: 2.00% of the source, 2.00% of the target"
    assert said("char", 6) == "validation: 12 pairs" + unknown
    assert said("char", 5) == "validation: 12 pairs, 1 of them longer than data.max_length_tokens" + unknown
    assert said("bpe", 100) == "validation: 12 pairs", "what is written in bytes is never unknown"


def test_of_several_processes_one_tokenises(
    aligned_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("tokenised again")

    config = DataConfig(str(aligned_folder), tokenizer=TokenizerConfig(vocab_size=320))
    first, other = (TranslationData(config, 1, tmp_path, with_alignment=True) for _ in range(2))
    first.trainer = SimpleNamespace(world_size=2)  # type: ignore[assignment]
    first.prepare_data()
    monkeypatch.setattr(Tokenizer, "encode_batch", fail)
    other.setup("fit")
    assert len(other.train) == 120
    assert len(other.validation) == 12
    other.trainer = first.trainer
    assert other.state_dict()["processes"] == 2
    other.validation_references = ["\ud800"]  # which UTF-8 cannot hold
    assert len(other.state_dict()["validation"]) == 8


def test_lengths_are_those_of_all_chunks() -> None:
    first = datasets.Dataset.from_dict({"src_ids": [[1, 2], [], [3]], "tgt_ids": [[4], [5, 6, 7], []]})
    second = datasets.Dataset.from_dict({"src_ids": [[8, 8, 8]], "tgt_ids": [[9]]})
    chunked = datasets.concatenate_datasets([first, second])
    assert pair_lengths(chunked).tolist() == [[3, 3], [1, 5], [2, 2], [4, 3]]


def test_without_a_trainer_each_pass_is_an_epoch(corpus_folder: Path, tmp_path: Path) -> None:
    loader = data_of(corpus_folder, tmp_path).train_dataloader()
    first, second = ([batch.indices.tolist() for batch in loader] for _ in range(2))
    assert sorted(sum(first, [])) == sorted(sum(second, [])) == list(range(120))
    assert first != second
    again = data_of(corpus_folder, tmp_path).train_dataloader()
    assert [[batch.indices.tolist() for batch in again] for _ in range(2)] == [first, second]


def taken(corpus_folder: Path, folder: Path, path: Path, **settings: Any) -> TranslationData:
    """The data of a run with the tokenizers at `path`."""
    config = DataConfig(str(corpus_folder), tokenizer=TokenizerConfig(path=str(path), **settings))
    data = TranslationData(config, 1, folder)
    data.prepare_data()
    data.setup("fit")
    return data


@pytest.mark.parametrize(
    "settings", [{"kind": "word", "joint": False}, {"kind": "char", "lowercase": True}], ids=["separate", "joint"]
)
def test_tokenizers_of_another_run_are_taken(corpus_folder: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    learned = TokenizerConfig(vocab_size=60, min_frequency=50, **settings)
    TranslationData(DataConfig(str(corpus_folder), tokenizer=learned), 1, tmp_path / "first").prepare_data()
    for place in (tmp_path / "first", *(tmp_path / "first").glob("tokenizer.json")):
        second = taken(corpus_folder, tmp_path / f"with {place.name}", place, **settings)
        assert second.tokenizers.same(TokenizerPair.load(tmp_path / "first"))
        taken(corpus_folder, second.folder, tmp_path / "moved", **settings)  # it has its own by now


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"joint": False},
            r"data\.tokenizer\.kind: 'bpe' is not allowed, it must be word, as in data",
        ),
        ({"kind": "word"}, r"data\.tokenizer\.joint: True is not allowed, it must be False, as in data"),
        ({"kind": "word", "joint": False, "lowercase": True}, r"data\.tokenizer\.lowercase: True .* must be False"),
    ],
)
def test_settings_that_are_not_those_of_the_tokenizer_taken_are_named(
    corpus_folder: Path, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    learned = TokenizerConfig(kind="word", joint=False)
    TranslationData(DataConfig(str(corpus_folder), tokenizer=learned), 1, tmp_path / "first").prepare_data()
    with pytest.raises(ValueError, match=message):
        taken(corpus_folder, tmp_path / "second", tmp_path / "first", **settings)
    with pytest.raises(ValueError, match=r"data\.tokenizer\.path: no tokenizer at .*nowhere"):
        taken(corpus_folder, tmp_path / "second", tmp_path / "nowhere", **settings)
    assert not (tmp_path / "second").exists()


def test_sizes_and_frequencies_of_vocabularies_are_as_asked_for(corpus_folder: Path, tmp_path: Path) -> None:
    def sizes(name: str, **settings: Any) -> tuple[int, int]:
        config = DataConfig(str(corpus_folder), tokenizer=TokenizerConfig(kind="word", joint=False, **settings))
        TranslationData(config, 1, tmp_path / name).prepare_data()
        pair = TokenizerPair.load(tmp_path / name)
        return pair.src.vocab_size, pair.tgt.vocab_size

    assert sizes("none", min_frequency=10_000) == (4, 4)
    assert sizes("two", vocab_size=8, tgt_vocab_size=6) == (8, 6)
    assert sizes("one", vocab_size=8) == (8, 8)
    assert sizes("all")[0] > 8


def test_gold_links_may_count_tokens_of_text_that_was_cut(corpus_folder: Path, tmp_path: Path) -> None:
    for split in ("train", "validation"):
        for side in ("de", "en"):
            (corpus_folder / f"{split}.{side}").write_text("der hu@@ nd ren@@ nt\n" * 20)
        (corpus_folder / f"{split}.align").write_text("0-0 1-1 4-4\n" * 20)
    tokenizer = TokenizerConfig(kind="presplit", joiner="@@")
    config = DataConfig(str(corpus_folder), tokenizer=tokenizer, alignment_units="tokens")
    data = TranslationData(config, 1, tmp_path / "run", with_alignment=True)
    data._position = lambda: (0, 0)  # of the trainer
    data.prepare_data()
    data.setup("fit")
    assert data.validation_references[0] == "der hund rennt"
    rows = [[0, 1, 0, 0, 0, 0], *[[0, 0, 0.5, 0.5, 0, 0]] * 2, *[[0, 0, 0, 0, 0.5, 0.5]] * 2, [0] * 6]
    for batch in (next(iter(data.train_dataloader())), next(iter(data.val_dataloader()))):
        assert batch.alignment is not None
        assert batch.alignment[0].tolist() == rows


def test_what_looks_like_a_mistake_is_said_of_pairs_as_they_are_in_the_corpus(
    corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for side in ("de", "en"):
        texts = (corpus_folder / f"train.{side}").read_text().splitlines()
        (corpus_folder / f"bt.{side}").write_text("".join(f"{number} {text}\n" for number, text in enumerate(texts)))
        (corpus_folder / f"validation.{side}").write_text("".join(f"{text}\n" for text in texts[:100]))

    def said(name: str, mixture: dict[str, Any], **settings: Any) -> list[str]:
        tokenizer, train = TokenizerConfig(vocab_size=320, **settings), ("train", "bt")
        config = DataConfig(str(corpus_folder), tokenizer=tokenizer, train=train, **mixture)
        data = TranslationData(config, 1, tmp_path / name)
        data.prepare_data()
        data.setup("fit")
        return capsys.readouterr().out.splitlines()

    weighted, cut = said("weighted", {"train_weights": (1, 5)}), said("cut", {"train_prefixes": ("<bt>", "")})
    for lines in (weighted, cut):
        assert any(line.startswith("validation: 100 of 100 sources stand in train + bt") for line in lines)
    assert not any("different pairs" in line and "among 720" in line for line in weighted), "weights are no repetitions"
    assert "tokenizing 720 pairs" in weighted
    (tag,) = (line for line in cut if line.startswith("data.train_prefixes"))
    assert tag.endswith("to make it one, add it to data.tokenizer.protected, before the vocabulary is learned")
    for name, prefix, settings in (("whole", "<bt>", {"protected": ("<bt>",)}), ("words", "aus dem", {})):
        assert not any(
            line.startswith("data.train_prefixes") for line in said(name, {"train_prefixes": (prefix, "")}, **settings)
        )


def test_validation_sentences_that_are_not_cut_as_they_should_be_are_told_of(
    corpus_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And that their language is not what its code tells."""
    for side in ("de", "en"):
        texts = (corpus_folder / f"train.{side}").read_text().split("\n")[:-1]
        (corpus_folder / f"train.{side}").write_text("".join(f"▁{text.replace(' ', ' ▁')}\n" for text in texts))
    (corpus_folder / "validation.en").write_text("狗 在 睡觉 。\n" * 12)
    tokenizer = TokenizerConfig("presplit", joiner="▁", vocab_size=320)
    data = TranslationData(DataConfig(str(corpus_folder), tokenizer=tokenizer), 1, tmp_path)
    data.prepare_data()
    data.setup("fit")
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith(("train: many", "validation: "))]
    assert [line for line in said if "▁" in line] == [
        "validation: many sources have no ▁, without which their spaces are lost: give what `spm_encode` writes"
    ]
    (language,) = (line for line in said if "language code" in line)
    assert language.startswith("validation: the references write no spaces between words, of which the language code")


@pytest.mark.parametrize("with_alignment", [True, False])
def test_text_is_read_in_training_only_where_it_is_cut_anew(
    aligned_folder: Path, tmp_path: Path, with_alignment: bool
) -> None:
    links = ["src_words", "tgt_words", "alignment"] if with_alignment else []
    data = data_of(aligned_folder, tmp_path, with_alignment)
    assert sorted(data.train_dataloader().dataset.column_names) == sorted(["src_ids", "tgt_ids", "index", *links])
    assert "src" in data_of(aligned_folder, tmp_path, with_alignment, bpe_dropout=0.1).train.column_names
