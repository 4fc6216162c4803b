"""The benchmark of translation counts what it says; how fast anything is, no test asserts."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import benchmark
import pytest
from benchmarks import harness, roofline, start, translation
from benchmarks.comparison import Contestant, compare
from benchmarks.harness import Figures, medians_of
from benchmarks.roofline import Seconds, compare_with_roofline
from benchmarks.start import START, measure_start
from benchmarks.training import REFERENCE
from benchmarks.translation import Decoding, is_covered, measure_translation, quality, translate_peer, works
from conftest import SENTENCES, build

from nmt import Translator
from nmt.config import ModelConfig
from nmt.data.tokenizer_pair import TokenizerPair
from nmt.decoding.options import SearchOptions
from nmt.model.saved import ModelInfo, save_model

FAKE_PEER = """#!/bin/sh
[ "$2 threads $THREADS" = "translate threads 1" ] || { echo "wrong: $*, $THREADS threads" >&2; exit 1; }
case $3-$4-$5 in opennmt-1-128) rate=189.0;; opennmt-2-64) rate=60;; opennmt-2-128) rate=54.5;; *) rate=18.25;; esac
echo "reading $1"
echo "$3-translate: $rate sentences/s, 11.9 words a sentence, BLEU (lowercased, Moses tokens) 27.3"
"""


@pytest.fixture
def run(tokenizers: TokenizerPair, info: ModelInfo, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    save_model(folder, build(info.network, info.tgt_vocab_size, seed=1), info)  # its output has many words
    tokenizers.save(folder)
    return folder


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder with the split that peers translate."""
    folder = tmp_path / "data"
    folder.mkdir()
    for place, language in enumerate(("de", "en")):
        text = "".join(pair[place] + "\n" for pair in SENTENCES)
        (folder / f"test_2016_flickr.{language}").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def decoding(run: Path, tmp_path: Path) -> Decoding:
    path = tmp_path / "corpus.json"
    sides = {"src": [src for src, _ in SENTENCES], "tgt": [tgt for _, tgt in SENTENCES]}
    path.write_text(json.dumps(sides), encoding="utf-8")
    return Decoding(str(run), str(path), "cpu", "fp32", beam_size=2, batch_sentences=3)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children without processes, which would import torch again and again; no child starts `nmt`."""

    def run_child(name: str, arguments: list[str], threads: int) -> Figures:
        monkeypatch.setenv("THREADS", str(threads))
        figures: Figures = json.loads(json.dumps(benchmark.CHILDREN[arguments[0]](*arguments[1:])))
        return figures

    for module in (harness, translation):
        monkeypatch.setattr(module, "run_child", run_child)
    started = {"first_translation_seconds": 2.5, "import_torch_seconds": 1.5, "peak_mib": 300}
    monkeypatch.setitem(benchmark.CHILDREN, "measure-start", lambda *_: started)


def mistake(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a mistake prints."""
    assert benchmark.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.slow
def test_what_was_timed_is_what_the_translator_gives(decoding: Decoding) -> None:
    """The references are what the beam finds, and greedy search does not: a BLEU of 100 tells them apart."""
    translator, sources = Translator.load(decoding.run, "cpu"), decoding.sentences("src")
    found = list(translator.translate(sources, SearchOptions(beam_size=2)))
    references = [each.text for each in found]
    Path(decoding.corpus).write_text(json.dumps({"src": sources, "tgt": references}), encoding="utf-8")
    figures = measure_translation(json.dumps(asdict(decoding)))
    assert figures["sentences"] == len(found) == 5
    assert figures["tgt_tokens"] == sum(len(each.tokens) for each in found)
    assert figures["src_tokens"] == sum(len(each.source_tokens) for each in found)
    assert figures["tokens_per_sentence"] == figures["tgt_tokens"] / 5
    assert figures["sentences_per_second"] == pytest.approx(5 / figures["seconds"])
    assert figures["tokens_per_second"] == pytest.approx(figures["tgt_tokens"] / figures["seconds"])
    assert figures["roofline_share"] == pytest.approx(figures["gflops"] / figures["roofline_gflops"])
    assert 0 < figures["before_translation_mib"] <= figures["peak_mib"]
    assert figures["bleu_cased"] == pytest.approx(100)
    assert figures["bleu_literature"] == pytest.approx(100)
    greedy = measure_translation(json.dumps(asdict(replace(decoding, beam_size=1))))
    assert greedy["bleu_cased"] < 99


