// What the switches say, and the figures that follow from it.
const state = {...data.ranking};
const drawn = [];
const draw = (figure) => drawn.push(figure);

// Figures further down are drawn when they come near, so that the page opens at once; printing draws them all.
const later = new Map();
function drawLater(id, figure) {
  later.set(id, {figure, near: false, stale: true});
}

const coming = new IntersectionObserver((entries) => entries.forEach(({target, isIntersecting}) => {
  const each = later.get(target.id);
  each.near = isIntersecting;
  refresh(each);
}), {rootMargin: "800px"});

function refresh(each) {
  if (!each.near || !each.stale) return;
  each.stale = false;
  each.figure();
}

function drawAll() {
  later.forEach((each) => { each.stale = false; each.figure(); });
}

const metric = () => data.metrics.find((each) => each.name === state.metric);
const protocol = () => data.protocols.find((each) => each.name === state.protocol);
const means = () => data.means[state.metric][state.scoring][state.protocol];
const intervalLine = () => means().replicates == null ? "none, as this metric was not drawn for" : data.intervalLine.replace(/B = \d+/, `B = ${means().replicates}`);
const scoringTitle = () => state.scoring === "shared" ? "shared classes" : "as deployed";
const shown = () => `${metric().title}, ${protocol().title}, ${scoringTitle()}`;

// How far people agree on the datasets that were labelled more than once.
const readers = () => Object.entries(data.people[state.metric]?.[state.scoring] ?? {}).filter(([, value]) => value != null);

const rowsOf = data.models.map(() => []);
data.keys.model.forEach((model, row) => rowsOf[model].push(row));
const contaminated = new Set(data.contaminated);

function update() {
  fill("shown", shown());
  drawn.forEach((figure) => figure());
  later.forEach((each) => { each.stale = true; refresh(each); });
}

function switches() {
  for (const name of ["metric", "protocol", "scoring"]) {
    byId(name).value = state[name];
    byId(name).addEventListener("change", (event) => { state[name] = event.target.value; update(); });
  }
}
