"""The card of a model: the hub reads its fields, people its text, and it gives nothing away."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import yaml
from test_results import evaluation

from nmt.config import Config, DataConfig
from nmt.evaluation.aer import AlignmentScore
from nmt.evaluation.card import model_card
from nmt.evaluation.metrics import Score
from nmt.evaluation.results import Evaluation

SCORES = (
    Score("BLEU", 38.1234, 37.0, 39.0, "nrefs:1|tok:13a|version:2.6.0", "cased, detokenised", True),
    Score("chrF2", 58.0, None, None, "nrefs:1|nc:6|version:2.6.0", "cased, detokenised", True),
    Score("TER", 43.5, 42.0, 45.0, "nrefs:1|tok:tercom|version:2.6.0", "cased, detokenised", False),
)


def evaluated_here(*texts: str, corpus: str = "/home/somebody/secret/multi30k", decoding: str = "beam 5") -> Evaluation:
    """An evaluation of the weights that the fixtures' model has."""
    search = {"decoding": decoding, "corpus": corpus, "length_penalty": 1.0}
    return replace(evaluation(*texts), checkpoint="step 7", search=search)


@pytest.fixture
def run(model_folder: Path) -> Path:
    folder = model_folder.parent
    data = DataConfig(path="/home/somebody/secret/multi30k")
    (folder / "config.yaml").write_text(yaml.safe_dump(asdict(Config(name="small", data=data))))
    evaluated = replace(evaluated_here("eins", "zwei"), scores=SCORES, alignment=None)
    evaluated.save(folder / "evaluations" / "test_2016")
    return folder


def read(text: str) -> tuple[dict[str, Any], str]:
    """Fields and text, as the hub's own library takes them."""
    card = huggingface_hub.ModelCard(text)
    return card.data.to_dict(), card.text


def test_the_hub_reads_languages_metrics_and_scores(run: Path) -> None:
    fields, _ = read(model_card(run, "me/small", "mit"))
    assert fields["language"] == ["de", "en"]
    assert fields["license"] == "mit"
    assert fields["metrics"] == ["bleu", "chrf", "ter"]
    (entry,) = fields["model-index"]
    (result,) = entry["results"]
    assert entry["name"] == "small"
    assert result["dataset"] == {"name": "multi30k", "type": "multi30k", "split": "test_2016"}
    assert [(each["type"], each["value"]) for each in result["metrics"]] == [
        ("bleu", 38.12),
        ("chrf", 58.0),
        ("ter", 43.5),
    ]
    assert result["metrics"][0]["args"] == {"signature": "nrefs:1|tok:13a|version:2.6.0", "decoding": "beam 5"}


def test_people_read_scores_with_signature_and_interval(run: Path) -> None:
    saved = run / "model" / "config.json"
    fields = json.loads(saved.read_text())
    fields["network"] |= {"layers": 3, "decoder_layers": 2}
    saved.write_text(json.dumps(fields))
    _, text = read(model_card(run, "me/small"))
    row = "| test_2016 | 2 | BLEU | 38.12 | [37.0, 39.0] | cased, detokenised | `nrefs:1\\|tok:13a\\|version:2.6.0` |"
    assert row in text
    assert "| test_2016 | 2 | chrF2 | 58.00 |  |" in text
    for section in ("Scores", "Training data", "Architecture", "Limits", "Use"):
        assert f"\n## {section}\n" in text
    assert "encoder: bidirectional, gru, layers: 3, size: 16\n- decoder: bahdanau, gru, layers: 2, size: 16\n" in text
    assert 'Translator.load("me/small")' in text
    assert "Split `train` of `multi30k`" in text
    assert "the weights were chosen on `validation`" in text


def test_weights_that_no_validation_chose_are_told(run: Path) -> None:
    fields = json.loads((run / "model" / "config.json").read_text())
    fields["training"]["validated"] = False
    (run / "model" / "config.json").write_text(json.dumps(fields))
    _, text = read(model_card(run, "me/small"))
    assert "no validation chose the weights" in text
    assert "were chosen on" not in text


