// What the panels show: this step, the gradient flow, the ledger, the parameters, the selected quantity.

// ---------------------------------------------------------------------------------------------------------------- words

const say = (key, values = {}) => DATA.texts[state.language][key].replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
// The same with elements in place of words.
function sentence(key, values) {
  const parts = DATA.texts[state.language][key].split(/(\{\w+\})/).filter(Boolean);
  return parts.flatMap((part) => (part.startsWith("{") ? values[part.slice(1, -1)] : part));
}

// What a quantity is, in one sentence.
function meaning(name) {
  const { word } = DATA.texts[state.language];
  const [key, layer] = DATA.meanings[name];
  return layer ? word.layer.replace("{layer}", layer).replace("{meaning}", word[key]) : word[key];
}

// ------------------------------------------------------------------------------------------------------------ positions

const T = DATA.T;
const LAST = DATA.backward ? 2 * T + 1 : T + 1;
function placeOf(position) {
  if (position === 0) return { kind: "overview", t: 0 };
  if (position <= T) return { kind: "forward", t: position };
  if (position === T + 1) return { kind: "loss", t: null };
  return { kind: "backward", t: 2 * T + 2 - position };
}
const positionOf = (kind, t) => ({ overview: 0, forward: t, loss: T + 1, backward: 2 * T + 2 - t })[kind];
const titleOf = (position) => {
  const { kind, t } = placeOf(position);
  return say(kind === "loss" && !DATA.backward ? "at_output" : `at_${kind}`, { t, T });
};

// The terms of the gradient of a parameter: node and step of each.
function termsOf(name) {
  const { nodes, operations, steps: stepOf } = DATA.graph;
  let node = nodeOf.get(`${ADJOINT}${name}`);
  while (operations[nodes[node][0]] === "same" && !stepOf[nodes[node][1]]) node = nodes[node][1];
  const terms = operations[nodes[node][0]] === "total" ? nodes[node].slice(1) : [node];
  return terms.map((term) => ({ node: term, step: stepOf[term] }));
}
const GRADIENTS = new Map(DATA.parameters.filter(({ name }) => nodeOf.has(`${ADJOINT}${name}`)).map(({ name }) => [name, termsOf(name)])
  .filter(([, terms]) => terms.every(({ node }) => original.canCompute(node))));
const oneTerm = (name) => GRADIENTS.get(name).every(({ step }) => step === null);
const parameterOf = (line) => (line.left[0].startsWith(ADJOINT) && GRADIENTS.has(line.left[0].slice(ADJOINT.length)) ? line.left[0].slice(ADJOINT.length) : null);

// The equations of a position, by their numbers.
function linesAt(position) {
  const { kind, t } = placeOf(position);
  return [...DATA.lines.keys()].filter((i) => {
    const line = DATA.lines[i];
    const parameter = parameterOf(line);
    if (line.adds && !parameter) return false; // its terms are of an operation that is not known here
    if (parameter && !line.steps) return position === (oneTerm(parameter) ? T + 1 : LAST);
    if (!line.steps) return kind === "loss";
    const here = t !== null && t >= line.steps[0] && t <= line.steps[1];
    return here && (kind === "overview" || line.backward === (kind === "backward"));
  });
}

// ------------------------------------------------------------------------------------------------------------ this step

// The step of an equation without a step of its own is the last.
const leftKey = (line, t) => keyOf(line.left, t ?? T);

function stepView(position = state.position) {
  const { kind, t } = placeOf(position);
  const found = linesAt(position);
  return [caption(found, kind, t), chips(found, t), ...found.map((i, place) => card(i, place, kind, t, position))];
}

function caption(found, kind, t) {
  const left = found.map((i) => DATA.lines[i]).filter((line) => !parameterOf(line)).map((line) => leftKey(line, t));
  const right = found.filter((i) => !parameterOf(DATA.lines[i])).flatMap((i) => DATA.lines[i].right)
    .filter(([name]) => steps.get(name)?.[0] !== null).map((slot) => keyOf(slot, t ?? T));
  const inputs = [...new Set(right)].filter((key) => !left.includes(key));
  const each = DATA.lines.some((line) => line.left[0] === "l");
  const key = kind !== "loss" ? `caption_${kind}` : DATA.backward ? (each ? "caption_loss_each" : "caption_loss") : "caption_output";
  return element("p", { class: "caption" }, ...sentence(key, { t, T, inputs: listOf(inputs), outputs: listOf(left) }));
}

