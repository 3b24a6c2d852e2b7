// The selected quantity, and what if one of its numbers were another.

// ------------------------------------------------------------------------------------------------ where it can be changed

const CUTS = ["take", "part", "entry", "step 0", "step 2"];
const isUnknown = (node) => DATA.graph.operations[DATA.graph.nodes[node][0]] !== "leaf" && !original.operation(node);
const cotangentOf = new Map([...named].flatMap(([node, { key }]) => (adjointOf(key) ? [[node, nodeOf.get(adjointOf(key))]] : [])));

// The node that holds the numbers of a quantity, and where in it: the leaf it is cut out of, or itself. Null of what is no
// quantity of the forward pass, or what the page cannot compute on from.
const placeInGraph = kept((key) => {
  if (key.startsWith(ADJOINT) || key === DATA.loss) return null;
  const node = nodeOf.get(key);
  const { nodes, operations, attributes, leaves: given } = DATA.graph;
  const cuts = [];
  let leaf = node;
  while (!given.includes(leaf) && CUTS.includes(operations[nodes[leaf][0]])) {
    cuts.unshift(leaf);
    leaf = nodes[leaf][1];
  }
  let found = { node, entry: (i) => i };
  if (given.includes(leaf) && cuts.length) {
    const { shape, data } = original.value(leaf);
    let places = array(shape, Float64Array.from(data, (_, i) => i)); // cut as the values are, it says where each is from
    for (const cut of cuts) places = OPERATIONS[operations[nodes[cut][0]]](attributes[cut], places);
    found = { node: leaf, entry: (i) => places.data[i] };
  }
  const reached = unknown.length ? dependents(DATA.graph, [found.node, cotangentOf.get(found.node) ?? found.node]) : [];
  return [...reached].some(isUnknown) ? null : found;
});

// What can be changed: `set` where the quantity is computed, and what it is computed from no longer matters.
function change(key, i, value) {
  const { node, entry } = placeInGraph(key);
  const at = entry(i);
  if (value === original.value(node).data[at]) state.changes.delete(`${node}:${at}`);
  else state.changes.set(`${node}:${at}`, { key, i, node, at, value });
  recompute();
}

function recompute() {
  const entriesOf = (given) => {
    const found = new Map();
    for (const { node, at, value } of state.changes.values()) {
      if (leaves.has(node) === given) found.set(node, (found.get(node) ?? new Map()).set(at, value));
    }
    return found;
  };
  if (state.changes.size) {
    const [given, settings] = [entriesOf(true), entriesOf(false)];
    const moved = dependents(DATA.graph, [...given.keys(), ...settings.keys(), ...[...settings.keys()].flatMap((node) => cotangentOf.get(node) ?? [])]);
    const known = new Map([...original.known].filter(([node]) => !moved.has(node)));
    for (const [leaf, entries] of given) known.set(leaf, changed(leaves.get(leaf), entries, (value) => value));
    state.run = new Run(DATA.graph, known, settings, cotangentOf);
  } else {
    state.run = original;
  }
  showNumbers();
  show();
}

function reset() {
  state.changes.clear();
  recompute();
}

// ------------------------------------------------------------------------------------------------------- before and after

const indexOf = (key, i) => {
  const { shape } = state.run.value(nodeOf.get(key));
  return `[${shape.map((n, axis) => Math.floor(i / sizeOf(shape.slice(axis + 1))) % n).join(", ")}]`;
};
const oldToNew = (key) => {
  const [was, is] = [original, state.run].map((run) => run.value(nodeOf.get(key)));
  const text = (x) => (x.data.length > 6 ? `‖·‖ ${short(norm(x.data))}` : x.data.length === 1 ? short(x.data[0]) : `[${[...x.data].map(short).join(", ")}]`);
  return element("span", { class: "effect", "data-k": key }, nameOf(key), " ", element("s", {}, text(was)), " → ", element("b", {}, text(is)));
};

