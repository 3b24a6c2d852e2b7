// Why: how large the derivative by a state is at each step, and what makes it larger or smaller from one to the next.

const whenOf = (step, t) => (step === t ? "now" : t === null || (step !== null && step < t) ? "later" : "done");

// How far the backward pass has come: the step it is at; before it null, and the overview counts as its end.
const arrivedAt = () => (placeOf(state.position).kind === "backward" ? placeOf(state.position).t : null);

// A node without what only gives it another name.
function plainNode(node) {
  while (DATA.graph.operations[DATA.graph.nodes[node][0]] === "same") node = DATA.graph.nodes[node][1];
  return node;
}

const samplesOf = (x, name) => (state.sample !== null && DATA.bySample.includes(name) ? sampleRow(x, state.sample) : x);
const isProduct = (node) => DATA.products.includes(DATA.graph.operations[DATA.graph.nodes[node][0]]);

// From dL/d(state) at step `from` to that at the next step `to` of the way back: the factors of its length, each with what
// it comes from. Where it is all carried by one product with a matrix, the slope before it and the matrix; where it is
// multiplied by gates alone, the gates; else the sum of all ways, as one.
function factorsOf(name, from, to) {
  const [a, b] = [from, to].map((step) => `${ADJOINT}${name}_${step}`);
  const start = norm(samplesOf(state.run.value(nodeOf.get(a)), `${ADJOINT}${name}`).data);
  let sumNode = plainNode(nodeOf.get(b));
  const parts = DATA.graph.operations[DATA.graph.nodes[sumNode][0]] === "total" ? DATA.graph.nodes[sumNode].slice(1) : [nodeOf.get(b)];
  const behind = (part) => (part === nodeOf.get(b) ? around.inputs.get(b) : reach(part));
  const adjoints = (part) => behind(part).filter((key) => key.startsWith(ADJOINT));
  const carried = parts.filter((part) => adjoints(part).some((key) => named.get(nodeOf.get(key)).step === from));
  if (!carried.length || !(start > 0)) return null;
  const arrives = (nodes) => norm(samplesOf(added(nodes.map((node) => state.run.value(node))), `${ADJOINT}${name}`).data);
  const total = { from, to, start, end: arrives(carried) / start, factors: [] };
  const [part] = carried;
  const inner = plainNode(part);
  if (carried.length === 1 && isProduct(inner)) {
    const operands = DATA.graph.nodes[inner].slice(1);
    const before = operands.find((node) => reach(node).some((key) => key.startsWith(ADJOINT)));
    const sources = before === undefined ? [] : named.has(before) ? around.inputs.get(named.get(before).key).concat(reach(before)) : reach(before);
    if (sources.includes(a) && sources.every((key) => !key.startsWith(ADJOINT) || key === a || key === named.get(before)?.key)) {
      const delta = samplesOf(state.run.value(before), `${ADJOINT}${name}`);
      const kernel = reach(operands.find((node) => node !== before))[0];
      const held = samplesOf(state.run.value(nodeOf.get(a)), `${ADJOINT}${name}`).data;
      const slopes = [...delta.data].map((v, i) => Math.abs(v / held[i])).filter(Number.isFinite);
      total.factors = [{ kind: "slope", value: norm(delta.data) / start, low: Math.min(...slopes), high: Math.max(...slopes) },
        { kind: "kernel", value: (total.end * start) / norm(delta.data), of: kernel }];
    }
  } else if (carried.length === 1 && adjoints(part).every((key) => key === a)) {
    const gates = behind(part).filter((key) => key !== a);
    const data = gates.length === 1 ? [...samplesOf(state.run.value(nodeOf.get(gates[0])), named.get(nodeOf.get(gates[0])).name).data].map(Math.abs) : [];
    total.factors = [{ kind: "gate", value: total.end, of: gates[0], low: Math.min(...data), high: Math.max(...data) }];
  }
  if (!total.factors.length) {
    const by = [...new Set(carried.flatMap(adjoints))].filter((key) => named.get(nodeOf.get(key)).step === from);
    total.factors = [{ kind: "ways", value: total.end, of: by }];
  }
  return total;
}

