"""Recurrent encoder-decoder translation with attention: text -> data -> model -> training -> decoding -> report.

The tree is the pipeline; imports only point back along it:

nmt/
  __main__.py           python -m nmt
  cli/                  the command `nmt`: parse and dispatch
    parsing.py            errors of one line
    settings.py           the settings of a run as flags and YAML
    files.py              what a command reads and writes
    searching.py          the model, the device and the search as flags
    printing.py           output that a training does without where it cannot be written
    startup.py            what makes a command that translates start sooner
    train.py              nmt train
    translate.py          nmt translate
    score.py              nmt score
    evaluate.py           nmt evaluate
    compare.py            nmt compare
    differences.py        what it prints
    report.py             nmt report
    shortlist.py          nmt shortlist
    export.py             nmt export
    push.py               nmt push
  checked.py            what is given is checked: conditions, types, dataclasses of YAML or JSON
  config.py             what a user can set, and its validation
  config_file.py        a config file <-> the config and the trainer's settings
  data/                 text -> batches
    phrasebook/           the embedded corpus: sentence pairs with their gold word alignment
      lexicon.json          its words, as data
      lexicon.py            the words, as records
      german.py             German inflection
      english.py            English inflection
      nominals.py           words with links, noun phrases, pronouns
      clause.py             word order of both languages
      author.py             random noun phrases that make sense
      events.py             verb frames, tense, time and place
      patterns.py           sentence patterns
    scenes.py             the embedded pictures: drawn, with captions and where each word is to be seen
    words.py              the word: unit of gold alignments and of AER
    languages.py          languages by their codes, and which write no spaces between words
    links.py              links of words, links of tokens: the targets of guided alignment
    files.py              files that outlast a power cut, errors that name them, folders held by one process
    runs.py               the folder of a run: whether it is one, where it is put aside, its config, its evaluations
    ranks.py              what the processes of one job know together, what the first does for all
    json_files.py         JSON in files: one object, or one a line
    compression.py        files that may be compressed, and their lines
    readers.py            files -> rows, with file and line where something is wrong
    corpus.py             phrasebook, files or hub -> datasets.Dataset of src, tgt, alignment
    given.py              pairs in memory -> files that a run keeps
    mixture.py            the training splits of a run, one behind the other
    marks.py              what other programs leave in a text that they have cut or tokenised
    doubts.py             what in a text looks like a mistake: it is not plain, or not cut; links of other units
    pair_doubts.py        what in pairs looks like a mistake: sides exchanged or alike, repetitions, another case, leaks
    special.py            the tokens that are no text
    pretokens.py          text -> normal form -> pre-tokens; plain text, or text that another program has cut
    vocabulary.py         sentences -> a vocabulary, byte for byte the same each time
    surfaces.py           ids -> text, and where in it each went
    tokenizer.py          sentences <-> ids: BPE, Unigram, WordPiece, word, character, presplit
    tokenizer_pair.py     the tokenizers of both sides, joint or separate
    alignment_units.py    links between tokens of other programs -> links between words
    bpe_dropout.py        other pieces of the training split each epoch
    batch.py              ids -> Batch; a sampler that fills batches by tokens out of length buckets
    pairs.py              pairs -> rows of ids, and which are trained on
    datamodule.py         the LightningDataModule
  model/                ids -> log-probabilities and attention
    kernels/              what takes the time of a training on a CPU, written out
      products.py           products of float32, as fast as the processor can
      repeated.py           a matrix that every step multiplies by: its gradient is one product
      linear.py             a layer of all positions of a batch
      gru_sequence.py       the GRU over whole sequences
      additive.py           the additive score, of every query and key
      attentive_gru.py      Bahdanau's recurrence over whole targets
      compiled.py           steps that torch compiles, for a GPU
    dropout.py            dropout along a sequence, of elements and of words
    rnn.py                a recurrent layer: fused over a sequence, or one step at a time
    cells.py              Elman, GRU (both forms), LSTM
    stack.py              layers in both directions and on top of each other
    encoder.py            source ids -> states in reading order, mask, what a decoder starts from
    picture.py            a picture -> states of its cells, in the encoder's place: visual attention
    scores.py             queries and states -> scores: additive, dot, general, concat, location
    windows.py            which positions are open to a step: global, local-m, local-p
    coverage.py           what each position has received so far: linguistic, neural
    attention.py          score x window x normaliser -> weights
    context.py            the states mixed by weights, for gates and readout to read
    decoder.py            what all decoders share: memory, state, readout
    decoders.py           Bahdanau, conditional, Luong, GNMT: the order in which they attend and recur
    seq2seq.py            the model: encode, teacher-forced forward, step
    ensemble.py           several models as one
    inference/            the weights of a trained model in a form that multiplies faster
      prepared.py           what takes a parameter's place
      packed.py             in the order that a CPU multiplies fastest
      quantized.py          as whole numbers: int8
    saved.py              the model <-> safetensors and JSON
    hub.py                where a model lies: a run, a folder, the Hugging Face hub
    export.py             the model -> ONNX
  decoding/             model + text -> translations
    options.py            what a search is asked for
    guides.py             what a hypothesis may and must do: begin with, contain, not repeat
    exclude.py            what it may not contain, whatever tokens would spell it
    sampling.py           tokens drawn from a distribution
    scoring.py            by what hypotheses are ranked, and the bound of an open one
    sentences.py          the sentences of a search, and what is known of them
    tree.py               the tree of hypotheses, read along its parents
    proposals.py          how each open hypothesis could go on
    endings.py            what has ended, and when nothing can change it
    beams.py              the hypotheses of a batch, step after step
    search.py             search over any step function
    attention_file.py     attention matrices <-> one file, one at a time
    step_rows.py          what there was to choose from at each step, kept in columns
    translation.py        the Translation record, and its files
    alignment.py          attention -> links between words
    demands.py            what is demanded of a translation, in words -> a guide over tokens
    risk.py               the hypothesis that the others agree with most
    shortlist.py          the target types that a source may need
    fit_shortlist.py      the attention of the training data -> a shortlist
    workers.py            processes that search side by side
    threads.py            threads that search side by side
    engine.py             a network on a device
    forcing.py            given targets -> hypotheses
    searcher.py           the sentences of one call -> batches, side by side -> hypotheses
    one_look.py           what a step would write if it looked at one source position alone
    steps.py              given targets -> what goes on at each of their steps
    records.py            hypotheses -> Translation records
    reading.py            sentences as they come -> requests, in windows; what is wrong with one is named
    translator.py         a saved model + text -> Translation records
  pipe/                 lines -> translations -> lines: what `nmt translate` does
    lines.py              streams -> windows of lines
    requests.py           lines, text or JSON -> requests
    output.py             translations -> lines: text, TSV, JSON
    progress.py           how fast it goes, and warnings
    pipe.py               lines -> requests -> translations -> lines
    processes.py          several processes of one job
    shards.py             a large file in shards: shared, stopped, resumed
    terminal.py           sentences typed at a terminal, and a map of the attention
  evaluation/           translations + references -> numbers
    bleu_tokens.py        what BLEU counts as words, by the language; the form of text of the literature
    chance.py             resampled test sets -> intervals, and whether a difference is chance
    metrics.py            BLEU, chrF, TER with signature and interval
    aer.py                links between words -> AER
    frequencies.py        how often words stand in the training data
    branches.py           another token at a step that was hardly decided, and how it goes on
    looks.py              where else a step could have looked
    neighbors.py          where in the training data the model was in the same situation
    effects.py            which source words each target token depends on
    insight.py            the Insight record: all that and the attention of each head, and its files
    unknown.py            how much of what was read and written is the unknown token
    source_worth.py       how much less probable the references are with other sources
    shift.py              translations + references -> whether the references stand in the wrong line
    results.py            the Evaluation record, and its files
    find_out.py           translations -> Insight
    sentences.py          a split and files beside it -> what is translated, and scored against what
    samples.py            the same few sentences at each validation, and their files
    evaluate.py           a run and a split -> Evaluation
    comparison.py         two evaluations -> differences, and whether they are chance
    phrases.py            words that are written too often or too seldom, n-grams that are right
    breakdown.py          evaluations -> where each is good: by length, by rare words, in which words and n-grams
    card.py               a run and its evaluations -> the card of its model
  training/             batches -> checkpoint
    cross_entropy.py      output layer and cross entropy, a piece at a time
    loss.py               what is minimised: smoothing, guided alignment, R-Drop, scheduled sampling
    optimizer.py          how a gradient becomes a step, and which parameters it moves
    schedule.py           the learning rate
    memory.py             memory that a step frees, kept for the next
    validation.py         what a validation finds out
    module.py             the LightningModule
    callbacks.py          moving average, early stopping
    stopping.py           signals that stop a training
    checkpoint_files.py   checkpoints as files, and the one to go on from
    checkpoints.py        the best one, and exact stop and resume
    reporter.py           what a training prints
    quiet.py              what libraries need not say meanwhile
    trainer_settings.py   which settings of the trainer are a run's own, and what the others are
    checks.py             what can be known of a run before it trains
    log.py                what a training says: printed, and kept in the run's folder
    folder.py             the run's folder, changed once training has begun
    ending.py             why training ended, its last validation, and the model of the best
    train.py              a config -> a run folder with its model
    opening.py            a checkpoint -> its network
  report/               records + numbers -> one HTML file
    read_run.py           run folder -> all that a report can show
    settings.py           two config.yaml -> where they differ
    flags.py              what is remarkable about a translation
    beam.py               a record -> the places of its beam, with the scores that decided
    sentences.py          an evaluation, and a baseline -> a row of the report for each sentence
    head_table.py         an evaluation -> how its heads differ
    search_flags.py       an evaluation -> the flags that search as it did
    word_table.py         an evaluation -> by what each source word was translated
    finding.py            a statement of fact, how serious it is, and the sentences behind it
    flag_findings.py      of the sentences that have a flag
    text_findings.py      of words, their case and number, of chrF
    attention_findings.py  of the attention
    pair_findings.py      whether sources and references belong together, and were trained on
    findings.py           what stands out, in plain words, what is most serious first
    figures.py            plotly figures
    tables.py             rows -> the tables beside the page, and the alignments
    build.py              rows and figures -> report.html and the files beside it
    pictures.py           captioned pictures -> a page that shows where each word looked
    assets/               template, style and scripts of the page
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt.config import (
        AttentionConfig,
        Config,
        DataConfig,
        ModelConfig,
        TokenizerConfig,
        TrainingConfig,
    )
    from nmt.config_file import load_config, load_settings
    from nmt.decoding.attention_file import load_attention
    from nmt.decoding.options import SearchOptions
    from nmt.decoding.translation import Request, Translation
    from nmt.decoding.translator import Translator
    from nmt.evaluation.evaluate import evaluate
    from nmt.evaluation.find_out import Wanted
    from nmt.evaluation.metrics import corpus_scores
    from nmt.evaluation.results import Evaluation
    from nmt.report.build import build_report
    from nmt.training.opening import load_checkpoint
    from nmt.training.train import train

__all__ = [
    "AttentionConfig",
    "Config",
    "DataConfig",
    "Evaluation",
    "ModelConfig",
    "Request",
    "SearchOptions",
    "TokenizerConfig",
    "TrainingConfig",
    "Translation",
    "Translator",
    "Wanted",
    "build_report",
    "corpus_scores",
    "evaluate",
    "load_attention",
    "load_checkpoint",
    "load_config",
    "load_settings",
    "train",
]

_PLACES = {
    "AttentionConfig": "nmt.config",
    "Config": "nmt.config",
    "DataConfig": "nmt.config",
    "Evaluation": "nmt.evaluation.results",
    "ModelConfig": "nmt.config",
    "Request": "nmt.decoding.translation",
    "SearchOptions": "nmt.decoding.options",
    "TokenizerConfig": "nmt.config",
    "TrainingConfig": "nmt.config",
    "Translation": "nmt.decoding.translation",
    "Translator": "nmt.decoding.translator",
    "Wanted": "nmt.evaluation.find_out",
    "build_report": "nmt.report.build",
    "corpus_scores": "nmt.evaluation.metrics",
    "evaluate": "nmt.evaluation.evaluate",
    "load_attention": "nmt.decoding.attention_file",
    "load_checkpoint": "nmt.training.opening",
    "load_config": "nmt.config_file",
    "load_settings": "nmt.config_file",
    "train": "nmt.training.train",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are asked for: `import nmt` costs nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("nmt")
    if name not in _PLACES:
        raise AttributeError(f"module 'nmt' has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    """The public names, also before they are imported: for completion at a prompt."""
    return sorted([*__all__, "__version__"])