// The band below the player: what was changed, and what the prediction, the loss and the gradients were and are.
function whatIf() {
  const changes = [...state.changes.values()];
  const { t } = placeOf(state.position);
  const output = DATA.outputs.find((key) => named.get(nodeOf.get(key))?.step === t) ?? DATA.outputs.at(-1);
  const made = changes.slice(0, 3).map(({ key, i, value, node, at }) => element("span", { class: "made" }, nameOf(key), indexOf(key, i), " ",
    element("s", {}, short(original.value(node).data[at])), " → ", element("b", {}, short(value))));
  const gradients = [...GRADIENTS.keys()].filter((name) => DATA.parameters.some((other) => other.name === name)).map((name) => `${ADJOINT}${name}`);
  const lengths = gradients.map((key) => {
    const [was, is] = [original, state.run].map((run) => norm(run.value(nodeOf.get(key)).data));
    return element("span", { class: "effect", "data-k": key }, math(m("mo", { stretchy: "false" }, "‖"), nameMath(slotOf(key), null), m("mo", { stretchy: "false" }, "‖")), " ", element("s", {}, short(was)), " → ", element("b", {}, short(is)));
  });
  return [element("b", {}, say("what_if")), ...made, ...(changes.length > 3 ? [say("changed", { n: changes.length })] : []), element("span", { class: "then", "aria-hidden": "true" }, "⇒"),
    ...(output ? [oldToNew(output)] : []), ...(nodeOf.has(DATA.loss) ? [oldToNew(DATA.loss)] : []), ...lengths.slice(0, 6),
    element("button", { type: "button", class: "tool", "data-share": true }, say("share")), element("button", { type: "button", class: "tool", id: "reset" }, say("reset"))];
}

// ---------------------------------------------------------------------------------------------------- the selected quantity

function inspector(key) {
  const x = state.run.value(nodeOf.get(key));
  const { name, step } = named.get(nodeOf.get(key));
  const place = placeInGraph(key);
  const parameter = DATA.parameters.find((other) => other.name === name);
  const before = state.changes.size ? original.value(nodeOf.get(key)) : null;
  const list = (title, keys, none) => element("div", { class: "around" }, element("h2", {}, say(title)),
    keys.length ? element("div", { class: "chips" }, ...keys.slice(0, 12).map(chip), ...(keys.length > 12 ? [`… ${keys.length}`] : [])) : element("p", { class: "note" }, say(none)));
  const places = [["forward", computedAt.get(key)], ["backward", adjointOf(key) && computedAt.get(adjointOf(key))]]
    .filter(([, position]) => position > 0 && position !== state.position);
  const given = place && leaves.has(place.node);
  return [
    element("header", {}, nameOf(key), element("span", { class: "quiet" }, shapeText(x)),
      element("span", { class: "tools" },
        element("button", { type: "button", class: "tool", "data-copy": key }, say("copy")),
        element("button", { type: "button", class: "tool", "data-unpin": true, disabled: state.selected === null }, say("unpin")))),
    element("p", { class: "note" }, ...meaning(name), ...(parameter?.keras ? [` · ${say("in_keras")}: ${parameter.keras}`] : [])),
    matrixOf(key, { editable: place !== null, before, chosen: state.entry?.key === key ? state.entry.i : null }),
    ...(rowsOf(x, key).shown.length === 1 && x.shape[0] > 1 ? [element("p", { class: "note" }, `${say("sample")} ${state.sample + 1} / ${DATA.samples}`)] : []),
    ...(place && state.entry?.key === key ? [editor(key, state.entry.i)] : []),
    ...(place ? [element("p", { class: "note" }, say(given ? "change" : step === null ? "set" : "set_state"))] : []),
    ...(before ? [element("p", { class: "note" }, say("computed_here"))] : []),
    ...(places.length ? [element("p", { class: "places" }, ...places.map(([, position]) => element("button", { type: "button", class: "tool", "data-go": String(position) }, titleOf(position))))] : []),
    list("inputs", inOrder(around.inputs.get(key)), DATA.graph.leaves.includes(nodeOf.get(key)) ? "nothing" : "constants"),
    list("consumers", inOrder(around.consumers.get(key)), "unused"),
  ];
}

