// The critical-difference diagram, one line a model: two models differ where their bars do not meet.
drawLater("ranks", () => {
  const found = means().ranks;
  byId("ranks-figure").hidden = byId("ranks-numbers").hidden = !found;
  const {laboratories} = data;
  fill("ranks-caption", !found ? "Ranks take three complete models and two train \u00d7 test pairs at least." :
    `Average ranks of complete inductive models over ${found.n} train \u00d7 test pairs: ${shown()}. A bar is Nemenyi's critical difference long ` +
    `(${number(found.critical_difference, 2)} ranks at .05): two models differ where their bars do not meet. Friedman's p is ${found.p.toPrecision(2)}. ` +
    `Pairs that share a laboratory are not independent, so bars and p are too sure of themselves: over ${laboratories} laboratories no two-sided sign test goes below p = ${(2 * 0.5 ** laboratories).toPrecision(3)}.`);
  if (!found) return;
  const rows = Object.entries(found.average_ranks).map(([name, rank]) => ({name, rank, model: data.models.find((each) => each.name === name)}))
    .sort((a, b) => a.rank - b.rank);
  const half = rows.map(() => found.critical_difference / 2);
  plot("ranks-figure", [{mode: "markers", x: rows.map((row) => row.rank), y: rows.map((_, i) => i), marker: {size: 10, color: rows.map((row) => familyColour(row.model))},
    error_x: {type: "data", array: half, color: ink("quiet"), thickness: 2, width: 0}, hoverinfo: "text", hovertext: rows.map((row) => `${plain(row.name)}: ${number(row.rank, 2)}`)}],
  {yaxis: {tickvals: rows.map((_, i) => i), ticktext: rows.map((row) => label(row.name, narrow() ? 18 : 34)), range: [rows.length - 0.4, -0.6], zeroline: false},
    xaxis: {title: {text: "average rank, 1 is best"}, zeroline: false}}, 90 + 24 * rows.length);
  numbers("ranks-numbers", ["model", "average rank"], rows.map((row) => [row.name, number(row.rank, 2)]));
});