def test_quality_has_both_forms() -> None:
    found = quality(["the dog can't run today.", "a cat sleeps here now."], ["The dog can't run today."] * 2, "en")
    assert found["words_per_sentence"] == (7 + 6) / 2  # the dog can 't run today .
    assert found["bleu_literature"] > found["bleu_cased"]


def test_operations_of_the_reference(decoding: Decoding, monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand, as for training but forward only: 6,913,024 weights for a decoder row, 1,048,576 for a source token.

    Of 100 sentences 64 are in a batch, with a beam of 5: 320 decoder rows at once; 9 source tokens a sentence.
    """
    monkeypatch.setattr(roofline, "seconds_per_row", lambda *_: Seconds(1e-6, 2e-6))
    timing = {"sentences": 100, "src_tokens": 900, "tgt_tokens": 1000}
    wanted = replace(decoding, batch_sentences=64, beam_size=5)
    done = works(ModelConfig(**REFERENCE), 7870, timing, wanted)
    rows = {work.product.name: (work.at_once, work.total) for work in done}
    assert rows["output layer"] == rows["decoder recurrence"] == (320, 5000)
    assert rows["encoder recurrence, forward"] == (64, 900)
    assert rows["attention key"] == (576, 900)
    found = compare_with_roofline(done, 0.1, 1000, "32", "cpu")
    assert found["mflop_per_token"] == pytest.approx(2 * (5 * 6.913024 + 0.9 * 1.048576))
    assert found["gflops"] == pytest.approx(found["mflop_per_token"] * 1000 / 0.1 / 1e3)
    assert found["roofline_share"] == pytest.approx((5 * 900e-6 + 6 * 5000e-6) / 0.1)


def test_a_batch_is_never_larger_than_the_corpus(decoding: Decoding) -> None:
    timing = {"sentences": 3, "src_tokens": 12, "tgt_tokens": 10}
    done = works(ModelConfig(**REFERENCE), 50, timing, replace(decoding, batch_sentences=64))
    assert {work.at_once for work in done} == {3, 3 * 2, 12}


@pytest.mark.parametrize(
    ("settings", "covered"),
    [
        ({"dropout": 0.5, "hidden_size": 64, "embedding_size": 32}, True),
        ({"layers": 2}, False),
        ({"decoder_layers": 2}, False),
        ({"decoder": "conditional"}, False),
        ({"tie_embeddings": "output"}, False),
        ({"readout_size": 32}, False),
    ],
)
def test_only_the_reference_has_a_roofline(settings: Figures, covered: bool) -> None:
    assert is_covered(ModelConfig(**{**REFERENCE, **settings})) == covered


def test_comparisons_are_of_the_best_batch_sizes() -> None:
    contestants = [
        Contestant(*each, []) for each in (("fp32", 1, 1), ("fp32", 1, 64), ("int8", 1, 1), ("opennmt", 1, 128))
    ]
    contestants.append(Contestant("fp32", 5, 64, []))  # nothing to compare with
    rates = {
        "fp32 greedy x1": (40, 50, 60),
        "fp32 greedy x64": (100, 80, 90),
        "int8 greedy x1": (180, 200, 220),
        "opennmt greedy x128": (50, 50, 30),
        "fp32 beam 5 x64": (20, 20, 20),
    }
    assert list(rates) == [each.name for each in contestants]
    rounds = [{name: {"sentences_per_second": of[place]} for name, of in rates.items()} for place in range(3)]
    medians = medians_of(rounds, "sentences_per_second")
    assert medians["fp32 greedy x64"] == {"sentences_per_second": 90, "spread": pytest.approx(20 / 90)}
    found = [
        (each["of"], each["over"], each["ratio"], each["by_round"]) for each in compare(contestants, rounds, medians)
    ]
    assert found == [
        ("int8 greedy x1", "fp32 greedy x64", 200 / 90, [1.8, 2.5, 220 / 90]),
        ("fp32 greedy x64", "opennmt greedy x128", 90 / 50, [2, 1.6, 3]),
        ("int8 greedy x1", "opennmt greedy x128", 200 / 50, [180 / 50, 4, 220 / 30]),
    ]


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.slow
def test_whole_command(run: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script, out = tmp_path / "peers.sh", tmp_path / "deep" / "translate.json"
    script.write_text(FAKE_PEER, encoding="utf-8")
    script.chmod(0o755)
    arguments = ["translate", str(run), "--data", str(corpus), "--rounds", "1", "--threads", "1", "--out", str(out)]
    arguments += ["--batch-sentences", "2", "--beam-sizes", "1", "2", "--peers", str(script), str(tmp_path)]
    assert benchmark.main(arguments) == 0

    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["command"].startswith(f"python scripts/benchmark.py translate {run} --data ")
    assert (report["device"], report["threads"], report["split"]) == ("cpu", 1, "test_2016_flickr")
    assert {"python", "torch"} <= set(report["versions"])
    assert (report["found"]["sentences"], report["found"]["src"], report["found"]["tgt"]) == (5, "de", "en")
    (figures,) = report["rounds"]
    peers = [f"{peer} {search}" for search in ("beam 2 x128", "beam 2 x64") for peer in ("opennmt", "joeynmt")]
    assert list(figures) == [
        START,
        "fp32 greedy x2",
        "opennmt greedy x128",
        "joeynmt greedy x128",
        "fp32 beam 2 x2",
        *peers,
    ]
    assert (
        figures["opennmt greedy x128"].items()
        >= {
            "sentences_per_second": 189.0,
            "words_per_sentence": 11.9,
            "bleu_literature": 27.3,
        }.items()
    )
    assert report["medians"][START] == figures[START] != {}
    ours = figures["fp32 beam 2 x2"]
    decoder = [each["shape"][0] for each in ours["products"] if each["name"] == "output layer"]
    assert decoder == [4]
    of, over = report["comparisons"][2]["of"], report["comparisons"][2]["over"]
    assert (of, over) == ("fp32 beam 2 x2", "opennmt beam 2 x64")
    assert report["comparisons"][2]["ratio"] == ours["sentences_per_second"] / 60
    printed = capsys.readouterr().out
    for shown in (START, "seconds to the first translation", over, f"{ours['bleu_cased']:.2f}", str(out)):
        assert shown in printed


def test_start_is_that_of_the_command(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "STARTS", 1)
    found = measure_start(str(run), "der Hund", "cpu")
    assert found["first_translation_seconds"] > 0
    assert found["import_torch_seconds"] > 0
    assert found["peak_mib"] > 100  # torch is in it
    with pytest.raises(ValueError, match="exit status 2: nmt translate: .*--nonsense"):
        measure_start(str(run), "--nonsense", "cpu")


def test_peer_that_prints_something_else(tmp_path: Path) -> None:
    script = tmp_path / "peers.sh"
    script.write_text("#!/bin/sh\necho 12 sentences/s, many words\n", encoding="utf-8")
    script.chmod(0o755)
    with pytest.raises(ValueError, match="but printed: 12 sentences/s, many words"):
        translate_peer(str(script))


@pytest.mark.usefixtures("in_this_process")
def test_mistakes_are_one_line(run: Path, corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = ["translate", str(run), "--data", str(corpus), "--out", str(tmp_path / "out.json")]
    assert "--limit: give --out too" in mistake([*here[:-2], "--limit", "2"], capsys)
    for others in (["--limit", "2"], ["--split", "test"]):
        assert "leave out --split and --limit" in mistake([*here, "--peers", __file__, "x", *others], capsys)
    missing = str(tmp_path / "missing")
    assert f"--peers {missing}: there is no such file" in mistake([*here, "--peers", missing, "x"], capsys)
    assert missing in mistake(["translate", missing, "--data", str(corpus)], capsys)
    assert "has no shortlist" in mistake([*here, "--variants", "fp32", "int8+shortlist"], capsys)
    assert "split 'other'" in mistake([*here, "--split", "other"], capsys)
    assert not (tmp_path / "out.json").exists()