// A number that is being changed: a field, and a slider that everything follows.
function editor(key, i) {
  const value = state.run.value(nodeOf.get(key)).data[i];
  const reach_ = 2 * Math.max(1, Math.abs(original.value(nodeOf.get(key)).data[i]));
  const label = `${spoken(key)} ${indexOf(key, i)}`;
  return element("div", { class: "editor" }, element("span", { class: "entry" }, nameOf(key), indexOf(key, i)),
    element("input", { type: "text", inputmode: "decimal", "aria-label": `${say("new_value")}: ${label}`, value: long(value), "data-edit": key }),
    element("input", { type: "range", class: "drag", min: String(-reach_), max: String(reach_), step: String(reach_ / 200), value: String(value), "aria-label": label }),
    element("p", { class: "wrong", role: "alert" }));
}

// What can be changed is offered at once: the first number, of the sample that is shown.
function firstEntry(key) {
  const node = nodeOf.get(key);
  return state.sample !== null && DATA.bySample.includes(named.get(node).name) ? state.sample * columnsOf(original.value(node)) : 0;
}

function edit(cell) {
  state.entry = { key: keyAt(cell), i: Number(cell.dataset.entry) };
  if (!state.selected) state.selected = state.entry.key;
  showSelected();
  find(".editor input").focus();
  find(".editor input").select();
}

function endEdit(keep) {
  const [box, { key, i }] = [find(".editor input"), state.entry];
  const text = box.value.trim();
  const number_ = Number(text.replace("−", "-").replace(",", "."));
  if (keep && (text === "" || !Number.isFinite(number_))) {
    box.setAttribute("aria-invalid", "true");
    find(".editor .wrong").textContent = say("not_a_number", { text: text.slice(0, 20) });
    return;
  }
  state.entry = null;
  if (keep) change(key, i, number_);
  showSelected();
  find(`#inspector [data-entry="${i}"]`)?.focus();
}

function drag(slide) {
  state.dragging = true;
  change(state.entry.key, state.entry.i, Number(Number(slide.value).toPrecision(4)));
  state.dragging = false;
}

// What stands in the side panel: the pinned quantity, or that of the equation at hand.
function showSelected() {
  const found = linesAt(state.position);
  const at = DATA.lines[found[Math.min(state.operation, found.length - 1)]];
  const key = state.selected ?? (at && state.position ? leftKey(at, placeOf(state.position).t) : DATA.first);
  const html = document.documentElement;
  html.classList.toggle("selecting", state.selected !== null);
  if (!key || !nodeOf.has(key) || (html.classList.contains("beside") && state.selected === null)) return;
  if (state.entry?.key !== key) state.entry = null;
  patch(find("#inspector"), inspector(key));
}

// The matrix of the side panel: made anew only where something about it has changed, of one being dragged the number alone.
function matrixOf(key, options) {
  const there = find("#inspector > .scroll");
  const what = [key, state.sample, state.digits, options.chosen, state.dragging ? matrixOf.last[4] : state.run];
  const same = there && what.every((part, i) => part === matrixOf.last?.[i]);
  matrixOf.last = what;
  if (same && state.dragging) there.querySelector(".edited").textContent = shown(state.run.value(nodeOf.get(key)).data[options.chosen]);
  return same ? there : matrixTable(state.run.value(nodeOf.get(key)), { key, ...options });
}

// The matrices of the parameters: anew only where something about them has changed.
function showParameters() {
  const what = [state.run, state.digits];
  if (what.every((part, i) => part === showParameters.last?.[i])) return;
  showParameters.last = what;
  for (const cell of all("[data-value]")) {
    const key = cell.dataset.value;
    patch(cell, [matrixTable(state.run.value(nodeOf.get(key)), { key, label: key })]);
  }
}

async function copyText(text, button, word) {
  const box = element("textarea", {}, text); // works in a file and in a frame, where the clipboard is out of reach
  button.after(box);
  box.select();
  if (!document.execCommand("copy")) await navigator.clipboard?.writeText(text);
  box.remove();
  button.focus();
  button.textContent = say("copied");
  setTimeout(() => (button.textContent = say(word)), 1200);
}
const copy = (key, button) => copyText(`${key.replace(/[^\w]/g, "_")} = ${literal(state.run.value(nodeOf.get(key)))}`, button, "copy");
