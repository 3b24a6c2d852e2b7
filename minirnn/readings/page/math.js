// Mathematics of the page: numbers as text, names and equations as MathML, filled from the templates in the document.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const SVG = "http://www.w3.org/2000/svg";
const DATA = JSON.parse(document.getElementById("data").textContent);
const ADJOINT = `d${DATA.loss}/d`; // before the name of a quantity: that of the derivative of the loss by it
const [MAX_ROWS, MAX_COLUMNS] = [6, 8]; // of a matrix inside an equation; beyond it the corner and the last row and column

const stored = decode(DATA.graph.values);
const leaves = new Map(DATA.graph.leaves.map((leaf) => [leaf, stored.get(leaf)]));
const original = new Run(DATA.graph, stored);

// An HTML element (or, with a namespace, another) with attributes and children; text is always text.
const element = (tag, attributes = {}, ...children) => fitted(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fitted(document.createElementNS(SVG, tag), attributes, children);
const m = (tag, attributes = {}, ...children) => fitted(document.createElementNS(MATHML, tag), attributes, children);
function fitted(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// A function of a key that is asked once for each.
function kept(f) {
  const found = new Map();
  return (key) => (found.has(key) ? found.get(key) : found.set(key, f(key)).get(key));
}

// ------------------------------------------------------------------------------------------------------------ numbers

const trimmed = (text) => text.replace(/(\.\d*?)0+(e|$)/, "$1$2").replace(/\.(e|$)/, "$1");
const signed = (text) => text.replaceAll("-", "−");

// Four significant digits, as Python's %.4g.
function short(x) {
  if (Number.isNaN(x)) return "NaN";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(Number(x.toPrecision(4)));
  return signed(trimmed(size < 1e-4 || size >= 1e4 ? x.toExponential(3) : x.toPrecision(4)));
}

// The shortest text that gives the number back, in the precision it was computed in.
function long(x) {
  if (!Number.isFinite(x)) return String(x).replace("Infinity", "inf").replace("NaN", "nan");
  if (state.changes.size || DATA.graph.values.bytes === 8) return String(x);
  const text = [6, 7, 8, 9].map((n) => x.toPrecision(n)).find((found) => Math.fround(Number(found)) === x);
  return String(Number(text ?? x));
}

const shown = (x) => (state.digits ? signed(long(x)) : short(x));
const largest = (data) => data.reduce((most, v) => (Math.abs(v) > most ? Math.abs(v) : most), 0);
// The length of a vector; no square in it is too large for a number.
const norm = (data) => {
  const top = largest(data);
  return Number.isFinite(top) ? (top || 1) * Math.sqrt(data.reduce((total, v) => total + (v / (top || 1)) ** 2, 0)) : top;
};
// How much of the largest a number is, from 0 to 1: what is no number, or infinite, is all of it.
const share = (v, top) => (Number.isFinite(v) && Number.isFinite(top) ? Math.min(1, Math.abs(v) / (top || 1)) : Number.isFinite(v) ? 0 : 1);
const sampleRow = (x, n) => array([1, ...x.shape.slice(1)], x.data.subarray(n * columnsOf(x), (n + 1) * columnsOf(x)));

// x as text that Python reads: [[1.0, 2.0], [3.0, 4.0]].
function literal(x) {
  if (!x.shape.length) return long(x.data[0]);
  const size = x.data.length / x.shape[0];
  const parts = Array.from({ length: x.shape[0] }, (_, i) =>
    literal(array(x.shape.slice(1), x.data.subarray(i * size, (i + 1) * size))));
  return `[${parts.join(", ")}]`;
}

// -------------------------------------------------------------------------------------------------------------- names

const steps = new Map(); // name -> steps it has
const nodeOf = new Map(); // key -> node
const named = new Map(); // node -> {key, name, step}
for (const [name, step, node] of DATA.graph.quantities) {
  const key = step === null ? name : `${name}_${step}`;
  steps.set(name, [...(steps.get(name) ?? []), step]);
  nodeOf.set(key, node);
  named.set(node, { key, name, step });
}

const templates = new Map();
for (const template of document.querySelectorAll("template")) templates.set(template.dataset.for, template.content);
const content = (key) => [...templates.get(key).firstElementChild.cloneNode(true).childNodes];

const number = (text) => m("mn", {}, text);
function stepMath(base, offset, t) {
  const base_t = base === "sum" ? "t" : base;
  if (t !== null && base !== "sum") return number(String({ t, T: DATA.T, "": 0 }[base] + offset));
  if (base_t === "") return number(String(offset));
  const letter = m("mi", {}, base_t);
  if (!offset) return letter;
  return m("mrow", {}, letter, m("mo", {}, offset < 0 ? "−" : "+"), number(String(Math.abs(offset))));
}

// What stands in a slot [name, base, offset] at step t (null: in general): its key, or its name where that is no one step.
function keyOf([name, base, offset], t) {
  if (base === null) return name;
  if (base === "sum" || (t === null && base === "t")) return name;
  return `${name}_${{ t, T: DATA.T, "": 0 }[base] + offset}`;
}

function nameMath([name, base, offset], t) {
  const known = templates.has(`name:${name}:${base !== null}`);
  const inside = known ? content(`name:${name}:${base !== null}`) : [m("mtext", {}, name)];
  const row = m("mrow", { "data-k": keyOf([name, base, offset], t), class: "quantity" }, ...inside);
  for (const hole of row.querySelectorAll("mtext")) {
    if (hole.textContent === "⟦t⟧") hole.replaceWith(stepMath(base, offset, t));
  }
  return row;
}

const slotOf = (key) => {
  const found = nodeOf.has(key) ? named.get(nodeOf.get(key)) : { name: key, step: null };
  return found.step === null ? [found.name, null, 0] : [found.name, "", found.step];
};
const math = (...children) => m("math", {}, ...children);
const nameOf = (key) => math(nameMath(slotOf(key), null));
const listOf = (keys, most = 9) => [...keys.slice(0, most).flatMap((key, i) => [...(i ? [", "] : []), nameOf(key)]), ...(keys.length > most ? [", …"] : [])];

// ---------------------------------------------------------------------------------------------------------- equations

const shapeText = (x) => (x.shape.length ? x.shape.join("×") : "1");

function matrixMath(x, key) {
  const attributes = { "data-k": key, class: "numbers" };
  if (x.data.length === 1) return m("mrow", attributes, number(shown(x.data[0])));
  const [rows, columns] = [x.data.length / columnsOf(x), columnsOf(x)];
  const few = (n, most) =>
    n <= most ? [...Array(n).keys()] : [...Array(most - 2).keys(), null, n - 1];
  const cell = (i, j) => {
    if (i === null || j === null) return m("mo", {}, i === null && j === null ? "⋱" : i === null ? "⋮" : "⋯");
    return number(shown(x.data[i * columns + j]));
  };
  const body = few(rows, MAX_ROWS).map((i) =>
    m("mtr", {}, ...few(columns, MAX_COLUMNS).map((j) => m("mtd", {}, cell(i, j)))));
  return m("mrow", attributes, m("mo", {}, "["), m("mtable", {}, ...body), m("mo", {}, "]"));
}

// The array of a quantity, for one sample where the equation holds for each sample alone.
function valueOf(key, bySample) {
  const x = state.run.value(nodeOf.get(key));
  const { name } = named.get(nodeOf.get(key));
  return bySample && state.sample !== null && DATA.bySample.includes(name) ? sampleRow(x, state.sample) : x;
}

// The sides of an equation with its slots filled: with names in general and their shapes, with names at t, with numbers.
function filled(index, form, t, shapes = form === "general") {
  const line = DATA.lines[index];
  const at = form === "general" ? null : t;
  const slot = (where) => { // what stands there, and its shape where that is asked for
    const key = keyOf(where, at);
    if (form === "numbers" && nodeOf.has(key)) return [matrixMath(valueOf(key, line.bySample), key)];
    const any = nodeOf.get(key) ?? nodeOf.get(`${where[0]}_${steps.get(where[0])?.[0]}`);
    const shape = !shapes || any === undefined ? [] : [m("mtext", { class: "shape" }, shapeText(state.run.value(any)))];
    return [nameMath(where, at), ...shape];
  };
  const right = m("mrow", {}, ...content(`line:${index}`));
  for (const letter of right.querySelectorAll("mi")) {
    const inSum = letter.closest("munderover");
    if (form === "numbers" && letter.textContent in DATA.sizes) {
      if (letter.previousElementSibling?.localName === "mn" && letter.parentNode.localName !== "mfrac") letter.before(m("mo", {}, "·"));
      letter.replaceWith(number(String(DATA.sizes[letter.textContent])));
    } else if (at !== null && letter.textContent === "t" && !inSum) {
      letter.replaceWith(number(String(t)));
    }
  }
  for (const hole of right.querySelectorAll("mtext")) {
    const place = /^⟦(\d+)⟧$/.exec(hole.textContent);
    if (place) put(hole, ...slot(line.right[Number(place[1])]));
  }
  return { left: shaped(...(form === "general" ? slot(line.left) : [nameMath(line.left, at)])), right };
}

// In place of a hole a name, and below it its shape; what is raised to it stays beside it.
function put(hole, name, shape) {
  const power = hole.parentNode.localName === "msup" && hole === hole.parentNode.firstElementChild ? hole.parentNode : null;
  hole.replaceWith(power ? name : shaped(name, shape));
  if (power && shape) {
    const whole_ = m("mrow", {});
    power.replaceWith(whole_);
    whole_.append(shaped(power, shape));
  }
}
// Brackets need not reach around the shape, but beside a fraction.
const shaped = (name, shape) => (!shape ? name : name.querySelector("mfrac") ? m("munder", {}, name, shape) : m("mpadded", { depth: "0.3em" }, m("munder", {}, name, shape)));

const equals = (line) => (line.adds ? [m("mo", { rspace: "0" }, "+"), m("mo", { lspace: "0" }, "=")] : [m("mo", {}, "=")]);

// One equation on one line.
function equation(index, form, t) {
  const { left, right } = filled(index, form, t);
  return math(left, ...equals(DATA.lines[index]), right);
}

// The same in numbers, in pieces that can stand below each other: a sum breaks before its signs, a product between its
// factors, and what is in brackets too if it is long.
function inNumbers(index, t, result) {
  const { left, right } = filled(index, "numbers", t);
  const pieces = [[left, ...equals(DATA.lines[index])]];
  const split = (parts) => {
    for (const part of parts) {
      const sign = part.localName === "mo" && ["+", "-", "−", "⊙", "⊘"].includes(part.textContent);
      if (sign) {
        part.setAttribute("form", "infix");
        pieces.push([part]);
      } else if (part.localName === "mspace") {
        if (!["1", "𝟏"].includes(pieces.at(-1).at(-1)?.textContent)) pieces.push([]); // a column of ones stays at its row
      } else if (part.localName === "mrow" && part.querySelectorAll("mtable").length > 1) {
        for (const bracket of part.children) if (["(", ")"].includes(bracket.textContent)) bracket.setAttribute("stretchy", "false");
        split([...part.childNodes]);
      } else {
        pieces.at(-1).push(part);
      }
    }
  };
  split([...right.childNodes]);
  if (result === null) pieces.push([m("mo", { form: "infix" }, "="), m("mo", {}, "?")]);
  else if (right.textContent !== result.textContent) pieces.push([m("mo", { form: "infix" }, "="), result]);
  return pieces.filter((piece) => piece.length).map((piece) => math(...piece));
}