// The steps of a state in the order of the way back.
const wayBack = (name) => (steps.get(`${ADJOINT}${name}`) ?? []).filter((step) => step > 0)
  .sort((a, b) => computedAt.get(`${ADJOINT}${name}_${a}`) - computedAt.get(`${ADJOINT}${name}_${b}`));

const times = (x) => `× ${short(Number(x.toPrecision(3)))}`;
const factorName = ({ kind, of }, flow) =>
  kind === "slope" ? [say("slope_of", { function: flow.function ?? say("activation") })] : kind === "ways" ? [say("through"), " ", ...listOf(of.slice(0, 4))] : [nameOf(of)];

// One sentence: where the way back loses or gains the most, and what does it there; or where it has no number any more.
function verdictOf(found, flow, way, heights) {
  const lost = way.find((step) => !Number.isFinite(heights.get(step)));
  if (lost !== undefined) return sentence("why_lost", { t: [String(lost)], value: [short(heights.get(lost))] });
  if (!found.length) return [];
  const ratio = ({ end }) => Math.abs(Math.log(end));
  const worst = found.reduce((most, one) => (ratio(one) > ratio(most) ? one : most), found[0]);
  if (!worst || ratio(worst) < Math.log(1.25)) {
    const ends = found.map(({ end }) => end);
    return sentence("why_level", { low: [short(Math.min(...ends))], high: [short(Math.max(...ends))] });
  }
  const cause = worst.factors.reduce((most, one) => (Math.abs(Math.log(one.value)) > Math.abs(Math.log(most.value)) ? one : most));
  const loss = worst.end < 1;
  const times_ = Number((loss ? 1 / worst.end : worst.end).toPrecision(2));
  const values = { t: [String(worst.from)], to: [String(worst.to)], factor: [short(times_)], function: [flow.function ?? say("activation")],
    low: [short(Number((cause.low ?? 0).toPrecision(2)))], high: [short(Number((cause.high ?? 0).toPrecision(2)))], value: [short(Number(cause.value.toPrecision(2)))],
    of: cause.kind === "ways" ? listOf(cause.of.slice(0, 4)) : cause.of ? [nameOf(cause.of)] : [] };
  const why = cause.kind === "slope" ? (cause.high < 0.3 ? "why_saturated" : "why_slope") : `why_${cause.kind}`;
  return [...sentence(worst.end === 0 ? "why_zero" : loss ? "why_loss" : "why_gain", values), " ", ...sentence(why, values)];
}

// What all the factors make together: what is left of the derivative from the first step of the way back to the last.
function productOf(found) {
  const product = found.reduce((all, { end }) => all * end, 1);
  return sentence("flow_product", { from: [String(found[0].from)], to: [String(found[found.length - 1].to)], product: [short(Number(product.toPrecision(3)))] });
}

