// Classical against deep on each target, by what the switches say.
const SIDE_LOOK = {classical: ["classical", FAMILIES[0], "circle"], deep: ["deep", FAMILIES[1], "diamond"], both: ["fused", FAMILIES[3], "square"]};
const WAYS = {mean: "mean over the kinds of model of a side (out of domain of each kind the member that is best within the source, else the mean of its members)", chosen: "on each source the model that is best within it"};

// Only where models were judged within their sources can one be chosen there.
function sideRows() {
  const {sides} = means();
  const chosen = sides.some((row) => row.way === "chosen");
  byId("way").disabled = !chosen;
  const way = chosen ? byId("way").value : "mean";
  return [way, sides.filter((row) => row.way === way)];
}

function dots(rows, side, shift, [title, colour, symbol]) {
  const of = rows.filter((row) => row.side === side);
  const bar = (end) => of.map((row) => row.interval[end] == null ? 0 : Math.abs(row.interval[end] - row.interval[0]));
  return {name: title, mode: "markers", x: of.map((row) => row.interval[0]), y: of.map((row) => data.datasets.indexOf(row.test) + shift),
    marker: {color: colour, symbol, size: 9}, error_x: {type: "data", symmetric: false, array: bar(2), arrayminus: bar(1), color: colour, thickness: 2, width: 0},
    text: of.map((row) => `${title}, ${plain(row.test)}: ${reach(row.interval)}`), hoverinfo: "text"};
}

drawLater("sides", () => {
  const [way, rows] = sideRows();
  const people = readers().map(([test, value]) => ({test, side: "people", interval: [value, null, null]}));
  const there = Object.keys(SIDE_LOOK).filter((side) => rows.some((row) => row.side === side));
  const both = there.includes("classical") && there.includes("deep");
  byId("sides-figures").hidden = !there.length;
  fill("sides-empty", there.length ? "" : "The run holds no complete model of either side.");
  if (!there.length) return;
  const axis = {tickvals: data.datasets.map((_, i) => i), ticktext: data.datasets.map((name) => label(name, 18)), range: [data.datasets.length - 0.5, -0.5], zeroline: false};
  const margin = {l: 8, r: 12, t: 44, b: 8};
  const height = 110 + 46 * data.datasets.length;
  plot("sides-scores", [...there.map((side, i) => dots(rows, side, 0.2 * (i - (there.length - 1) / 2), SIDE_LOOK[side])),
    ...(people.length ? [dots(people, "people", 0, ["people", ink("ink"), "cross-thin-open"])] : [])],
    {yaxis: axis, xaxis: {title: {text: metric().title}, zeroline: false}, margin, ...LEGEND}, height);
  byId("sides-difference").hidden = !both;
  if (both) plot("sides-difference", [dots(rows, "difference", 0, ["deep minus classical", ink("ink"), "circle"])],
    {yaxis: axis, xaxis: {title: {text: "deep minus classical"}, zeroline: true, zerolinewidth: 2}, margin}, height);
  numbers("sides-numbers", ["target", ...there.map((side) => SIDE_LOOK[side][0]), both ? "deep minus classical" : null].filter(Boolean), data.datasets.map((test) =>
    [test, ...[...there, both ? "difference" : null].filter(Boolean).map((side) => reach((rows.find((row) => row.test === test && row.side === side) ?? {interval: [null]}).interval))]));
  fill("sides-caption", `${sentence(shown())}; mean over sources of each target, ${WAYS[way]}. Bars: ${intervalLine()}; the differences are paired image by image. They say nothing about other laboratories.`);
});
