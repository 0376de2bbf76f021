"use strict";
(() => {
  // Okabe and Ito's colours; where there are more traces the symbol changes too.
  const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#9a7b00"];
  const SYMBOLS = ["circle", "diamond", "cross", "triangle-up", "square-open", "x"];
  const plots = JSON.parse(document.getElementById("data").textContent).plots;
  // Plotly reads a few tags in texts: names have none.
  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

  function draw() {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const line = style.getPropertyValue("--line").trim();
    for (const plot of plots) {
      const place = document.getElementById(`plot-${plot.name}`);
      if (!place) continue;
      const axis = (title) => ({ title: { text: title }, gridcolor: line, zeroline: false, linecolor: line });
      Plotly.react(
        place,
        plot.traces.map((trace, i) => ({
          type: "scatter",
          mode: "markers",
          name: escaped(trace.name),
          x: trace.x,
          y: trace.y,
          text: trace.text.map(escaped),
          hoverinfo: "text",
          marker: { color: COLOURS[i % COLOURS.length], symbol: SYMBOLS[i % SYMBOLS.length], size: 5, opacity: 0.7 },
        })),
        {
          paper_bgcolor: "rgba(0,0,0,0)",
          plot_bgcolor: "rgba(0,0,0,0)",
          font: { color: ink, family: "system-ui, sans-serif", size: 12 },
          margin: { l: 55, r: 10, t: 10, b: 45 },
          xaxis: axis(plot.axes[0]),
          yaxis: axis(plot.axes[1]),
          legend: { orientation: "h", y: -0.18 },
          hovermode: "closest",
        },
        { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"] },
      );
    }
  }
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
