// A train x test matrix as a table: within on the diagonal, pairwise off it, other protocols below.
function matrixValues(model) {
  const scores = data.scores[state.metric][state.scoring];
  const found = new Map();
  for (const row of rowsOf[model]) {
    const train = data.trains[data.keys.train[row]];
    const called = data.protocols.find((each) => each.name === protocolOf(row)).row;
    const name = called.replace("{train}", () => train).replace("{protocol}", () => protocolOf(row));
    if (!found.has(name)) found.set(name, new Map());
    found.get(name).set(data.keys.test[row], {value: scores[row], row, seen: contaminated.has(row)});
  }
  const order = [...data.datasets.filter((name) => found.has(name)), ...[...found.keys()].filter((name) => !data.datasets.includes(name))];
  return order.map((name) => ({name, cells: data.datasets.map((_, test) => found.get(name).get(test))}));
}

const protocolOf = (row) => data.protocolNames[data.keys.protocol[row]];

function matrixTable(title, rows, paint, text = number, names = data.datasets, corner = "train \\ test") {
  const head = el("tr", {}, el("th", {scope: "col", class: "corner"}, corner), names.map((name) => el("th", {scope: "col"}, el("span", {}, name))));
  const body = rows.map(({name, cells}) => el("tr", {}, el("th", {scope: "row"}, name), cells.map((cell) => {
    if (cell == null || cell.value == null) return el("td", {class: "none"}, "\u2013");
    const aside = cell.row != null && protocolOf(cell.row) !== state.protocol;
    return el("td", {style: paint(cell.value, aside), class: aside ? "aside" : null}, text(cell.value) + (cell.seen ? "\u2020" : ""));
  })));
  return el("div", {class: "scroll"}, el("table", {class: "matrix"}, el("caption", {}, title), el("thead", {}, head), el("tbody", {}, body)));
}

// A correlation starts at -1, but what is of interest starts at chance, which is 0.
const score = (value, aside) => painted(CIVIDIS, value, aside);
const modelMatrix = (model, title) => matrixTable(title, [...matrixValues(model), ...peopleRow()], score);

// How far people agree on the datasets that were labelled more than once: a model can hardly be asked for more.
function peopleRow() {
  const found = Object.fromEntries(readers());
  if (!Object.keys(found).length) return [];
  return [{name: "people", cells: data.datasets.map((name) => found[name] == null ? null : {value: found[name]})}];
}

function differenceMatrix(one, other, title) {
  const [left, right] = [matrixValues(one), matrixValues(other)];
  const byName = new Map(right.map((row) => [row.name, row.cells]));
  const rows = left.filter((row) => byName.has(row.name)).map(({name, cells}) => ({name, cells: cells.map((cell, i) => {
    const against = byName.get(name)[i];
    if (cell?.value == null || against?.value == null) return null;
    return {value: cell.value - against.value, row: cell.row, seen: cell.seen || against.seen};
  })}));
  return matrixTable(title, rows, (value, aside) => painted(DIVERGING, 0.5 + value, aside), signed);
}
