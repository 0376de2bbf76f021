// Cividis for scores, blue to orange for differences: both can be told apart by the colour-blind and in grey.
const CIVIDIS = ["#00204d", "#00336f", "#39486b", "#575d6d", "#707173", "#8a8779", "#a69d75", "#c4b56c", "#e4cf5b", "#ffea46"];
const DIVERGING = ["#1f5a99", "#6a9fd0", "#b9d3ea", "#f3f1ee", "#f3cfa5", "#dc9346", "#a9590a"];
// Okabe and Ito's, in the order of the families.
const FAMILIES = ["#0072b2", "#d55e00", "#cc79a7", "#009e73", "#7f7f7f", "#56b4e9", "#e69f00"];

const parts = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

function along(stops, share) {
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  const [from, to] = [parts(stops[low]), parts(stops[low + 1])];
  return from.map((value, i) => Math.round(value + (to[i] - value) * (place - low)));
}

function linear(value) {
  const share = value / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

// Black or white, whichever has the higher contrast.
function painted(stops, share, aside) {
  const rgb = along(stops, share);
  if (aside) return `background:color-mix(in srgb, rgb(${rgb.join(",")}) 28%, var(--paper))`;
  const [r, g, b] = rgb.map(linear);
  const ink = 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
  return `background:rgb(${rgb.join(",")});color:${ink}`;
}

const familyColour = (model) => FAMILIES[model.colour % FAMILIES.length];
