"""A run -> the card of its model: `README.md` with the fields that the Hugging Face hub reads, and text for people."""

from collections.abc import Sequence
from math import prod
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData
from safetensors import safe_open

from nmt.config import Config, DataConfig, hub_name, is_hub
from nmt.data.runs import run_config, saved_evaluations
from nmt.evaluation.results import Evaluation
from nmt.model.saved import ModelInfo, read_info


def model_card(run: Path, name: str, licence: str | None = None) -> str:
    """The text of the card.

    Args:
        run: folder of the run, with `config.yaml`, `model/` and `evaluations/`.
        name: of the model, `user/name` where it is to lie on the hub.
        licence: of the model, as the hub names it, such as "mit".

    Raises:
        FileNotFoundError: if there is no such run, or it has no model.
        ValueError: if a file of it cannot be read.
    """
    config, info = run_config(run), read_info(run / "model")
    evaluations = [each for each in map(Evaluation.load, saved_evaluations(run)) if _is_of(info, each)]
    sections = {
        "Scores": _scores(evaluations),
        "Training data": _data(config, info.training.get("validated", True)),
        "Architecture": _architecture(info, run / "model" / "model.safetensors"),
        "Limits": _limits(config.data),
        "Use": _use(name),
    }
    fields = _fields(name, licence, info, config.data.path, evaluations)
    what = f"A recurrent encoder-decoder with attention that translates from {info.src} to {info.tgt}, made with `nmt`."
    body = "\n\n".join(f"## {title}\n\n{section}" for title, section in sections.items())
    return f"---\n{fields}\n---\n\n# {name.rpartition('/')[2]}\n\n{what}\n\n{body}\n"


def _is_of(info: ModelInfo, evaluation: Evaluation) -> bool:
    """Whether this model alone was evaluated, by what it translates itself."""
    alone = not evaluation.given and "ensemble" not in evaluation.search["decoding"]
    return alone and evaluation.checkpoint == info.checkpoint


def _corpus(path: str) -> str:
    """The corpus as the config names it; of a folder only its own name, its location is private."""
    return path if is_hub(path) else Path(path).name


def _hub_name(path: str) -> str | None:
    """Of a corpus of the hub, its name there."""
    return hub_name(path)[0] if is_hub(path) else None


def _fields(name: str, licence: str | None, info: ModelInfo, corpus: str, evaluations: Sequence[Evaluation]) -> str:
    """The front matter, in YAML; `corpus` is that of the training."""
    hub_name = _hub_name(corpus)
    results = [
        EvalResult(
            task_type="translation",
            task_name=f"Translation {info.src}-{info.tgt}",
            dataset_type=_hub_name(evaluation.search["corpus"]) or _corpus(evaluation.search["corpus"]),
            dataset_name=_corpus(evaluation.search["corpus"]),
            dataset_split=evaluation.split,
            metric_type="".join(filter(str.isalpha, score.name)).lower(),  # the hub's name: "chrf" of chrF2
            metric_name=f"{score.name}, {score.form}",
            metric_value=round(score.score, 2),
            metric_args={"signature": score.signature, "decoding": evaluation.search["decoding"]},
        )
        for evaluation in evaluations
        for score in evaluation.scores
    ]
    fields = ModelCardData(
        language=[info.src, info.tgt],
        license=licence,
        library_name="nmt",
        pipeline_tag="translation",
        tags=["translation", "recurrent", "attention", info.network.cell],
        datasets=[hub_name] if hub_name else None,
        metrics=sorted({result.metric_type for result in results}) or None,
        model_name=name.rpartition("/")[2],
        eval_results=results or None,
    )
    return fields.to_yaml().strip()


