// Elements are made from text, never from markup: names come from files of strangers.
const data = JSON.parse(document.getElementById("data").textContent);

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null).map((child) => child instanceof Node ? child : String(child)));
  return node;
}

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const sentence = (text) => text[0].toUpperCase() + text.slice(1);
const byId = (id) => document.getElementById(id);
const fill = (id, ...children) => byId(id).replaceChildren(...children.flat());
const minus = (text) => text.replace("-", "\u2212");
const number = (value, digits = 3) => value == null ? "\u2013" : minus(value.toFixed(digits));
const signed = (value, digits = 3) => value == null ? "\u2013" : (value > 0 ? "+" : "") + number(value, digits);
