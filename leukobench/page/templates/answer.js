// The best model of each side by what the switches say, side by side.
const SIDES = [["classical", "classical"], ["deep", "deep"], ["both", "fused"]];

function bestOf(side) {
  const {mean, rank} = means();
  const sign = metric().sign;
  const fit = data.models.map((model, i) => i).filter((i) =>
    data.models[i].side === side && data.models[i].section === "inductive" && rank[i] != null);
  return fit.reduce((best, i) => best == null || sign * mean[i] > sign * mean[best] ? i : best, null);
}

draw(function answer() {
  const best = SIDES.map(([side, title]) => ({title, model: bestOf(side)})).filter(({model}) => model != null);
  const figures = best.map(({title, model}) =>
    modelMatrix(model, `Best ${title}: ${data.models[model].name}, mean ${number(means().mean[model])}`));
  const [classical, deep] = ["classical", "deep"].map((title) => best.find((each) => each.title === title));
  if (classical && deep) figures.push(differenceMatrix(deep.model, classical.model, "Difference: best deep minus best classical"));
  fill("answer-matrices", figures.length ? figures : el("p", {}, "No complete model to show by this protocol."));
  fill("answer-caption", `${peopleRow().length ? "People: how far a second reader agrees with the labels. " : ""}Trained on the row, tested on the column: ${metric().title}, ${scoringTitle()}. On the diagonal ` +
    `within a dataset (out of fold), off it out of domain. In full colour \u201c${protocol().title}\u201d: the mean is over ` +
    "these. Best: by that mean, so chosen after the fact on the very targets that are shown; the sentence above compares without such a choice.");
});