def _scores(evaluations: Sequence[Evaluation]) -> str:
    if not evaluations:
        return "None: the model was not evaluated before it was published."
    rows = ["| split | sentences | metric | score | 95% interval | text | signature |", "|---|---|---|---|---|---|---|"]
    for each in evaluations:
        for score in each.scores:
            signature = score.signature.replace("|", "\\|")  # or it would end the cell
            figures = score.name, f"{score.score:.2f}", score.interval, score.form
            cells = (_split(each), f"{len(each.references):,}", *figures)
            rows.append(f"| {' | '.join(cells)} | `{signature}` |")
        if each.alignment is not None:
            gold = f"{each.alignment.links:,} gold links"
            rows.append(
                f"| {_split(each)} | {len(each.references):,} | AER | {each.alignment.aer:.3f} |  | {gold} |  |"
            )
    how = [
        f"- {_split(each)} of {_corpus(each.search['corpus'])}{_against(each)}: {each.search['decoding']}, length "
        f"penalty {each.search['length_penalty']}; weights of {each.checkpoint}"
        for each in evaluations
    ]
    return "\n".join([*rows, "", "Decoding:", "", *how])


def _split(evaluation: Evaluation) -> str:
    """The split, and the name of an evaluation that has one of its own."""
    return f"{evaluation.split} ({evaluation.name})" if evaluation.name else evaluation.split


def _against(evaluation: Evaluation) -> str:
    """The file of the references, where they are not the corpus's own."""
    return f" against {evaluation.search['references']}" if "references" in evaluation.search else ""


def _data(config: Config, validated: bool) -> str:
    data, tokenizer = config.data, config.data.tokenizer
    side = "both languages" if tokenizer.joint else "each language"
    case = ", lower-cased" if tokenizer.lowercase else ""
    cut = f" (text is to be cut as it was for training, joiner: {tokenizer.joiner})"
    cut = cut if tokenizer.kind == "presplit" else ""
    sizes = [tokenizer.vocab_size, *([tokenizer.tgt_vocab_size] if tokenizer.tgt_vocab_size else [])]
    types = " and ".join(f"{size:,}" for size in sizes)
    trained = f"Split `{data.train_name}` of `{_corpus(data.path)}`"
    chosen = f"the weights were chosen on `{data.validation}`" if validated else "no validation chose the weights"
    return (
        f"{trained}, pairs of at most {data.max_length_tokens} tokens a side; "
        f"{chosen}. Tokens: {tokenizer.kind}{cut}, at most {types} types for {side}{case}. Seed {config.seed}."
    )


def _architecture(info: ModelInfo, weights: Path) -> str:
    network, attention = info.network, info.network.attention
    with safe_open(weights, framework="numpy") as tensors:
        parameters = sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
    lines = {
        "encoder": f"{network.encoder}, {network.cell}, layers: {network.layers}, size: {network.hidden_size}",
        "decoder": f"{network.decoder}, {network.cell}, layers: {network.state_layers}, size: {network.state_size}",
        "attention": f"{attention.score} score, {attention.window} window, {attention.normalizer}, "
        f"coverage: {attention.coverage}, heads: {attention.heads}, {network.alignment} alignment",
        "embeddings": f"size {network.embedding_size}, tied: {network.tie_embeddings}",
        "vocabulary": f"{info.src_vocab_size:,} source types, {info.tgt_vocab_size:,} target types",
        "parameters": f"{parameters:,}",
    }
    return "\n".join(f"- {what}: {value}" for what, value in lines.items()) + "\n\n`config.json` has every setting."


def _limits(data: DataConfig) -> str:
    return (
        f"It has seen sentences like those of its training data, of at most {data.max_length_tokens} tokens; scores "
        "say nothing about other subjects, styles and lengths. It reads one sentence at a time, without what stands "
        "before or after it. Names, numbers and rare words can come out wrong in a fluent sentence, and what the data "
        "got wrong or left out, about people too, the model does as well. Attention shows what a step read, which is "
        "not always why it chose its word."
    )


def _use(name: str) -> str:
    return (
        f'```python\nfrom nmt import Translator\n\nsentence = Translator.load("{name}").translate("...")\n'
        "print(sentence.text, sentence.score, sentence.attention.shape)\n```\n\n"
        f"or `nmt translate {name} < source.txt`. The weights are safetensors, and nothing here is a pickle."
    )
