// Confident and wrong: the cells, what they are, what was said of them. Every picture is of the very file that was scored.
const gallery = {model: "", test: "", many: 18};
const {cells} = data.gallery;

function card(each) {
  const cell = cells[each.cell];
  return el("figure", {class: "card"}, picture(cell), el("figcaption", {},
    el("strong", {}, `${each.true} called ${each.said[0][0]}`), saidList(each.said, each.true),
    el("span", {class: "quiet"}, `${data.models[each.model].name}, ${each.train} \u2192 ${data.datasets[each.test]}`), el("span", {class: "path quiet"}, cell.path || cell.sha256)));
}

function drawMistakes() {
  const seen = new Set();
  const found = data.gallery.mistakes.filter((each) => (gallery.model === "" || each.model === Number(gallery.model)) && (gallery.test === "" || each.test === Number(gallery.test)))
    .sort((a, b) => b.said[0][1] - a.said[0][1]).filter((each) => !seen.has(each.cell) && seen.add(each.cell));
  fill("mistakes", found.slice(0, gallery.many).map(card));
  byId("mistakes-more").hidden = found.length <= gallery.many;
  fill("mistakes-count", found.length ? `${Math.min(gallery.many, found.length)} of ${found.length}` : "No mistake is kept of these.");
}

function suspectCard(each) {
  const cell = cells[each.cell];
  return el("figure", {class: "card"}, picture(cell), el("figcaption", {}, el("strong", {}, `labelled ${each.true}`),
    el("span", {}, `called ${each.called} in ${each.votes} of ${each.asked} answers`), el("span", {class: "path quiet"}, cell.path || cell.sha256)));
}

function gallerySection() {
  chooseModel("mistakes-model", "");
  byId("mistakes-model").prepend(el("option", {value: "", selected: true}, "all models"));
  byId("mistakes-test").append(...data.datasets.map((name, i) => el("option", {value: i}, name)));
  for (const name of ["model", "test"]) byId(`mistakes-${name}`).addEventListener("change", (event) => { gallery[name] = event.target.value; gallery.many = 18; drawMistakes(); });
  byId("mistakes-more").addEventListener("click", () => { gallery.many += 18; drawMistakes(); });
  byId("outlines").addEventListener("change", (event) => byId("confusion").classList.toggle("plain", !event.target.checked));
  const counts = Object.entries(data.gallery.suspect_counts);
  fill("suspects", data.gallery.suspects.map(suspectCard));
  fill("suspects-count", counts.length ? counts.map(([test, n]) => `${n} of ${test}`).join(", ") + "." : "None: some model is right about every cell.");
  drawMistakes();
}
