// Who is called what: counts of all sources together, coloured by their share of the true class.
function confusionOf(model, test) {
  return data.confusions[state.protocol]?.[state.scoring]?.[model]?.[test];
}

function confusionTable({labels, counts}, title) {
  const rows = labels.map((name, i) => ({name, cells: counts.slice(i * labels.length, (i + 1) * labels.length)}));
  const body = rows.map(({name, cells}, i) => {
    const total = cells.reduce((sum, each) => sum + each, 0);
    return el("tr", {}, el("th", {scope: "row"}, name), cells.map((count, j) => {
      const share = total ? count / total : 0;
      return el("td", {style: total ? painted(CIVIDIS, share) : null, class: i === j ? "hit" : null, title: `${name} called ${labels[j]}: ${count} of ${total}`}, total ? String(count) : "\u2013");
    }), el("td", {class: "total"}, total ? `${(100 * cells[i] / total).toFixed(0)}%` : "\u2013"));
  });
  return el("div", {class: "scroll"}, el("table", {class: "matrix confusion"}, el("caption", {}, title),
    el("thead", {}, el("tr", {}, el("th", {scope: "col", class: "corner"}, "true \\ called"), labels.map((name) => el("th", {scope: "col"}, el("span", {}, name))), el("th", {scope: "col"}, "recall"))),
    el("tbody", {}, body)));
}

function confusionTables(model) {
  const found = data.datasets.map((test) => [test, confusionOf(model, test)]).filter(([, counts]) => counts);
  if (!found.length) return [el("p", {class: "caption"}, "The run keeps no predictions that could be counted.")];
  return found.map(([test, counts]) => confusionTable(counts, `Tested on ${test}${data.models[model].seen.includes(test) ? " \u2020" : ""}`));
}

// What a laboratory would report of each class, against the true share: how far it is off, in percentage points.
function differentialTable(model) {
  const found = data.differential[model];
  if (!found) return null;
  const labels = [...new Set(Object.values(found).flatMap((classes) => Object.keys(classes)))].sort();
  const rows = data.datasets.filter((test) => found[test]).map((test) => ({name: test, cells: labels.map((name) => found[test][name] == null ? null : {value: found[test][name]})}));
  return matrixTable(`Differential count: error in percentage points, ${data.protocols.find((each) => each.name === data.ranking.protocol).title}, as deployed`, rows,
    (value) => painted(DIVERGING, 0.5 + Math.min(value, 40) / 80), (value) => number(value, 1), labels, "target \\ class");
}

function chooseModel(id, first) {
  byId(id).append(...data.models.map((model, i) => el("option", {value: i}, model.name)));
  byId(id).value = first;
}

drawLater("confusion", () => {
  const model = Number(byId("confusion-model").value);
  fill("confusion-tables", [...confusionTables(model), differentialTable(model)].filter(Boolean));
  fill("confusion-caption", `Counts over all sources and seeds, ${protocol().title}, ${scoringTitle()}: rows are the true class, columns the answer; the colour is the share of the true class. The differential count is what a laboratory would report; its error is the mean over sources. ` +
    (state.scoring === "shared" ? "Shared: only classes that source and target have." : "As deployed: every cell of the target, whatever classes the source has."));
});
