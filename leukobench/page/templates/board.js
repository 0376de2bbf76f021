// The leaderboard: a table whose rows are sorted, filtered and whose columns are hidden without losing its semantics.
const SECTIONS = {inductive: "Ranked", transductive: "Transductive: saw unlabelled images of the target",
  contaminated: "Contaminated: pretrained weights have seen a target, which is in no mean", control: "Controls"};
const board = {sort: "rank", descending: false, find: "", family: "", chosen: false, folded: new Set(), hidden: new Set(["tune_s", ...data.protocols.filter((each) => each.aside).map((each) => `p-${each.name}`), ...(data.models.every((model) => !model.marks.includes("incomplete")) ? ["coverage"] : [])])};

const COLUMNS = [
  {id: "rank", title: "#", value: (i) => means().rank[i], text: (value) => value ?? "\u2013"},
  {id: "name", title: "model", left: true, value: (i) => data.models[i].name, cell: (i) => modelCell(i), fixed: true},
  {id: "family", title: "family", left: true, value: (i) => data.models[i].family, cell: (i) => familyCell(data.models[i])},
  {id: "mean", title: () => protocol().title, value: (i) => means().mean[i], fixed: true, strong: true},
  {id: "interval", title: "95% interval", value: (i) => means().mean[i], cell: (i) => intervalCell(i)},
  {id: "seed", title: "seed SD", value: (i) => data.models[i].seed},
  ...data.protocols.map((each) => ({id: `p-${each.name}`, title: each.title, other: each.name,
    value: (i) => data.means[state.metric][state.scoring][each.name].mean[i]})),
  {id: "other", title: () => state.scoring === "shared" ? "as deployed" : "shared",
    value: (i) => data.means[state.metric][state.scoring === "shared" ? "deployed" : "shared"][state.protocol].mean[i]},
  {id: "gap", title: "gap", value: (i) => data.models[i].gap},
  {id: "worst", title: "worst target", left: true, value: (i) => means().worst_score[i],
    cell: (i) => [number(means().worst_score[i]), " ", el("span", {class: "quiet"}, means().worst[i] ?? "")]},
  {id: "coverage", title: "cells", value: (i) => data.models[i].coverage, text: (value) => value},
  {id: "tune_s", title: "tune s", value: (i) => data.models[i].tune_s, text: (value) => number(value, 2)},
  {id: "fit_s", title: "fit s", value: (i) => data.models[i].fit_s, text: (value) => number(value, 2)},
  {id: "ms_per_image", title: "ms/image", value: (i) => data.models[i].ms_per_image, text: (value) => number(value, 2)},
];

const titleOf = (column) => typeof column.title === "function" ? column.title() : column.title;
const unfolded = () => COLUMNS.filter((each) => !board.hidden.has(each.id) && each.other !== state.protocol);
const visibleColumns = () => unfolded().filter((each) => !board.folded.has(each.id));

// Columns that there is no room for are left to the list of columns, the last first and the family before the interval;
// until somebody has chosen from that list.
function fitColumns() {
  if (board.chosen) return;
  board.folded.clear();
  drawBoard();
  const room = byId("board").parentElement.clientWidth;
  const width = Object.fromEntries([...byId("board").querySelectorAll("thead th")].map((head) => [head.dataset.column, head.offsetWidth]));
  const order = unfolded().filter((each) => !each.fixed && !["rank", "interval", "family"].includes(each.id)).map((each) => each.id).reverse();
  let wide = byId("board").offsetWidth;
  for (const id of [...order, "family", "interval"]) {
    if (wide <= room) break;
    wide -= width[id];
    board.folded.add(id);
  }
  drawBoard();
  document.querySelectorAll("#columns input").forEach((input) => { input.checked = !board.hidden.has(input.value) && !board.folded.has(input.value); });
  sayFolded();
}

function sayFolded() {
  document.querySelector("#columns summary").textContent = board.folded.size ? `Columns (${board.folded.size} more)` : "Columns";
}

function familyCell(model) {
  return [el("span", {class: "dot", style: `background:${familyColour(model)}`, "aria-hidden": "true"}), model.family];
}

function modelCell(i) {
  const model = data.models[i];
  const marks = model.marks.map((mark) => el("span", {class: "mark"}, mark));
  return [el("button", {type: "button", class: "model", onclick: () => openModel(i)}, model.name), ...marks];
}

function scale() {
  const values = data.models.flatMap((model, i) => [means().mean[i], ...means().intervals[i]]).filter((value) => value != null);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const edge = Math.max(0.02, (high - low) * 0.05);
  return {low: low - edge, high: high + edge, at: (value) => 120 * (value - low + edge) / (high - low + 2 * edge)};
}

