"""Numbers -> plotly figures, as JSON values: traces and layouts, to which the page adds sizes and colours."""

import json
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import numpy as np
import plotly.graph_objects as go

Figure = dict[str, Any]
Row = dict[str, float]

# Colour-blind safe: one hue of even lightness steps, from the page's ground (no weight) to its far end (all weight).
HEAT_SCALES = {
    "light": ["#f4f6f9", "#d3e1f0", "#9fc3e2", "#5c9bcb", "#2771ae", "#08468b", "#062a5a"],
    "dark": ["#1c232c", "#1d3d57", "#1f6079", "#3a8791", "#75aca0", "#bccfae", "#fdf0c4"],
}
"""Colours of the heatmap from weight 0 to weight 1, for each theme."""

DIVERGING_SCALES = {
    "light": ["#6b3206", "#b35806", "#e08214", "#fdb863", "#f4f6f9", "#9fc3e2", "#5c9bcb", "#2771ae", "#08468b"],
    "dark": ["#ffd9ad", "#e59a3c", "#a5641e", "#5b3a1a", "#1c232c", "#1f4a6e", "#2f74a5", "#6aaad8", "#d3e7f7"],
}
"""The same of effects, from as far below zero as above it."""

SERIES_COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00"]
"""Okabe and Ito's palette, which colour-blind readers can tell apart."""

_KEPT_COLOUR = "#808a95"  # grey that shows on white and on black

CHRF_BIN = 5
"""Width of a bar of the chrF distribution, in points."""

_PANELS = {
    "Negative log-likelihood": (("train_nll", "val_loss"), "nats a token", "normal"),
    "What is minimised": (("train_loss",), "nats a token", "normal"),
    "What is added, before its weight": (("train_guided_alignment", "train_divergence"), "nats a token", "tozero"),
    "Validation BLEU": (("val_bleu",), "BLEU", "tozero"),
    "Entropy of the attention": (("val_attention_entropy",), "nats a target token", "tozero"),
    "Evenness of the attention": (("val_attention_evenness",), "share of the most entropy", "tozero"),
    "Alignment error rate of the attention": (("val_aer",), "AER", "tozero"),
    "Norm of the gradient, before clipping": (("gradient_norm",), "norm", "tozero"),
    "Learning rate": (("learning_rate",), "learning rate", "tozero"),
    "Sampling of previous tokens": (("sampling_probability",), "probability", "tozero"),
    "Speed": (("tokens_per_second",), "tokens a second", "tozero"),
}
"""Title -> names of its columns, unit, whether the axis begins at zero."""

_SERIES = {
    "train_nll": "training",
    "val_loss": "validation",
    "train_guided_alignment": "guided alignment",
    "train_divergence": "divergence of two passes (R-Drop)",
}
"""What the columns are called where a panel has several."""


def heatmap_figure() -> Figure:
    """The attention heatmap without its data: sources across, targets from the top down, weights from 0 to 1.

    The axes are numeric, with tick texts: on category axes repeated tokens would merge into one.
    """
    axis = {"tickmode": "array", "showgrid": False, "zeroline": False, "fixedrange": True, "ticks": ""}
    return _as_json(
        go.Figure(
            go.Heatmap(
                zmin=0,
                zmax=1,
                xgap=1,
                ygap=1,
                hoverinfo="none",
                colorbar={"thickness": 10, "outlinewidth": 0, "tickvals": [0, 0.25, 0.5, 0.75, 1], "len": 1},
            ),
            {"xaxis": {**axis, "side": "top"}, "yaxis": {**axis, "autorange": "reversed"}, "dragmode": False},
        )
    )