// The quantities of a step as buttons, in the order of time.
function chips(found, t) {
  const keys = found.flatMap((i) => [...DATA.lines[i].right.map((slot) => keyOf(slot, t ?? T)), leftKey(DATA.lines[i], t)]);
  const known = [...new Set(keys)].filter((key) => nodeOf.has(key)).sort((a, b) => nodeOf.get(a) - nodeOf.get(b));
  return element("div", { class: "chips", role: "group", "aria-label": say("quantities") }, ...known.map(chip));
}
const chip = (key) =>
  element("button", { type: "button", class: "chip", "data-k": key, "aria-label": spoken(key), "aria-pressed": String(state.selected === key) }, nameOf(key));
const spoken = (key) => key.replaceAll("_", " ").replace("^", " ");

function card(index, place, kind, t, position) {
  const line = DATA.lines[index];
  const key = leftKey(line, t);
  const parameter = line.adds ? parameterOf(line) : null;
  const result = line.adds
    ? matrixMath(state.run.value(termAt(parameter, t).node), key)
    : matrixMath(valueOf(key, line.bySample), key);
  const general = line.steps && line.steps[0] !== line.steps[1] ? "general" : "once";
  const row = (label, ...content) => element("div", { class: `row ${label}` }, element("span", { class: "label" }, say(label)), scroll(say(label), ...content));
  const symbols = [row(general, equation(index, "general", t))];
  if (t !== null && kind !== "overview") symbols.push(row("here", equation(index, "here", t)));
  const shown = element("article", { class: "card", "data-op": String(place) },
    element("h2", {}, chip(key), element("span", { class: "meaning" }, meaning(line.left[0]))),
    element("div", { class: "symbols" }, ...symbols),
    row("numbers", ...inNumbers(index, t, result)));
  if (parameter) shown.append(runningSum(parameter, t));
  shown.classList.toggle("active", place === state.operation && position === state.position);
  return shown;
}

const termAt = (parameter, t) => GRADIENTS.get(parameter).find(({ step }) => step === t);

// The sum of the terms of steps t..T, and how many they are.
function sumTo(parameter, t) {
  const arrived = GRADIENTS.get(parameter).filter(({ step }) => step === null || step >= t);
  return { arrived: arrived.length, sum: added(arrived.map(({ node }) => state.run.value(node))) };
}

// The norm of every term in the order of time, and of the sum from the last step down to it; kept with the run.
function ledgerOf(parameter) {
  state.run.ledgers ??= new Map();
  if (!state.run.ledgers.has(parameter)) {
    const terms = [...GRADIENTS.get(parameter)].sort((a, b) => (b.step ?? T) - (a.step ?? T));
    const total = state.run.value(terms[0].node).data.map(() => 0);
    const rows = terms.map(({ node, step }) => {
      const { data } = state.run.value(node);
      data.forEach((v, i) => (total[i] += v));
      return { step, norm: norm(data), sum: norm(total) };
    });
    state.run.ledgers.set(parameter, { rows: rows.reverse(), total });
  }
  return state.run.ledgers.get(parameter);
}

function runningSum(parameter, t) {
  const { rows } = ledgerOf(parameter);
  const { arrived, sum: running } = sumTo(parameter, t);
  return element("div", { class: "running" },
    element("div", { class: "row" },
      element("span", { class: "label" }, say("sum_so_far")),
      scroll(say("sum_so_far"), math(matrixMath(running, `${ADJOINT}${parameter}`)))),
    element("div", { class: "arrived" }, strip(rows, t),
      element("p", { class: "note" }, say(arrived === rows.length ? "complete" : "terms", { n: arrived, total: rows.length }))));
}

// The ledger in one line: which terms have arrived, and how large they are.
function strip(rows, t) {
  const top = Math.max(...rows.map(({ norm: height }) => height)) || 1;
  const paths = { later: "", done: "", now: "" };
  rows.forEach(({ step, norm: height }, i) => {
    paths[whenOf(step, t)] += `M${i + 0.08} 100V${100 - Math.max(3, (97 * height) / top)}H${i + 0.92}V100Z`;
  });
  return svg("svg", { class: "strip", viewBox: `0 0 ${rows.length} 100`, preserveAspectRatio: "none", role: "img", "aria-label": say("ledger") },
    ...Object.entries(paths).map(([when, d]) => svg("path", { class: when, d })));
}