function intervalCell(i) {
  const mean = means().mean[i];
  const [low, high] = means().intervals[i];
  if (mean == null) return "\u2013";
  const {at} = axis;
  const known = low != null;
  const label = known ? `${number(mean)}, interval ${number(low)} to ${number(high)}` : `${number(mean)}, no interval`;
  const marks = [svg("line", {x1: 0, x2: 120, y1: 9, y2: 9, class: "track"})];
  if (known) marks.push(svg("line", {x1: at(low), x2: at(high), y1: 9, y2: 9, class: "reach"}));
  marks.push(svg("circle", {cx: at(mean), cy: 9, r: 3, fill: familyColour(data.models[i])}));
  return svg("svg", {viewBox: "0 0 120 18", class: "interval", role: "img", "aria-label": label}, svg("title", {}, label), ...marks);
}

function headCell(column) {
  const active = board.sort === column.id;
  const order = active ? (board.descending ? "descending" : "ascending") : "none";
  const sort = () => {
    board.descending = active ? !board.descending : !["rank", "name", "family", "tune_s", "fit_s", "ms_per_image"].includes(column.id);
    board.sort = column.id;
    drawBoard();
    byId("board").querySelector(`th[data-column="${column.id}"] button`).focus();
  };
  const arrow = active ? (board.descending ? " \u2193" : " \u2191") : "";
  return el("th", {scope: "col", "aria-sort": order, "data-column": column.id, class: column.left ? "left" : null},
    el("button", {type: "button", onclick: sort}, titleOf(column) + arrow));
}

function ordered(rows) {
  const column = COLUMNS.find((each) => each.id === board.sort);
  const direction = board.descending ? -1 : 1;
  return rows.toSorted((a, b) => {
    const [one, other] = [column.value(a), column.value(b)];
    if (one == null || other == null) return (one == null) - (other == null) || a - b;
    return direction * (typeof one === "string" ? one.localeCompare(other) : one - other) || a - b;
  });
}

// How far people agree, on the datasets that were labelled more than once: no mean over pairs, so in no rank.
function peopleBody(columns) {
  const rows = readers().map(([test, value]) => el("tr", {class: "people"}, columns.map(({id}) => {
    if (id === "name") return el("th", {scope: "row", class: "left"}, `people on ${test}`);
    return el("td", {class: id === "mean" ? "strong" : null}, id === "mean" ? number(value) : "");
  })));
  return rows.length ? el("tbody", {"data-section": "people"}, el("tr", {class: "section"}, el("th", {scope: "rowgroup", colspan: columns.length}, "People: a second reader against the labels, on that dataset alone")), rows) : null;
}

let axis = scale();

function drawBoard() {
  axis = scale();
  const columns = visibleColumns();
  const wanted = data.models.map((_, i) => i).filter((i) => (!board.family || data.models[i].family === board.family) &&
    data.models[i].name.toLowerCase().includes(board.find.toLowerCase()));
  const bodies = Object.entries(SECTIONS).map(([section, title]) => {
    const rows = ordered(wanted.filter((i) => data.models[i].section === section));
    if (!rows.length) return null;
    return el("tbody", {"data-section": section},
      el("tr", {class: "section"}, el("th", {scope: "rowgroup", colspan: columns.length}, title)),
      rows.map((i) => el("tr", {"data-model": i}, columns.map((column) => {
        const content = column.cell ? column.cell(i) : (column.text ?? number)(column.value(i));
        return el(column.id === "name" ? "th" : "td", {scope: column.id === "name" ? "row" : null,
          class: [column.left ? "left" : "", column.strong ? "strong" : ""].join(" ").trim() || null}, content);
      }))));
  }).filter(Boolean);
  if (bodies.length) bodies.push(peopleBody(columns) ?? []);
  fill("board", el("caption", {class: "hidden"}, `Leaderboard: ${shown()}`), el("thead", {}, el("tr", {}, columns.map(headCell))),
    bodies.length ? bodies.flat() : el("tbody", {}, el("tr", {}, el("td", {class: "left", colspan: columns.length}, "No model is called that."))));
  fill("board-caption", `Means over train \u00d7 test: ${shown()}. Ranked within a section; a model with a missing run cell has no rank. ` +
    `Bars: ${intervalLine()}. ` +
    `Gap: what is lost against the source's own score on the same classes, out of domain; seed SD: how far runs of one seed lie apart, of the mean of ${data.rankingLine}: both whatever the switches say.`);
}

function boardTools() {
  byId("find").addEventListener("input", (event) => { board.find = event.target.value; drawBoard(); });
  byId("family").append(...[...new Set(data.models.map((model) => model.family))].map((name) => el("option", {value: name}, name)));
  byId("family").addEventListener("change", (event) => { board.family = event.target.value; drawBoard(); });
  document.querySelector("#columns div").append(...COLUMNS.filter((column) => !column.fixed).map((column) => {
    const toggle = (event) => {
      board.chosen = true;
      board.folded.delete(column.id);
      board.hidden[event.target.checked ? "delete" : "add"](column.id);
      sayFolded();
      drawBoard();
    };
    return el("label", {}, el("input", {type: "checkbox", value: column.id, checked: !board.hidden.has(column.id), onchange: toggle}), titleOf(column));
  }));
}

draw(drawBoard);
