// A cell and what was said of it, wherever a page shows one.
function picture(cell) {
  if (!cell.src) return el("div", {class: "blank"}, "no picture");
  return el("div", {class: "cell"}, el("img", {src: cell.src, width: cell.width, height: cell.height, alt: ""}),
    svg("svg", {viewBox: `0 0 ${cell.width} ${cell.height}`, class: "outline", "aria-hidden": "true"}, svg("path", {d: cell.outline})));
}

function saidList(said, truth) {
  return el("dl", {class: "said"}, said.flatMap(([name, value]) => [el("dt", {class: name === truth ? "true" : null}, name),
    el("dd", {}, el("span", {class: "bar", style: `width:${(100 * value).toFixed(0)}%`}), el("span", {}, value.toFixed(2)))]));
}
