// What the switches say, and the figures that follow from it.
const state = {...data.ranking};
const drawn = [];
const draw = (figure) => drawn.push(figure);

const metric = () => data.metrics.find((each) => each.name === state.metric);
const protocol = () => data.protocols.find((each) => each.name === state.protocol);
const means = () => data.means[state.metric][state.scoring][state.protocol];
const isRanking = () => Object.entries(data.ranking).every(([name, value]) => state[name] === value);
const scoringTitle = () => state.scoring === "shared" ? "shared classes" : "as deployed";
const shown = () => `${metric().title}, ${protocol().title}, ${scoringTitle()}`;

const rowsOf = data.models.map(() => []);
data.keys.model.forEach((model, row) => rowsOf[model].push(row));
const contaminated = new Set(data.contaminated);

function update() {
  fill("shown", shown());
  drawn.forEach((figure) => figure());
}

function switches() {
  for (const name of ["metric", "protocol", "scoring"]) {
    byId(name).value = state[name];
    byId(name).addEventListener("change", (event) => { state[name] = event.target.value; update(); });
  }
}
