// This step: its equations one by one, for every t, here, and in numbers.

function stepView(position = state.position) {
  const { kind, t } = placeOf(position);
  const found = linesAt(position);
  return [caption(found, kind, t), ...found.map((i, place) => card(i, place, kind, t, position))];
}

function caption(found, kind, t) {
  const left = found.map((i) => DATA.lines[i]).filter((line) => !parameterOf(line)).map((line) => leftKey(line, t));
  const right = found.filter((i) => !parameterOf(DATA.lines[i])).flatMap((i) => DATA.lines[i].right)
    .filter(([name]) => steps.get(name)?.[0] !== null).map((slot) => keyOf(slot, t ?? T));
  const inputs = [...new Set(right)].filter((key) => !left.includes(key));
  const each = DATA.outputs.length > 1;
  const key = kind !== "loss" ? `caption_${kind}` : DATA.backward ? (each ? "caption_loss_each" : "caption_loss") : "caption_output";
  return element("p", { class: "caption" }, ...sentence(key, { t: [String(t)], T: [String(T)], inputs: listOf(inputs), outputs: listOf(left) }));
}

const chip = (key) =>
  element("button", { type: "button", class: "chip", "data-k": key, "aria-label": spoken(key), "aria-pressed": String(state.selected === key) }, nameOf(key));
const spoken = (key) => key.replaceAll("_", " ").replace("^", " ");
const row = (label, ...content) => element("div", { class: `row ${label}` }, element("span", { class: "label" }, say(label)), scroll(say(label), ...content));

function card(index, place, kind, t, position) {
  const line = DATA.lines[index];
  const key = leftKey(line, t);
  const parameter = line.adds ? parameterOf(line) : null;
  const result = line.adds
    ? matrixMath(state.run.value(termAt(parameter, t).node), key)
    : matrixMath(valueOf(key, line.bySample), key);
  const general = line.steps && line.steps[0] !== line.steps[1] ? "general" : "once";
  const symbols = [row(general, equation(index, "general", t))];
  if (t !== null && kind !== "overview" && line.steps) symbols.push(row("here", equation(index, "here", t)));
  const because = line.reason ? [element("p", { class: "because" }, ...reason(line, line.steps ? t : null))] : [];
  const made = element("article", { class: "card", "data-op": String(place) },
    element("h2", {}, chip(key), element("span", { class: "meaning" }, ...meaning(line.left[0]))),
    element("div", { class: "symbols" }, ...symbols),
    row("numbers", ...inNumbers(index, t, result)), ...because);
  if (parameter) made.append(runningSum(parameter, t));
  made.classList.toggle("active", place === state.operation && position === state.position);
  return made;
}

// The sum of the terms of the steps that the way back has passed, t included, and how many they are.
function sumTo(parameter, t) {
  const way = DATA.lines.find((line) => line.adds && line.of === parameter)?.way ?? -1;
  const arrived = GRADIENTS.get(parameter).filter(({ step }) => step === null || (step - t) * way <= 0);
  const none = map(state.run.value(nodeOf.get(`${ADJOINT}${parameter}`)), () => 0);
  return { arrived: arrived.length, sum: arrived.length ? added(arrived.map(({ node }) => state.run.value(node))) : none };
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
  const top = largest(rows.map(({ norm: height }) => height));
  const paths = { later: "", done: "", now: "" };
  rows.forEach(({ step, norm: height }, i) => {
    paths[whenOf(step, t)] += `M${i + 0.08} 100V${100 - Math.max(3, 97 * share(height, top))}H${i + 0.92}V100Z`;
  });
  return svg("svg", { class: "strip", viewBox: `0 0 ${rows.length} 100`, preserveAspectRatio: "none", role: "img", "aria-label": say("ledger") },
    ...Object.entries(paths).map(([when, d]) => svg("path", { class: when, d })));
}

// ------------------------------------------------------------------------------------------------------------- tables

// What may be wider than the page; it can be reached and scrolled with keys.
const scroll = (label, ...inside) => element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, ...inside);
const details = (key, ...children) => element("details", {}, element("summary", {}, say(key)), ...children);

function table(heads, rows) {
  const cell = (inside) => element("td", { class: "number" }, inside);
  return scroll(say("as_table"), element("table", {}, element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map(cell))))));
}

const matrixBlock = (title, x, key) =>
  element("figure", { class: "block" }, element("figcaption", {}, title, " ", element("span", { class: "quiet" }, shapeText(x))), matrixTable(x, { key }));

// The rows of a matrix that are shown, and the one of the sample at hand, if it has a row for each.
function rowsOf(x, key) {
  const rows = x.data.length / (columnsOf(x) || 1);
  const bySample = rows === DATA.samples && nodeOf.has(key) && DATA.bySample.includes(named.get(nodeOf.get(key)).name);
  const sample = bySample ? state.sample : null;
  return { sample, shown: sample === null || x.data.length <= MANY ? [...Array(rows).keys()] : [sample] };
}

const HEATS = 8; // shades of a number by its size
const MANY = 256; // numbers of all samples beside each other; of more, those of the sample at hand are shown
// A whole matrix; the colour says sign and size. Numbers that can be changed are reached with Tab and changed with Enter.
function matrixTable(x, { key, editable = false, before = null, chosen = null, label = "" }) {
  const columns = columnsOf(x);
  const top = largest(x.data);
  const { sample, shown: rows } = rowsOf(x, key);
  const body = rows.map((i) => element("tr", { class: i === sample ? "chosen" : null }, ...Array.from({ length: columns }, (_none, j) => {
    const at = i * columns + j;
    const value = x.data[at];
    const marks = [`heat-${Math.round(HEATS * share(value, top))}`, value < 0 && "negative", before !== null && Math.abs(before.data[at] - value) > 1e-12 * top && "changed", at === chosen && "edited"].filter(Boolean);
    return element("td", { title: long(value), class: marks.join(" "), "data-entry": editable ? String(at) : null, tabindex: editable ? "0" : null }, shown(value));
  })));
  return scroll(label || key, element("table", { class: editable ? "matrix editable" : "matrix", "data-k": key }, element("tbody", {}, ...body)));
}