def test_the_card_tells_the_parameters_of_the_file(run: Path) -> None:
    from nmt.model.saved import load_model

    model, _ = load_model(run / "model")
    assert f"parameters: {sum(each.numel() for each in model.parameters()):,}\n" in model_card(run, "me/small")


def test_the_hubs_name_of_a_metric_has_no_settings(run: Path) -> None:
    made = Evaluation.load(run / "evaluations" / "test_2016")
    other = Score("chrF2++", 79.3, None, None, "nrefs:1", "cased, detokenised", True)
    replace(made, scores=(*SCORES, other)).save(run / "evaluations" / "test_2016")
    fields, _ = read(model_card(run, "me/small"))
    assert fields["metrics"] == ["bleu", "chrf", "ter"]
    assert [each["type"] for each in fields["model-index"][0]["results"][0]["metrics"]][-1] == "chrf"


def test_where_a_corpus_lies_is_not_told(run: Path) -> None:
    assert "somebody" not in model_card(run, "me/small")


def test_a_corpus_of_the_hub_is_linked(run: Path) -> None:
    config = Config(name="small", data=DataConfig(path="hub:wmt/wmt14:de-en"))
    (run / "config.yaml").write_text(yaml.safe_dump(asdict(config)))
    evaluated = replace(evaluated_here("eins", corpus="hub:wmt/wmt14:de-en"), scores=SCORES)
    evaluated.save(run / "evaluations" / "test_2016")
    fields, text = read(model_card(run, "me/small"))
    assert fields["datasets"] == ["wmt/wmt14"]
    assert fields["model-index"][0]["results"][0]["dataset"]["type"] == "wmt/wmt14"
    assert "of `hub:wmt/wmt14:de-en`" in text


def test_the_alignment_has_its_row(run: Path) -> None:
    gold = replace(evaluated_here("eins"), scores=(), alignment=AlignmentScore(0.11, 0.9, 0.87, 12, "forced decoding"))
    gold.save(run / "evaluations" / "test_2016")
    _, text = read(model_card(run, "me/small"))
    assert "| test_2016 | 1 | AER | 0.110 |  | 12 gold links |  |" in text


def test_scores_of_other_weights_of_an_ensemble_or_another_corpus_are_not_taken_for_the_models(run: Path) -> None:
    for split, other in (
        ("older", replace(evaluated_here("eins"), checkpoint="step 6")),
        ("several", evaluated_here("eins", decoding="beam 5, ensemble of 2, fp32")),
        ("elsewhere", evaluated_here("eins", corpus="news", decoding="greedy, int8")),
    ):
        replace(other, split=split, scores=SCORES, alignment=None).save(run / "evaluations" / split)
    fields, text = read(model_card(run, "me/small"))
    found = [each["dataset"] for each in fields["model-index"][0]["results"]]
    assert [(each["split"], each["name"]) for each in found] == [("elsewhere", "news"), ("test_2016", "multi30k")]
    assert "- elsewhere of news: greedy, int8, length penalty 1.0; weights of step 7" in text
    assert "older" not in text
    assert "several" not in text


def test_an_evaluation_with_a_name_is_one_of_its_split(run: Path) -> None:
    named = replace(evaluated_here("eins", decoding="greedy, fp32"), name="fast", scores=SCORES, alignment=None)
    named.save(run / "evaluations" / "fast")
    fields, text = read(model_card(run, "me/small"))
    assert "- test_2016 (fast) of multi30k: greedy, fp32" in text
    (result,) = fields["model-index"][0]["results"]
    assert result["dataset"]["split"] == "test_2016"
    assert {each["args"]["decoding"] for each in result["metrics"]} == {"beam 5", "greedy, fp32"}


def test_a_model_that_was_not_evaluated_says_so(model_folder: Path) -> None:
    (model_folder.parent / "config.yaml").write_text(yaml.safe_dump(asdict(Config())))
    fields, text = read(model_card(model_folder.parent, "small"))
    assert "model-index" not in fields
    assert "was not evaluated" in text


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a run: it has no config.yaml"):
        model_card(tmp_path, "small")