def distribution_figure(chrf: Sequence[float], of_baseline: Sequence[float] | None = None) -> Figure:
    """Bars of how many sentences have which sentence chrF, beside a baseline's where there is one.

    `customdata` holds each bar's [low, high).
    """
    edges = np.arange(0, 100 + CHRF_BIN, CHRF_BIN)
    bounds = [[int(low), int(low) + CHRF_BIN] for low in edges[:-1]]
    series = {"this evaluation": chrf} if of_baseline is None else {"this evaluation": chrf, "baseline": of_baseline}
    traces = [
        go.Bar(
            x=[low + CHRF_BIN / 2 for low, _ in bounds],
            y=np.histogram(values, bins=edges)[0].tolist(),
            name=name,
            customdata=bounds,
            marker_color=colour,
            hovertemplate="chrF %{customdata[0]} to %{customdata[1]}: %{y} sentences",
        )
        for (name, values), colour in zip(series.items(), SERIES_COLOURS, strict=False)
    ]
    axes = {
        "xaxis": {"title": _axis_title("sentence chrF"), "range": [0, 100], "dtick": 20},
        "yaxis": {"title": _axis_title("sentences"), "rangemode": "tozero"},
    }
    return _as_json(go.Figure(traces, {"bargap": 0.08, "showlegend": len(traces) > 1, "dragmode": False, **axes}))


def training_figures(
    rows: Sequence[Row], of_baseline: Sequence[Row] = (), kept_step: float | None = None
) -> list[Figure]:
    """One figure for each kind of number logged during training, over the same steps; a baseline's lines are dashed.

    They have colours of their own too, and hollow points: where there was one validation, there is no line.

    Args:
        rows: the logged numbers by column, in the order of logging; a row may hold any of them.
        of_baseline: the same of another run.
        kept_step: at which the weights were what was kept in the end, as it is logged; marked by a line.
    """
    columns = dict.fromkeys(name for row in rows for name in row if name not in ("epoch", "step"))
    panels: dict[str, list[str]] = {title: [] for title in _PANELS}
    for column in columns:
        title = next((title for title, (names, *_) in _PANELS.items() if column in names), column)
        panels.setdefault(title, []).append(column)
    last = max((row["step"] for row in (*rows, *of_baseline) if "step" in row), default=0)
    figures = []
    for title, names in panels.items():
        if names:
            figure = _training_figure(title, names, rows, of_baseline)
            figure.update_xaxes(tickformat=",", range=[0, 1.02 * max(last, 1)])
            if kept_step is not None:
                figure.add_vline(x=kept_step, line={"color": _KEPT_COLOUR, "width": 1.5, "dash": "dot"})
            figures.append(_as_json(figure))
    return figures


def _training_figure(title: str, columns: Sequence[str], rows: Sequence[Row], of_baseline: Sequence[Row]) -> go.Figure:
    """Lines of the columns, of the run and of the baseline."""
    figure, colours = go.Figure(), cycle(SERIES_COLOURS)
    runs = ("this run", rows, "solid", "circle"), ("baseline", of_baseline, "dash", "circle-open")
    for whose, of, dash, symbol in runs:
        for column in columns:
            colour = next(colours)
            points = [(row["step"], row[column]) for row in of if "step" in row and column in row]
            if points:
                figure.add_scatter(
                    x=[step for step, _ in points],
                    y=[number for _, number in points],
                    name=_series_name(column, whose, len(columns) > 1),
                    mode="lines+markers" if len(points) < 60 else "lines",
                    line={"color": colour, "width": 2, "dash": dash},
                    marker={"size": 7, "symbol": symbol},
                    hovertemplate="%{y:.4~g}",
                )
    _, unit, range_mode = _PANELS.get(title, ("", title, "normal"))
    return figure.update_layout(
        title={"text": title},
        xaxis={"title": _axis_title("step (updates)")},
        yaxis={"title": _axis_title(unit), "rangemode": range_mode, "tickformat": ","},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.25, "yanchor": "top"},
        showlegend=len(figure.data) > 1,
        hovermode="x unified",
        dragmode=False,
    )


def _series_name(column: str, whose: str, several: bool) -> str:
    """What a line is called beside the others of its panel."""
    if not several:
        return whose
    name = _SERIES.get(column, column)
    return name if whose == "this run" else f"{name}, {whose}"


def _axis_title(text: str) -> dict[str, Any]:
    return {"text": text, "standoff": 10, "font": {"size": 12}}


def _as_json(figure: go.Figure) -> Figure:
    """The figure as plain JSON values, without plotly's default template (7 kB a figure)."""
    figure.update_layout(template="none")
    values: Figure = json.loads(figure.to_json())
    del values["layout"]["template"]
    return values
