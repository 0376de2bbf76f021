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
  fill("panel-body", modelMatrix(opened, `Train \u00d7 test: ${metric().title}, ${scoringTitle()}`));
}

function panel() {
  byId("panel").addEventListener("close", () => { opened = null; });
  byId("panel").addEventListener("click", (event) => { if (event.target === byId("panel")) byId("panel").close(); });
}

draw(drawPanel);
