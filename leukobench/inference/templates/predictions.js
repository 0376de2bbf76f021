// Every cell with its answer, and why it is not to be trusted; drawn some at a time.
const AT_ONCE = 48;
const view = {class: "", order: "file", find: "", many: AT_ONCE};
const ORDERS = {file: () => 0, doubt: (a, b) => Math.max(...a.p) - Math.max(...b.p), distance: (a, b) => (b.distance ?? 1e9) - (a.distance ?? 1e9)};

function bars(cell) {
  const pairs = data.head.map((name, i) => [name, cell.p[i]]).sort((a, b) => b[1] - a[1]).filter(([, p], i) => i < 3 || p >= 0.05);
  return saidList(pairs, cell.true);
}

function nearest(cell) {
  const found = cell.near.map((i) => data.references[i]);
  if (!found.length) return null;
  return el("div", {class: "near"}, el("span", {class: "path quiet"}, "most like these of the training"), found.map((each) => each.src
    ? el("figure", {}, el("img", {src: each.src, width: each.width, height: each.height, alt: `${each.label}, ${each.path}`, title: each.path}), el("figcaption", {}, each.label))
    : el("span", {class: "path quiet", title: each.path}, `${each.label} ${shortened(each.path)}`)));
}

// Which laboratory's and which file, without the folders between.
function shortened(path) {
  const parts = path.split("/");
  return parts.length > 2 ? `${parts[0]}/\u2026/${parts.at(-1)}` : path;
}

function weights(cell) {
  if (!cell.weights && !cell.map) return null;
  const heaviest = cell.weights ?? [];
  const most = Math.max(...heaviest.map((each) => Math.abs(each[2])), 1e-9);
  return el("details", {}, el("summary", {}, `What speaks for ${cell.likeliest}`),
    cell.map ? el("img", {class: "map", src: cell.map, alt: "The cell, and beside it where the network looks"}) : null, el("dl", {class: "weights"}, heaviest.flatMap(([name, value, weight]) => [
    el("dt", {}, name, el("span", {class: "quiet"}, ` ${signed(value, 1)} sd`)),
    el("dd", {}, el("span", {class: weight < 0 ? "against" : "for", style: `width:${(50 * Math.abs(weight) / most).toFixed(0)}%`}), el("span", {class: "hidden"}, signed(weight, 2)))])));
}

function facts(cell) {
  const said = [["distance", cell.distance, 2], ["outline", cell.quality, 2]].filter(([, value]) => value != null).map(([name, value, digits]) => `${name} ${number(value, digits)}`);
  if (cell.size != null) said.push(`${number(cell.size, 1)} \u00b5m (scale ${cell.scale})`);
  else if (cell.quality) said.push(`scale ${cell.scale}`);
  return el("span", {class: "quiet"}, said.join(" \u00b7 "));
}

function cellCard(cell) {
  if (cell.error) return el("figure", {class: "card"}, picture(cell), el("figcaption", {}, el("strong", {}, "cannot be read"), el("span", {}, cell.error), el("span", {class: "path quiet"}, cell.file)));
  const unsure = cell.class === data.unsure;
  return el("figure", {class: unsure ? "card unsure" : "card"}, picture(cell), el("figcaption", {},
    el("span", {class: "path quiet"}, cell.file),
    el("strong", {}, unsure ? "unsure" : `${cell.class} ${data.titles[cell.class] ?? ""}`),
    cell.true ? el("span", {class: "quiet"}, `labelled ${cell.true}`) : null,
    unsure ? el("span", {class: "why"}, `${sentence(cell.why)}. The likeliest would be ${cell.likeliest}.`) : null,
    bars(cell), facts(cell), weights(cell), nearest(cell)));
}

function draw() {
  const words = view.find.toLowerCase();
  const found = data.cells.filter((cell) => (view.class === "" || (cell.error ? data.unread : cell.class) === view.class) && cell.file.toLowerCase().includes(words)).sort(ORDERS[view.order]);
  fill("gallery", found.slice(0, view.many).map(cellCard));
  byId("more").hidden = found.length <= view.many;
  fill("shown", found.length ? `${Math.min(view.many, found.length)} of ${found.length} cells` : "No cell is like that.");
}

function choose(name, value) {
  view[name] = value;
  view.many = AT_ONCE;
  draw();
}

const counts = new Map();
for (const cell of data.cells) counts.set(cell.error ? data.unread : cell.class, (counts.get(cell.error ? data.unread : cell.class) ?? 0) + 1);
byId("class").append(...[...counts].sort((a, b) => (a[0] > b[0]) - (a[0] < b[0])).map(([name, n]) => el("option", {value: name}, `${name} (${n})`)));
for (const name of ["class", "order"]) byId(name).addEventListener("change", (event) => choose(name, event.target.value));
byId("find").addEventListener("input", (event) => choose("find", event.target.value));
byId("outlines").addEventListener("change", (event) => byId("gallery").classList.toggle("plain", !event.target.checked));
byId("more").addEventListener("click", () => { view.many += AT_ONCE; draw(); });
draw();
document.documentElement.dataset.ready = "";