function flowView() {
  const t = arrivedAt();
  const parts = [element("p", { class: "note" }, say("flow_note"))];
  for (const flow of DATA.flows) {
    const way = wayBack(flow.state);
    if (!way.length) continue;
    const key = (step) => `${ADJOINT}${flow.state}_${step}`;
    const found = way.slice(1).map((to, i) => factorsOf(flow.state, way[i], to)).filter(Boolean);
    const order = [...way].sort((a, b) => a - b);
    const heights = order.map((step) => norm(valueOf(key(step), true).data));
    const why = verdictOf(found, flow, way, new Map(order.map((step, i) => [step, heights[i]])));
    const top = largest(heights);
    const bounds = order.map((step) => (state.sample === null && !state.changes.size ? flow.bound?.[step - 1] : undefined) ?? NaN);
    const telling = bounds.some((v) => v < 0.999 * top); // a bound above all that is there says nothing
    const marks = telling ? bounds : bounds.map(() => NaN);
    const after = new Map(found.map((one) => [one.from, one]));
    const read = (step, height) => {
      const one = after.get(step);
      const begins = [`t = ${step}: `, math(m("mo", { stretchy: "false" }, "‖"), nameMath(slotOf(key(step)), null), m("mo", { stretchy: "false" }, "‖")), ` = ${short(height)}`];
      if (!one) return begins;
      return [...begins, ...one.factors.flatMap((factor) => [` ${times(factor.value)} (`, ...factorName(factor, flow), ")"]),
        " → ", math(m("mo", { stretchy: "false" }, "‖"), nameMath(slotOf(key(one.to)), null), m("mo", { stretchy: "false" }, "‖"))];
    };
    const bars = order.map((step, i) => ({ height: heights[i], step, key: key(step), when: whenOf(step, t ?? 0), read: () => read(step, heights[i]),
      title: `t = ${step}: ${short(heights[i])}${Number.isFinite(marks[i]) ? ` ≤ ${short(marks[i])}` : ""}` }));
    const worst = found.length ? found.reduce((most, one) => (one.end < most.end ? one : most)) : null;
    parts.push(
      element("h2", {}, `${say("norm")} `, math(nameMath([`${ADJOINT}${flow.state}`, "t", 0], null))),
      ...(why.length ? [element("p", { class: "why" }, ...why)] : []),
      ...(found.length > 1 && found.length === way.length - 1 && heights.every(Number.isFinite) ? [element("p", { class: "why product" }, ...productOf(found))] : []),
      chart(bars, { label: say("flow"), marks, log: true, first: t ?? worst?.from ?? way[0] }));
    if (flow.sigma !== null) {
      const numbers = { gamma: [short(flow.gamma)], sigma: [short(flow.sigma)], product: [short(flow.gamma * flow.sigma)], kernel: [nameOf(flow.kernel)] };
      parts.push(element("p", { class: "note" }, ...sentence(telling ? "flow_bound" : "flow_no_bound", numbers), ...(state.changes.size ? [" ", say("flow_bound_model")] : [])));
    }
    if (found.length) parts.push(element("h3", {}, say("factors")), factorChart(found, flow, key, t, order));
    parts.push(details("as_table", table([say("symbol"), say("norm"), ...(telling ? [say("bound")] : []), say("share"), say("factors")],
      order.map((step, i) => [chip(key(step)), shown(heights[i]), ...(telling ? [short(marks[i])] : []), `${short((100 * heights[i]) / (top || 1))} %`,
        element("span", {}, ...(after.get(step)?.factors ?? []).flatMap((factor, k) => [...(k ? [" "] : []), times(factor.value), " ", ...factorName(factor, flow)]))]))));
  }
  return parts;
}

// The factors from step to step, up where they lengthen and down where they shorten, with a line at 1.
function factorChart(found, flow, key, t, order) {
  const kinds = [...new Set(found.flatMap(({ factors }) => factors.map(({ kind }) => kind)))];
  const all_ = found.flatMap(({ factors }) => factors.map(({ value }) => value)).filter((v) => v > 0 && Number.isFinite(v));
  const axis = logAxis(Math.min(...all_, 0.8), Math.max(...all_, 1.25));
  const after = new Map(found.map((one) => [one.from, one]));
  const bars = order.map((step) => {
    const one = after.get(step);
    const said = one ? one.factors.map((factor) => `${factor.kind === "slope" ? say("slope_of", { function: flow.function ?? say("activation") }) : spoken([factor.of].flat()[0] ?? "")} ${times(factor.value)}`).join(", ") : say("no_factor");
    return { step, key: key(step), when: whenOf(step, t ?? 0), title: `t = ${step}: ${said}`,
      read: () => [`t = ${step}: `, ...(one ? one.factors.flatMap((factor, i) => [...(i ? [", "] : []), ...factorName(factor, flow), ` ${times(factor.value)}`]) : [said])],
      parts: (one?.factors ?? []).map(({ kind, value }) => ({ kind, from: axis.at(1), to: axis.at(value) })) };
  });
  const legend = element("p", { class: "key" }, ...kinds.flatMap((kind) => {
    const some = found.flatMap(({ factors }) => factors).find((factor) => factor.kind === kind);
    return [element("span", { class: `swatch ${kind}` }), element("span", {}, ...(kind === "gate" ? [say("gate_of"), " ", math(nameMath([named.get(nodeOf.get(some.of))?.name ?? some.of, named.get(nodeOf.get(some.of))?.step === null ? null : "t", 0], null))] : kind === "ways" ? [say("all_ways")] : factorName(some, flow)))];
  }));
  return element("div", {}, legend, drawnChart(bars, axis, say("factors"), t ?? found.reduce((most, one) => (one.end < most.end ? one : most)).from, axis.at(1)));
}