// ------------------------------------------------------------------------------------------------------------- the bars

// One bar for every step: a button that goes there. `marks` are heights of a line drawn above the bars.
function chart(bars, { label, marks }) {
  const top = Math.max(...bars.map(({ height }) => height), ...marks.filter(Number.isFinite), 1e-300);
  const holder = element("div", { class: "chart", role: "group", "aria-label": label });
  bars.forEach(({ height, title, key, step, when }, i) => {
    const bar = element("button", { type: "button", class: `bar ${when}`, title, "aria-label": title, "data-k": key,
      "data-go": step === null ? null : String(positionOf("backward", step)), tabindex: i === 0 || when === "now" ? "0" : "-1" });
    const column = element("span", { class: "column" });
    column.style.height = `${Math.max(0, (100 * height) / top)}%`;
    bar.append(column);
    if (Number.isFinite(marks[i])) {
      const mark = element("span", { class: "mark" });
      mark.style.bottom = `${(100 * marks[i]) / top}%`;
      bar.append(mark);
    }
    bar.append(element("span", { class: "tick" }, step === null ? "" : String(step)));
    holder.append(bar);
  });
  return holder;
}

const whenOf = (step, t) => (step === t ? "now" : t === null || (step !== null && step < t) ? "later" : "done");

function bars(parameter, t) {
  const { rows } = ledgerOf(parameter);
  const drawn = rows.map(({ step, norm: height, sum: running }) => ({ height, step, key: `${ADJOINT}${parameter}`, when: whenOf(step, t),
    title: `t = ${step ?? "–"}: ${short(height)}, Σ ${short(running)}` }));
  return chart(drawn, { label: say("ledger"), marks: rows.map(({ sum: running }) => running) });
}

// How far the backward pass has come: the step it is at; before it null, and the overview counts as its end.
const arrivedAt = () => (placeOf(state.position).kind === "backward" ? placeOf(state.position).t : null);

function flowView() {
  const t = arrivedAt();
  const bounded = Object.keys(DATA.bounds).length > 0 && state.sample === null;
  const parts = [element("p", { class: "note" }, say("flow_note"), ...(bounded ? [" ", say("flow_bound")] : []))];
  if (bounded && state.changes.size) parts.push(element("p", { class: "note" }, say("flow_bound_model")));
  for (const name of DATA.states) {
    const found = steps.get(`${ADJOINT}${name}`)?.filter((step) => step > 0).sort((a, b) => a - b) ?? [];
    if (!found.length) continue;
    const heights = found.map((step) => norm(valueOf(`${ADJOINT}${name}_${step}`, true).data));
    const bounds = found.map((step) => (bounded ? DATA.bounds[name]?.[step - 1] ?? NaN : NaN));
    const positive = heights.filter((v) => v > 0);
    const floor = Math.floor(Math.log10(Math.min(...positive, 1e300))) - 0.3;
    const scaled = (v) => (v > 0 ? Math.log10(v) - floor : NaN);
    const drawn = found.map((step, i) => ({ height: heights[i] > 0 ? scaled(heights[i]) : 0, step, key: `${ADJOINT}${name}_${step}`,
      when: whenOf(step, t ?? 0), title: `t = ${step}: ${short(heights[i])}${Number.isFinite(bounds[i]) ? ` ≤ ${short(bounds[i])}` : ""}` }));
    const top = Math.max(...heights);
    parts.push(
      element("h2", {}, `${say("norm")} `, math(nameMath([`${ADJOINT}${name}`, "t", 0], null))),
      chart(drawn, { label: say("flow"), marks: bounds.map(scaled) }),
      details("as_table", table([say("symbol"), say("norm"), ...(bounded ? [say("bound")] : []), say("share")],
        found.map((step, i) => [chip(`${ADJOINT}${name}_${step}`), shown(heights[i]), ...(bounded ? [short(bounds[i])] : []),
          `${short((100 * heights[i]) / (top || 1))} %`]))));
  }
  return parts;
}

