/* plotly: unpacked on first use, and dressed in the colours of the theme. */

let plotlyReady = null;

/** The plotly library, from the compressed copy in this page. */
function loadPlotly() {
  plotlyReady ??= (async () => {
    document.head.append(el("script", {}, await unpacked("plotly-gzip")));
    return window.Plotly;
  })();
  return plotlyReady;
}

const currentTheme = () => document.documentElement.dataset.theme;

/** The colours of a theme, which the style sheet defines. */
function themeColours(theme) {
  const probe = el("div", { "data-theme": theme, hidden: true });
  document.body.append(probe);
  const style = getComputedStyle(probe);
  const colours = Object.fromEntries(
    ["ink", "muted", "line", "surface"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]),
  );
  probe.remove();
  return colours;
}

/** A figure of report.json with the theme's colours in its layout. */
function themed(figure, layout = {}, theme = currentTheme()) {
  const { ink, muted, line, surface } = themeColours(theme);
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, tickfont: { color: muted }, automargin: true };
  const base = figure.layout;
  return {
    data: figure.data,
    layout: {
      paper_bgcolor: surface,
      plot_bgcolor: surface,
      font: { family: "system-ui, sans-serif", size: 12, color: ink },
      margin: { l: 48, r: 20, t: base.title ? 48 : 16, b: 52 },
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
      hoverlabel: { bgcolor: surface, bordercolor: line, font: { color: ink } },
      ...base,
      ...layout,
      title: base.title && { ...base.title, font: { size: 14 }, x: 0, xref: "container", xanchor: "left", pad: { l: 16 } },
      xaxis: { ...axis, ...base.xaxis, ...layout.xaxis },
      yaxis: { ...axis, ...base.yaxis, ...layout.yaxis },
    },
  };
}

/** The figure of each chart that was drawn. */
const drawnCharts = new Map();

const PLOT_OPTIONS = { displayModeBar: false, responsive: true };

/** Draws a figure; false if its place is not shown by now. */
async function drawChart(node, figure, label) {
  const plotly = await loadPlotly();
  if (!node.offsetParent) return false; // another section
  drawnCharts.set(node, figure);
  const { data, layout } = themed(figure);
  await plotly.react(node, data, layout, PLOT_OPTIONS);
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", label);
  return true;
}

/** Draws the charts that are shown for white paper of some width. */
function chartsOnPaper(width) {
  for (const [node, figure] of drawnCharts) {
    if (!node.offsetParent) continue;
    const { data, layout } = themed(figure, { width }, "light");
    window.Plotly.react(node, data, layout, PLOT_OPTIONS);
  }
}

/** Lets go of these, which otherwise would keep that width. */
function chartsOffPaper() {
  for (const node of drawnCharts.keys()) window.Plotly.purge(node);
  drawnCharts.clear();
}
