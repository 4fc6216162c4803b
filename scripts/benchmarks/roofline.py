"""Matrix products of the standard formulation -> their operations, and the highest rate that they have alone.

Floating-point operations are those of the matrix products of the standard formulation, whatever the implementation
saves or repeats: a forward product of N rows by a weight (inner x outer) costs 2 N inner outer, and backward, which has
the gradients of its input and of its weight, twice as much. For each row of the decoder: input, context and previous
state to the gates, the query, readout and output layer; for each source token (BOS included): input and previous state
to the gates of both directions, and the key. Not counted are elementwise work, the bridge (once a sentence), and the
scores and mixtures of attention (below half a percent).

The roofline is the rate of these very products at the same number of threads and precision, each as `torch.mm` or
`nmt.model.kernels.products` computes it (oneDNN, if on a CPU in float32), packed before or not, whichever is fastest,
the best of several times: all operations over the sum of the times, the harmonic mean weighted by operations.

On a machine with neighbours the best of these times is a moment that no longer work has throughout. So beside it stands
the usual rate, by the medians of the same times: the share of the roofline has lost what the program and the neighbours
take, that of the usual rate mostly what the program takes.
"""

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.harness import Figures

if TYPE_CHECKING:
    from torch import Tensor

    from nmt.config import ModelConfig


class Product(NamedTuple):
    """A forward product with a row for each token of a side ("src", "tgt"), `stepwise` if inside the recurrence."""

    name: str
    side: str
    stepwise: bool
    inner: int
    outer: int


class Work(NamedTuple):
    """How a product is computed: `at_once` rows in each, `total` rows in all.

    `gradient` rows are in a product that gives the weight's gradient; 0 where only the forward product is computed.
    """

    product: Product
    at_once: int
    total: int
    gradient: int = 0


def products(network: "ModelConfig", vocabulary: int) -> list[Product]:
    """The products of a GRU model with one layer and a bidirectional encoder, untied, in the standard formulation."""
    embedding, hidden, half = network.embedding_size, network.hidden_size, network.hidden_size // 2
    bahdanau = network.decoder == "bahdanau"
    contexts = [Product("context to the gates", "tgt", True, hidden, 3 * hidden)]
    keys = [Product("attention key", "src", False, hidden, hidden)]
    queries = [Product("attention query", "tgt", bahdanau, hidden, hidden)]
    learned = network.attention.score == "additive"
    return [
        Product("encoder input, forward", "src", False, embedding, 3 * half),
        Product("encoder input, backward", "src", False, embedding, 3 * half),
        Product("encoder recurrence, forward", "src", True, half, 3 * half),
        Product("encoder recurrence, backward", "src", True, half, 3 * half),
        *(keys if learned else []),
        Product("decoder input", "tgt", False, embedding, 3 * hidden),
        *(contexts if bahdanau else []),
        Product("decoder recurrence", "tgt", True, hidden, 3 * hidden),
        *(queries if learned else []),
        Product("readout", "tgt", False, 2 * hidden + bahdanau * embedding, hidden),
        Product("output layer", "tgt", False, hidden, vocabulary),
    ]


class Seconds(NamedTuple):
    """What a row takes, by the best of several times and by their median."""

    best: float
    usual: float


def seconds_per_row(work: Work, precision: str, device: str) -> Seconds:
    """Forward, and where there is a gradient, those of the input and of the weight; strides are the model's."""
    import torch
    from torch.utils.benchmark import Timer

    from nmt.model.kernels.products import packed, product

    def seconds(rows: int, left: "Tensor", right: "Tensor") -> Seconds:
        out, ready = left.new_empty(len(left), right.shape[1]), packed(right.t())
        names = {"mm": torch.mm, "product": product, "left": left, "right": right, "ready": ready, "out": out}
        ways = ["mm(left, right, out=out)", "product(left, ready)", "product(left, right.t())"]
        timers = [Timer(way, globals=names, num_threads=torch.get_num_threads()) for way in ways]
        times = [timer.blocked_autorange(min_run_time=0.02).times for timer in timers]
        return Seconds(min(map(min, times)) / rows, min(map(median, times)) / rows)

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    _, _, _, inner, outer = work.product
    rows, tokens = work.at_once, max(work.at_once, work.gradient)
    weight = torch.randn(outer, inner, dtype=dtype, device=device)
    inputs = torch.randn(tokens, inner, dtype=dtype, device=device)
    passes = [seconds(rows, inputs[:rows], weight.t())]
    if work.gradient:
        gradients = torch.randn(tokens, outer, dtype=dtype, device=device)
        passes += [seconds(rows, gradients[:rows], weight), seconds(tokens, gradients.t(), inputs)]
    return Seconds(*map(sum, zip(*passes, strict=True)))


def compare_with_roofline(
    works: Sequence[Work], seconds: float, tgt_tokens: int, precision: str, device: str
) -> Figures:
    """The rate of all that took `seconds`, and those of the same products alone: all together, and the best of each."""
    turns = [  # so that a slow moment does not hit all times of a product
        [seconds_per_row(work, precision, device) for work in works] for _ in range(3)
    ]
    all_operations, all_best, all_usual, each = 0.0, 0.0, 0.0, []
    for work, times in zip(works, zip(*turns, strict=True), strict=True):
        product = work.product
        operations = (6 if work.gradient else 2) * product.inner * product.outer * work.total
        best = min(time.best for time in times) * work.total
        all_operations, all_best = all_operations + operations, all_best + best
        all_usual += median(time.usual for time in times) * work.total
        figures = {"mflop_per_token": operations / tgt_tokens / 1e6, "gflops": operations / best / 1e9}
        each.append({"name": product.name, "shape": [work.at_once, product.inner, product.outer], **figures})
    return {
        "mflop_per_token": all_operations / tgt_tokens / 1e6,
        "gflops": all_operations / seconds / 1e9,
        "roofline_gflops": all_operations / all_best / 1e9,
        "roofline_share": all_best / seconds,
        "usual_gflops": all_operations / all_usual / 1e9,
        "usual_share": all_usual / seconds,
        "products": each,
    }
