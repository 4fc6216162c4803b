/* The attention heatmap: one plotly figure, redrawn for each sentence, or the same weights as a table. */

const CELL = { least: 13, most: 46, height: 26, slantFrom: 18 }; // pixels
const SCALE_WIDTH = 64;
const LABEL_CHARACTERS = 18;
const PAPER_WIDTH = 660;

/** A unit's text as it stands at its row or column. */
const labelOf = ({ label }) => shorten(visible(label), LABEL_CHARACTERS);

const pen = document.createElement("canvas").getContext("2d");
pen.font = "12px system-ui, sans-serif"; // as in charts.js

/** The width of the longest label, in pixels. */
const labelWidth = (units) => Math.max(8, ...units.map((unit) => pen.measureText(labelOf(unit)).width));

/** The gold links are links to words of the reference: they suit only what has the same words. */
const goldShown = ({ sentence, shown }) => sentence.gold !== null && sentence[shown].words.join(" ") === sentence.reference.words.join(" ");

/** Outlines about the gold links, as plotly shapes. */
function goldShapes(sentence, targets, sources, colour) {
  const extent = (units, word) => {
    const found = units.flatMap((unit, index) => (unit.words.includes(word) ? [index] : []));
    return found.length ? [found[0] - 0.5, found.at(-1) + 0.5] : null;
  };
  return sentence.gold.flatMap(([source, target]) => {
    const [x, y] = [extent(sources, source), extent(targets, target)];
    const line = { color: colour, width: 2 };
    return x && y ? [{ type: "rect", x0: x[0], x1: x[1], y0: y[0], y1: y[1], line }] : [];
  });
}

/** Sizes of the heatmap in pixels for a place `width` wide: slanted labels where the columns leave room for them,
 *  upright ones where not; what is still too wide scrolls in its place. */
function heatmapSizes(targets, sources, width, right = 12) {
  const [label, left] = [sources, targets].map((units) => Math.ceil(labelWidth(units)) + 14);
  const slanted = label * 0.72 + 10;
  const room = (taken) => (width - left - taken) / sources.length;
  const upright = room(Math.max(right, slanted)) < CELL.slantFrom;
  const margin = { l: left, r: upright ? right : Math.max(right, slanted), t: upright ? label : slanted, b: 8, autoexpand: false };
  const cell = Math.min(CELL.most, Math.max(CELL.least, room(margin.r)));
  return {
    margin,
    angle: upright ? -90 : -45,
    width: Math.floor(margin.l + margin.r + cell * sources.length),
    height: margin.t + margin.b + CELL.height * targets.length,
  };
}

/** The least width that shows all columns. */
const leastWidth = ({ targets, sources }) => heatmapSizes(targets, sources, 0).width;

/** The plotly figure of a view: a sentence with the units and weights that are shown of it; by itself also the scale of
 *  its colours, which in the page stands below it. */
function heatmapFigure(view, width, theme, withScale = false) {
  const { sentence, targets, sources, weights, measure, full } = view;
  const { margin, angle, width: wide, height } = heatmapSizes(targets, sources, width, withScale ? SCALE_WIDTH : undefined);
  const axis = (units) => ({
    tickvals: units.map((_, index) => index),
    ticktext: units.map((unit) => plotlyText(labelOf(unit))),
    range: [-0.5, units.length - 0.5],
    automargin: false,
  });
  const { figure, [measure.scales]: scales } = REPORT.heatmap;
  const scale = scales[theme].map((colour, index, all) => [index / (all.length - 1), colour]);
  const barSize = { lenmode: "pixels", len: Math.min(180, height - margin.t), y: 1, yanchor: "top", x: 1, xpad: 8 };
  const ticks = measure.ticks.map((share) => share * full);
  const colorbar = { ...figure.data[0].colorbar, ...barSize, tickvals: ticks };
  const { ink } = themeColours(theme);
  const layout = {
    width: wide,
    height,
    margin,
    xaxis: { ...axis(sources), ...(isRightToLeft(sentence.source.text) ? { range: [sources.length - 0.5, -0.5] } : {}), tickangle: angle, tickfont: { color: ink } },
    yaxis: { ...axis(targets), range: [targets.length - 0.5, -0.5], autorange: false, tickfont: { color: ink } },
    shapes: goldShown(view) ? goldShapes(sentence, targets, sources, theme === "dark" ? "#ff9d5c" : "#d55e00") : [],
  };
  const trace = { ...figure.data[0], z: weights, zmin: ticks[0], zmax: ticks.at(-1), colorscale: scale, colorbar, showscale: withScale };
  return themed({ data: [trace], layout: figure.layout }, layout, theme);
}

/** Draws the heatmap into `node`, over the figure that was there, and returns its layout, or null if `node` is not shown. */
async function drawHeatmap(node, view) {
  const plotly = await loadPlotly();
  if (!node.offsetParent) return null; // another section is shown by now
  return drawHeatmapNow(plotly, node, view, node.closest(".frame").clientWidth, currentTheme());
}

function drawHeatmapNow(plotly, node, view, width, theme) {
  const { data, layout } = heatmapFigure(view, width, theme);
  plotly.react(node, data, layout, { displayModeBar: false });
  return layout;
}

/** Saves the heatmap in the light colours, which suit paper. */
async function saveHeatmap(view, format) {
  const plotly = await loadPlotly();
  const figure = heatmapFigure(view, 900, "light", true);
  const { width, height } = figure.layout;
  const of = view.shown === "hypothesis" ? "" : `${view.shown}-`;
  const filename = `${REPORT.run.name}-${state.evaluation.label}-${view.index + 1}-${of}${view.measure.key}`;
  await plotly.downloadImage(figure, { format, filename, width, height, scale: format === "png" ? 3 : 1 });
}

function heatmapTable({ sentence, targets, sources, weights, measure, full }) {
  const head = el("tr", {}, el("td"), sources.map((unit) => el("th", { scope: "col", dir: "auto" }, visible(unit.label))));
  const rows = targets.map((unit, row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row", dir: "auto" }, visible(unit.label)),
      weights[row].map((weight) => el("td", { style: `--weight:${shadeOf(weight, { full })}` }, fixed(weight, 2))),
    ),
  );
  return el(
    "table",
    { class: "weights", dir: isRightToLeft(sentence.source.text) ? "rtl" : "ltr" },
    el("caption", {}, `${measure.name}: a row for each target, a column for each source`),
    el("thead", {}, head),
    el("tbody", {}, rows),
  );
}

/** The heatmap in words: for each target its strongest source. */
function heatmapSummary({ targets, sources, weights, measure }) {
  const strongest = weights.map((row, index) => {
    const column = row.indexOf(Math.max(...row));
    return `${targets[index].label}: ${sources[column].label} ${fixed(row[column], 2)}`;
  });
  const size = `${targets.length} targets by ${sources.length} sources`;
  return `${measure.name}: heatmap, ${size}. Strongest source of each target: ${strongest.join("; ")}`;
}