// ------------------------------------------------------------------------------------------------------------- the bars

// Heights in per cent on a logarithmic axis, and the numbers beside it: powers of ten, or, where they are few, 1, 2 and 5.
function logAxis(low, high) {
  const [from, to] = [Math.log10(low) - 0.08, Math.log10(high) + 0.05];
  const span = Math.max(to - from, 0.1);
  const every = Math.max(1, Math.ceil(span / 6));
  const numbers = [];
  for (let k = Math.floor(from) - 1; k <= Math.ceil(to) + 1; k++) {
    for (const lead of span < 2 ? [1, 2, 5] : [1]) if (k % every === 0 || span < 2) numbers.push(lead * 10 ** k);
  }
  const at = (v) => (v > 0 ? (100 * (Math.log10(v) - from)) / span : 0);
  return { at, numbers: numbers.filter((v) => at(v) >= 0 && at(v) <= 100) };
}

function linearAxis(high) {
  const step = [1, 2, 5, 10].map((n) => n * 10 ** Math.floor(Math.log10(high / 5 || 1))).find((n) => high / n <= 6);
  const numbers = Array.from({ length: Math.floor(high / step + 1e-9) + 1 }, (_, i) => Number((i * step).toPrecision(12)));
  return { at: (v) => (100 * v) / (high || 1), numbers };
}

// One bar for every step: a button that goes there. `marks` are heights of a line drawn above the bars.
function chart(bars, { label, marks, log = false, first = null }) {
  const seen = [...bars.map(({ height }) => height), ...marks].filter((v) => Number.isFinite(v) && (!log || v > 0));
  const axis = log ? logAxis(Math.min(...seen, 1e300) / 1.5, Math.max(...seen, 1e-300)) : linearAxis(Math.max(...seen, 1e-300) * 1.04);
  return drawnChart(bars.map((bar, i) => ({ ...bar, parts: [{ kind: "", from: 0, to: axis.at(bar.height) }], mark: Number.isFinite(marks[i]) ? axis.at(marks[i]) : null })), axis, label, first);
}

