// What all figures by Plotly share: colours of the page, names as text, and their numbers as a table below.
const plain = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
const short = (text, length = 26) => text.length > length ? text.slice(0, length - 1) + "\u2026" : text;
const label = (text, length) => plain(short(text, length));
const tone = (name) => getComputedStyle(document.body).getPropertyValue(`--${name}`).trim();

// light-dark() has no value of its own until an element uses it.
function ink(name) {
  const probe = byId("probe");
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}

const LEGEND = {showlegend: true, legend: {orientation: "h", y: 1.02, yanchor: "bottom", x: 0}};
const narrow = () => window.innerWidth < 640;

function plot(id, traces, layout, height) {
  const [text, rule] = [ink("ink"), ink("rule")];
  const axis = {gridcolor: rule, linecolor: rule, zerolinecolor: rule, automargin: true, fixedrange: true};
  const own = (given) => Object.fromEntries(["xaxis", "yaxis"].map((name) => [name, {...axis, ...given[name]}]));
  Plotly.react(byId(id), traces, {
    height, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: {l: 8, r: 12, t: 12, b: 8},
    font: {family: getComputedStyle(document.body).fontFamily, size: 13, color: text}, hovermode: "closest", showlegend: false,
    hoverlabel: {align: "left"}, ...layout, ...own(layout),
  }, {displayModeBar: false, responsive: true});
}

function numbers(id, head, rows) {
  fill(id, el("summary", {}, "The numbers"), el("div", {class: "scroll"}, el("table", {},
    el("thead", {}, el("tr", {}, head.map((name, i) => el("th", {scope: "col", class: i ? null : "left"}, name)))),
    el("tbody", {}, rows.map(([first, ...rest]) => el("tr", {}, el("th", {scope: "row"}, first), rest.map((each) => el("td", {}, each))))))));
}

const reach = ([value, low, high]) => low == null ? number(value) : `${number(value)} [${number(low)}, ${number(high)}]`;