function ledgerView() {
  const names = [...GRADIENTS.keys()];
  const name = names.includes(state.parameter) ? state.parameter : names.find((other) => !oneTerm(other)) ?? names[0];
  const choice = element("div", { class: "chips", role: "group", "aria-label": say("parameters") }, ...names.map((other) =>
    element("button", { type: "button", class: "chip", "data-k": other, "data-ledger": other, "aria-label": spoken(other), "aria-pressed": String(other === name) }, nameOf(other))));
  if (!name) return [];
  if (oneTerm(name)) return [choice, element("p", { class: "note" }, say("ledger_once")), matrixBlock(say("gradient"), state.run.value(nodeOf.get(`${ADJOINT}${name}`)), `${ADJOINT}${name}`)];
  const t = arrivedAt() ?? (state.position === 0 ? 1 : T);
  const gradient = state.run.value(nodeOf.get(`${ADJOINT}${name}`));
  const { sum: running } = sumTo(name, t);
  const difference = ledgerOf(name).total.reduce((most, v, i) => Math.max(most, Math.abs(v - gradient.data[i])), 0);
  const term = termAt(name, t);
  const rows = ledgerOf(name).rows.filter(({ step }) => step !== null)
    .map(({ step, norm: height, sum: running_norm }) => [`t = ${step}`, shown(height), shown(running_norm)]);
  return [choice, element("p", { class: "note" }, say("ledger_note", { difference: short(difference) })),
    bars(name, t),
    element("div", { class: "blocks" },
      ...(term ? [matrixBlock(say("term_here", { t }), state.run.value(term.node), `${ADJOINT}${name}`)] : []),
      matrixBlock(say("sum_so_far"), running, `${ADJOINT}${name}`),
      matrixBlock(say("gradient"), gradient, `${ADJOINT}${name}`)),
    details("as_table", table([say("steps"), say("norm"), say("sum_so_far")], rows))];
}

// -------------------------------------------------------------------------------------------------------------- tables

// What may be wider than the page; it can be reached and scrolled with keys.
const scroll = (label, ...content) => element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, ...content);
const details = (key, ...children) => element("details", {}, element("summary", {}, say(key)), ...children);

function table(heads, rows) {
  const cell = (content) => element("td", { class: "number" }, content);
  return scroll(say("as_table"), element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map(cell))))));
}

const matrixBlock = (title, x, key) =>
  element("figure", { class: "block" }, element("figcaption", {}, title, " ", element("span", { class: "quiet" }, shapeText(x))), matrixTable(x, { key }));

const largest = (data) => data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

// A whole matrix; the colour says sign and size. Numbers that can be changed are reached with Tab and changed with Enter.
function matrixTable(x, { key, editable = false, before = null, label = "" }) {
  const [rows, columns] = [x.data.length / columnsOf(x), columnsOf(x)];
  const top = largest(x.data) || 1;
  const chosen = rows === DATA.samples && nodeOf.has(key) && DATA.bySample.includes(named.get(nodeOf.get(key)).name) ? state.sample : null;
  const body = Array.from({ length: rows }, (_, i) => element("tr", { class: i === chosen ? "chosen" : null }, ...Array.from({ length: columns }, (_none, j) => {
    const value = x.data[i * columns + j];
    const changed = before !== null && before.data[i * columns + j] !== value;
    const cell = element("td", { title: long(value), class: changed ? "changed" : null, "data-entry": editable ? String(i * columns + j) : null,
      tabindex: editable ? "0" : null }, shown(value));
    cell.style.setProperty("--heat", `${Math.round((38 * Math.abs(value)) / top)}%`);
    if (value < 0) cell.classList.add("negative");
    return cell;
  })));
  return scroll(label || key, element("table", { class: editable ? "matrix editable" : "matrix", "data-k": key }, element("tbody", {}, ...body)));
}

// ---------------------------------------------------------------------------------------------------- what is selected

// Where the value of a quantity can be changed: the leaf that holds it and where in it; null if it is computed.
const CUTS = ["take", "part", "entry", "step 0", "step 2"];