function drawnChart(bars, axis, label, first, one = null) {
  const inside = element("div", { class: "bars", role: "group", "aria-label": label });
  const readout = element("p", { class: "readout" });
  const place = (tag, name, bottom, height = null) => {
    const made = element(tag, { class: name });
    made.style.bottom = `${bottom}%`;
    if (height !== null) made.style.height = `${height}%`;
    return made;
  };
  const scale = element("div", { class: "axis", "aria-hidden": "true" }, ...axis.numbers.map((v) => {
    const made = place("span", "tick-y", axis.at(v));
    made.append(short(v));
    return made;
  }));
  const grid = axis.numbers.map((v) => place("span", "grid", axis.at(v)));
  if (one !== null) grid.push(place("span", "grid one", one));
  const every = Math.ceil(bars.length / 40);
  bars.forEach((bar, i) => {
    const button = element("button", { type: "button", class: `bar ${bar.when}`, title: bar.title, "aria-label": bar.title, "data-k": bar.key,
      "data-go": bar.step === null ? null : String(computedAt.get(bar.go ?? bar.key) ?? positionOf("backward", bar.step)), tabindex: i === 0 || bar.when === "now" ? "0" : "-1" });
    const field = element("span", { class: "field" });
    for (const { kind, from, to } of bar.parts) field.append(place("span", `column ${kind}`, Math.min(from, to), Math.abs(to - from)));
    if (bar.mark !== null && bar.mark !== undefined) field.append(place("span", "mark", bar.mark));
    button.append(field, element("span", { class: "tick" }, bar.step === null || (i % every && i !== bars.length - 1) ? "" : String(bar.step)));
    button.read = bar.read ?? (() => [bar.title]);
    inside.append(button);
    if (bar.step === first) readout.append(...button.read());
  });
  return element("div", { class: "chart" }, scale, element("div", { class: "plot" }, element("div", { class: "field" }, ...grid), inside), readout);
}

// A bar that is pointed at, or has the focus, is read out below.
const readOut = (bar) => patch(bar.closest(".chart").querySelector(".readout"), bar.read());

function ledgerView() {
  const names = [...GRADIENTS.keys()].filter((name) => !oneTerm(name)).concat([...GRADIENTS.keys()].filter(oneTerm));
  const name = names.includes(state.parameter) ? state.parameter : names[0];
  if (!name) return [];
  const choice = element("div", { class: "chips", role: "group", "aria-label": say("parameters") }, ...names.map((other) =>
    element("button", { type: "button", class: "chip", "data-k": other, "data-ledger": other, "aria-label": spoken(other), "aria-pressed": String(other === name) }, nameOf(other))));
  const index = DATA.lines.findIndex((line) => line.left[0] === `${ADJOINT}${name}`);
  const line = DATA.lines[index];
  const formula = line ? [element("p", { class: "formula" }, scroll(say("general"), equation(index, "general", null))),
    ...(line.reason ? [element("p", { class: "because" }, ...reason(line, null))] : [])] : [];
  const gradient = state.run.value(nodeOf.get(`${ADJOINT}${name}`));
  if (oneTerm(name)) return [choice, ...formula, element("p", { class: "note" }, say("ledger_once")), matrixBlock(say("gradient"), gradient, `${ADJOINT}${name}`)];
  const t = arrivedAt() ?? (state.position === 0 ? 1 : T);
  const { sum: running } = sumTo(name, t);
  const { rows, total } = ledgerOf(name);
  const difference = total.reduce((most, v, i) => Math.max(most, Math.abs(v - gradient.data[i])), 0);
  const term = termAt(name, t);
  const drawn = rows.map(({ step, norm: height, sum: sumNorm }) => ({ height, step, key: `${ADJOINT}${name}`, go: null, when: whenOf(step, t),
    title: `t = ${step ?? "–"}: ${short(height)}, Σ ${short(sumNorm)}` }));
  const cells = rows.filter(({ step }) => step !== null).map(({ step, norm: height, sum: sumNorm }) => [`t = ${step}`, shown(height), shown(sumNorm)]);
  return [choice, ...formula, element("p", { class: "note" }, say("ledger_note", { difference: short(difference) })),
    chart(drawn.map((bar) => ({ ...bar, go: `${name} of no step` })), { label: say("ledger"), marks: rows.map(({ sum: sumNorm }) => sumNorm), first: t }),
    element("div", { class: "blocks" },
      ...(term ? [matrixBlock(say("term_here", { t }), state.run.value(term.node), `${ADJOINT}${name}`)] : []),
      matrixBlock(say("sum_so_far"), running, `${ADJOINT}${name}`),
      matrixBlock(say("gradient"), gradient, `${ADJOINT}${name}`)),
    details("as_table", table([say("steps"), say("norm"), say("sum_so_far")], cells))];
}
