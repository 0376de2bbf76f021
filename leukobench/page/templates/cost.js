// What a model reaches against what it costs, with the front of those that no other beats at their price.
const PRICES = {answer: [0, "ms an image, from file to answer"], fit: [1, "seconds to tune and fit, mean over run cells"]};

const TICKS = [-3, -2, -1, 0, 1, 2, 3, 4, 5].flatMap((power) => [1, 2, 5].map((digit) => digit * 10 ** power));

function front(points) {
  const sign = metric().sign;
  return points.filter((one) => !points.some((other) => other.cost <= one.cost && sign * other.mean >= sign * one.mean &&
    (other.cost < one.cost || sign * other.mean > sign * one.mean))).sort((a, b) => a.cost - b.cost);
}

// A representation that came out of a cache was not timed: then the seconds of a fit are all that is known.
if (!Object.values(data.costs).some((costs) => costs[PRICES.answer[0]] > 0)) byId("price").value = "fit";

drawLater("cost", () => {
  const [place, title] = PRICES[byId("price").value];
  const points = Object.entries(data.costs).map(([name, costs]) => {
    const i = data.models.findIndex((model) => model.name === name);
    return {i, name, cost: costs[place], mean: means().mean[i]};
  }).filter(({cost, mean}) => cost > 0 && mean != null);
  const best = front(points);
  byId("cost-figure").hidden = byId("cost-numbers").hidden = !points.length;
  const untimed = Object.entries(data.costs).filter(([, costs]) => !(costs[place] > 0)).map(([name]) => name);
  fill("cost-caption", points.length ? `${sentence(shown())}, against ${title}, on the machine of the run (one worker). The line joins the Pareto front: no other model is as cheap and as good. ` +
    (untimed.length ? `Not timed: ${untimed.join(", ")}.` : "") : "Nothing was timed that could be shown: what a model reads came out of a cache, or the run kept no times.");
  if (!points.length) return;
  const named = narrow() ? best : points.length <= 14 ? points : best;
  const families = [...new Set(points.map(({i}) => data.models[i].family))];
  plot("cost-figure", [
    {mode: "lines", x: best.map((each) => each.cost), y: best.map((each) => each.mean), line: {shape: "hv", color: ink("quiet"), width: 1.5, dash: "dot"}, hoverinfo: "skip", showlegend: false},
    ...families.map((family) => {
      const own = points.filter(({i}) => data.models[i].family === family);
      return {name: plain(family), mode: "markers+text", x: own.map((each) => each.cost), y: own.map((each) => each.mean),
        marker: {size: 10, color: familyColour(data.models[own[0].i])}, cliponaxis: false, textposition: "top center", textfont: {size: 11},
        text: own.map((each) => named.includes(each) ? label(each.name, 22) : ""), hoverinfo: "text",
        hovertext: own.map((each) => `${plain(each.name)}: ${number(each.mean)} at ${number(each.cost, 2)}`)};
    })],
  {xaxis: {type: "log", tickvals: TICKS, title: {text: title}}, yaxis: {title: {text: metric().title}}, ...LEGEND}, 460);
  numbers("cost-numbers", ["model", metric().title, title], points.map((each) => [each.name + (best.includes(each) ? " (front)" : ""), number(each.mean), number(each.cost, 2)]));
});