function placeInLeaf(key) {
  const node = nodeOf.get(key);
  const { nodes, operations, attributes, leaves } = DATA.graph;
  if (leaves.includes(node)) return { leaf: node, entry: (i) => i };
  const cuts = [];
  let leaf = node;
  while (!leaves.includes(leaf) && CUTS.includes(operations[nodes[leaf][0]])) {
    cuts.unshift(leaf);
    leaf = nodes[leaf][1];
  }
  if (!cuts.length || !leaves.includes(leaf)) return null;
  const { shape, data } = state.run.value(leaf);
  let places = array(shape, Float64Array.from(data, (_, i) => i)); // cut as the values are, it says where each is from
  for (const cut of cuts) places = OPERATIONS[operations[nodes[cut][0]]](attributes[cut], places);
  return { leaf, entry: (i) => places.data[i] };
}

// Named operands of a node, and the named nodes that use it: through whatever has no name.
const around = (() => {
  const { nodes } = DATA.graph;
  const operands = ([, ...args]) => args;
  const inputs = new Map();
  const consumers = new Map();
  for (const [node, { key }] of named) {
    const found = new Set();
    const waiting = operands(nodes[node]);
    const seen = new Set(waiting);
    while (waiting.length) {
      const i = waiting.pop();
      if (named.has(i)) found.add(named.get(i).key);
      else for (const a of operands(nodes[i])) if (!seen.has(a)) seen.add(a) && waiting.push(a);
    }
    inputs.set(key, [...found]);
    for (const input of found) consumers.set(input, [...(consumers.get(input) ?? []), key]);
  }
  return { inputs, consumers };
})();
const inOrder = (keys) => [...(keys ?? [])].sort((a, b) => nodeOf.get(a) - nodeOf.get(b));

function inspector(key) {
  const x = state.run.value(nodeOf.get(key));
  const { name } = named.get(nodeOf.get(key));
  const place = state.replays ? placeInLeaf(key) : null;
  const parameter = DATA.parameters.find((other) => other.name === name);
  const before = state.changes.size ? state.original.value(nodeOf.get(key)) : null;
  const list = (title, keys, none) => element("div", { class: "around" }, element("h2", {}, say(title)),
    keys.length ? element("div", { class: "chips" }, ...keys.slice(0, 12).map(chip), ...(keys.length > 12 ? [`… ${keys.length}`] : [])) : element("p", { class: "note" }, say(none)));
  return [
    element("header", {}, nameOf(key), element("span", { class: "quiet" }, shapeText(x)),
      element("span", { class: "tools" },
        element("button", { type: "button", class: "tool", "data-copy": key }, say("copy")),
        element("button", { type: "button", class: "tool", "data-unpin": true, disabled: state.selected === null }, say("unpin")))),
    element("p", { class: "note" }, meaning(name), ...(parameter?.keras ? [` · ${say("in_keras")}: ${parameter.keras}`] : [])),
    matrixTable(x, { key, editable: place !== null, before }),
    ...(place ? [element("p", { class: "note" }, say("change"))] : []),
    ...(before ? [element("p", { class: "note" }, say("computed_here"))] : []),
    list("inputs", inOrder(around.inputs.get(key)), DATA.graph.leaves.includes(nodeOf.get(key)) ? "nothing" : "constants"),
    list("consumers", inOrder(around.consumers.get(key)), "unused"),
  ];
}

// ---------------------------------------------------------------------------------------------------------- the picture

// A quantity of the picture is before, at or after this position; going back, the gradient has passed it or not.
function whenIs({ step, derived }) {
  const { kind, t } = placeOf(state.position);
  if (kind === "loss" ? step === null : kind !== "overview" && step === t) return "now";
  if (kind === "forward" && (step === null || step > t)) return "later";
  return kind === "backward" && derived && (step === null || step > t) ? "passed" : "";
}

// What an arrow does here: going back, the gradient runs against it.
function whenRuns({ source, target }) {
  if (placeOf(state.position).kind !== "backward") return { now: "now", later: "later" }[whenIs(target)] ?? "";
  if (!source.derived) return "";
  return { now: "back now", passed: "back" }[whenIs(source)] ?? "";
}

const paint = (group, when) => {
  if (group.dataset.when === when) return;
  group.dataset.when = when;
  for (const name of ["now", "later", "passed", "back"]) group.classList.toggle(name, when.split(" ").includes(name));
};

// The script only moves classes; what they look like is a matter of style.
function paintPicture() {
  for (const box of state.boxes) paint(box.group, whenIs(box));
  for (const edge of state.edges) paint(edge.group, whenRuns(edge));
}
