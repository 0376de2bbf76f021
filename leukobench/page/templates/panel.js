// A click on a model opens what is known of it; Escape closes, and the focus goes back to where it was.
let opened = null;

function openModel(model) {
  opened = model;
  drawPanel();
  byId("panel").showModal();
}

function drawPanel() {
  if (opened == null) return;
  const model = data.models[opened];
  const facts = [model.family, ...model.marks, `${model.coverage} run cells`, model.fit_s == null ? null : `fit ${number(model.fit_s, 1)} s`,
    model.ms_per_image == null ? null : `${number(model.ms_per_image, 2)} ms per image`];
  fill("panel-title", model.name);
  fill("panel-facts", facts.filter(Boolean).join(" \u00b7 "));
  const known = data.certainty.protocols[judged()]?.[opened];
  fill("panel-body",
    el("div", {class: "matrices"}, modelMatrix(opened, `Train \u00d7 test: ${metric().title}, ${scoringTitle()}`), recallTable(opened)),
    el("h3", {}, `Confusion on each target, ${protocol().title}, ${scoringTitle()}`), el("div", {class: "matrices"}, confusionTables(opened), differentialTable(opened)),
    known ? [el("h3", {}, "Calibration"), el("p", {class: "caption"}, `ECE ${number(known.ece[0])}, ${number(known.ece[1])} once calibrated on the source; AURC ${number(known.aurc)}.`), el("div", {id: "panel-reliability"})] : []);
  if (known) requestAnimationFrame(() => { if (byId("panel-reliability")) reliabilityPlot("panel-reliability", [opened]); });
}

// Share of each class that is called right, by where the images come from.
function recallTable(model) {
  const found = data.datasets.map((name) => ({name, counts: confusionOf(model, name)})).filter((each) => each.counts);
  const labels = [...new Set(found.flatMap(({counts}) => counts.labels))].sort();
  const rows = found.map(({name, counts}) => ({name, cells: labels.map((label) => {
    const [i, k] = [counts.labels.indexOf(label), counts.labels.length];
    const total = i < 0 ? 0 : counts.counts.slice(i * k, (i + 1) * k).reduce((sum, each) => sum + each, 0);
    return total ? {value: counts.counts[i * k + i] / total} : null;
  })}));
  return matrixTable(`Recall of each class by origin, ${protocol().title}`, rows, score, number, labels, "origin \\ class");
}

function panel() {
  byId("panel").addEventListener("close", () => { opened = null; });
  byId("panel").addEventListener("click", (event) => { if (event.target === byId("panel")) byId("panel").close(); });
}

draw(drawPanel);
