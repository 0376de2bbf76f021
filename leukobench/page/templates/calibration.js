// Reliability and abstention: of the best model of each side, or of one that is chosen.
const judged = () => data.certainty.protocols[state.protocol] ? state.protocol : Object.keys(data.certainty.protocols).at(-1);

function reliabilityTraces(models) {
  return models.map((i) => {
    const {bins} = data.certainty.protocols[judged()][i];
    const total = bins.reduce((sum, [n]) => sum + n, 0);
    return {name: label(data.models[i].name, 24), mode: "lines+markers", x: bins.map(([, confidence]) => confidence), y: bins.map(([, , accuracy]) => accuracy),
      line: {color: familyColour(data.models[i]), width: 1.5}, marker: {color: familyColour(data.models[i]), size: bins.map(([n]) => 5 + 22 * Math.sqrt(n / total))},
      hoverinfo: "text", hovertext: bins.map(([n, confidence, accuracy]) => `${plain(data.models[i].name)}: says ${number(confidence)}, right ${number(accuracy)} (${n} answers)`)};
  });
}

function calibrationModels() {
  const chosen = byId("calibration-model").value;
  const known = data.certainty.protocols[judged()] ?? {};
  const wanted = chosen === "" ? SIDES.map(([side]) => bestOf(side)) : [Number(chosen)];
  return wanted.filter((i) => i != null && known[i]);
}

function reliabilityPlot(id, models) {
  const diagonal = {mode: "lines", x: [0, 1], y: [0, 1], line: {color: ink("quiet"), dash: "dash", width: 1}, hoverinfo: "skip", showlegend: false};
  plot(id, [diagonal, ...reliabilityTraces(models)], {...LEGEND, xaxis: {title: {text: "probability of the answer"}, range: [0, 1.03]}, yaxis: {title: {text: "share that is right"}, range: [0, 1.03]}}, 400);
}

drawLater("calibration", () => {
  const models = calibrationModels();
  byId("calibration-figures").hidden = !models.length;
  if (!models.length) return fill("calibration-caption", "Calibration needs predictions within and out of domain, which this run does not hold.");
  reliabilityPlot("reliability", models);
  const known = data.certainty.protocols[judged()];
  plot("abstention", models.filter((i) => known[i].abstention).map((i) => ({name: `${label(data.models[i].name, 24)} (${known[i].pairs})`, mode: "lines+markers",
    x: data.certainty.coverages, y: known[i].abstention, line: {color: familyColour(data.models[i])}, hovertemplate: `${label(data.models[i].name)}: %{y:.3f} at %{x}<extra></extra>`})),
  {...LEGEND, xaxis: {title: {text: "share of the images that is answered"}, autorange: "reversed", tickvals: data.certainty.coverages}, yaxis: {title: {text: "balanced accuracy"}}}, 400);
  const rows = Object.entries(known).map(([i, each]) => [data.models[i].name, number(each.ece[0]), number(each.ece[1]), number(each.aurc)]);
  numbers("calibration-numbers", ["model", "ECE", "calibrated", "AURC"], rows);
  byId("calibration-numbers").open = true;
  const title = data.protocols.find((each) => each.name === judged()).title;
  fill("calibration-caption", `${sentence(title)}, shared classes, all targets and seeds together without contaminated ones; an area is the share of the answers in a bin. ECE: expected calibration error, 15 bins, ` +
    "before and after one temperature that is fitted within the source alone. Abstention: balanced accuracy over the images of lowest entropy, mean over the pairs (their number in brackets). AURC: error rate, mean over all coverages.");
});
