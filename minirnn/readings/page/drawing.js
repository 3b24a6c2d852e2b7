// The picture while the run goes on: which boxes have been computed, what is in them, which way the lines run.

const MOST = 16; // cells of a strip
const NEAR = 240; // units of the picture beyond its window that are drawn too

// From where to where a part runs, by the numbers written in it: nothing needs to be laid out for this.
function extentOf(group) {
  const shape = group.querySelector("path, polygon, ellipse") ?? group.querySelector("text");
  const of = (name) => Number(shape.getAttribute(name) ?? 0);
  const numbers = (shape.getAttribute("d") ?? shape.getAttribute("points") ?? "").match(/-?[\d.]+/g)?.map(Number);
  const [xs, ys] = numbers ? [0, 1].map((k) => numbers.filter((_, i) => i % 2 === k))
    : shape.localName === "ellipse" ? ["x", "y"].map((k) => [of(`c${k}`) - of(`r${k}`), of(`c${k}`) + of(`r${k}`)]) : [[of("x")], [of("y")]];
  return { shape, left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

function readPicture() {
  const boxOf = new Map();
  for (const group of all(".picture g.node")) {
    const part = { group, ...extentOf(group), shown: true };
    state.parts.push(part);
    const key = group.dataset.k;
    if (!nodeOf.has(key) || DATA.parameters.some(({ name }) => name === key)) continue;
    const { step } = named.get(nodeOf.get(key));
    const held = [adjointOf(key), ...(group.dataset.holds ?? "").split(" ").filter((other) => other.startsWith(ADJOINT))]
      .filter((other) => other !== null && named.get(nodeOf.get(other))?.step === step);
    Object.assign(part, { key, step, held, back: computedAt.get(held[0]) ?? null, at: computedAt.get(key) ?? 0, strips: null });
    boxOf.set(key, part);
  }
  for (const group of all(".picture g.edge")) { // its id is drawn-h_2--h_3
    const [source, target] = group.id.replace("drawn-", "").split("--").map((key) => boxOf.get(key.split("_from_")[0]));
    state.parts.push({ group, ...extentOf(group), shown: true, source, target });
  }
  state.boxes = [...boxOf.values()];
}

// The strips of colour in a box: its numbers below, its derivative above.
function stripsOf(box) {
  const { group, key, held, shape, left, right, top, bottom } = box;
  const wanted = [["value", key, bottom - 6.6], ...(adjointOf(key) && held.length ? [["gradient", adjointOf(key), top + 2.4]] : [])];
  const inset = shape.localName === "ellipse" ? (right - left) * 0.24 : 4;
  return shape.localName === "text" ? [] : wanted.map(([name, of, y]) => {
    const holder = svg("g", { class: `heat ${name}`, "aria-hidden": "true" });
    const cells = Math.min(MOST, columnsOf(original.value(nodeOf.get(of))) || 1);
    const size = Math.max(0, right - left - 2 * inset) / cells;
    for (let i = 0; i < cells; i++) holder.append(svg("rect", { x: left + inset + i * size, y, width: size * 0.94, height: 4.2 }));
    group.append(holder);
    return { of, holder };
  });
}

// A quantity of the picture is before, at or after this position; going back, the gradient has passed it or not.
function whenIs({ at, back, key }) {
  const { kind } = placeOf(state.position);
  if (kind === "overview") return "";
  if (state.position < at) return "later";
  if (state.position === at || state.position === back) return "now";
  if (kind === "backward" && back === null && usedNow.has(key) && leaves.has(placeInGraph(key)?.node)) return "now";
  return back !== null && state.position > back ? "passed" : "";
}
let usedNow = new Set();

// What an arrow does here: going back, the gradient runs against it.
function whenRuns({ source, target }) {
  if (!source || !target) return "";
  if (placeOf(state.position).kind !== "backward") return { now: "now", later: "later" }[whenIs(target)] ?? "";
  if (source.back === null) return "";
  return { now: "back now", passed: "back" }[whenIs(source)] ?? "";
}

// What is near its window is drawn, its numbers painted anew where they have changed; all else takes no part. The script only
// moves classes; what they look like is a matter of style.
function paintPicture(everything = false) {
  if (!state.frame) return;
  const [low, high] = everything ? [-Infinity, Infinity] : windowOf(state.frame);
  for (const part of state.parts) {
    const shown_ = part.right > low && part.left < high;
    if (shown_ !== part.shown) part.group.style.display = shown_ ? "" : "none";
    part.shown = shown_;
    const when = part.key ? `${whenIs(part)}${part.back !== null && state.position >= part.back && state.position > 0 ? " derived" : ""}` : whenRuns(part);
    if (part.when !== when) for (const name of ["now", "later", "passed", "back", "derived"]) part.group.classList.toggle(name, when.split(" ").includes(name));
    part.when = when;
    if (shown_ && part.key && (part.run !== state.run || part.sample !== state.sample)) paintBox(part);
  }
}

// The largest number of a quantity at any step.
function topOf(name) {
  const tops = (state.run.tops ??= new Map());
  const at = (step) => largest(state.run.value(nodeOf.get(step === null ? name : `${name}_${step}`)).data);
  if (!tops.has(name)) tops.set(name, steps.get(name).reduce((most, step) => Math.max(most, at(step)), 0));
  return tops.get(name);
}

// The numbers in a box as colours: the largest of a quantity at any step is full; where numbers were changed, how much.
function paintBox(box) {
  [box.run, box.sample] = [state.run, state.sample];
  for (const { of, holder } of (box.strips ??= stripsOf(box))) {
    const { name } = named.get(nodeOf.get(of));
    const { data } = samplesOf(state.run.value(nodeOf.get(of)), name);
    const columns = Math.min(data.length, columnsOf(original.value(nodeOf.get(of))) || 1);
    [...holder.children].forEach((cell, i) => {
      const [from, to] = [i, i + 1].map((k) => Math.floor((k * columns) / holder.children.length));
      const v = data.slice(from, Math.max(to, from + 1)).reduce((big, x) => (Math.abs(x) > Math.abs(big) || Number.isNaN(x) ? x : big), 0);
      cell.setAttribute("class", v < 0 ? "minus" : "plus");
      cell.setAttribute("fill-opacity", String(share(v, topOf(name))));
    });
  }
  const [was, is] = [original, state.run].map((run) => run.value(nodeOf.get(box.key)).data);
  const moved = state.changes.size ? norm(was.map((v, i) => v - is[i])) / (norm(was) || 1) : 0;
  box.group.classList.toggle("moved", moved > 1e-12);
  box.group.classList.toggle("far", moved > 0.1);
}

// -------------------------------------------------------------------------------------------------------- size and place

// The picture at a size that leaves room for the rest; what is too large for its window scrolls with the step. One that is
// tall stands beside the equations where there is room.
function fitPicture() {
  const [holder, drawn, html] = [find(".picture"), find(".picture svg"), document.documentElement];
  if (!drawn) return;
  const { width, height } = drawn.viewBox.baseVal;
  const lecture = html.classList.contains("lecture");
  const low = Math.min(Math.max(110, innerHeight * (lecture ? 0.4 : innerWidth < 700 ? 0.19 : 0.27)), 420);
  html.classList.toggle("beside", !state.bare && innerWidth >= 1080 && low < 0.45 * height);
  const beside = html.classList.contains("beside");
  const least = innerWidth < 700 ? 0.6 : 0.66;
  const room = beside ? Math.max(220, innerHeight - holder.getBoundingClientRect().top - 24) : innerWidth < 700 ? low : Math.max(low, Math.min(height * least, 0.34 * innerHeight));
  const scale = Math.max(least, Math.min(lecture ? 1.8 : 1.15, beside ? 9 : (holder.clientWidth - 4) / width, room / height)) * state.zoom;
  drawn.style.width = `${width * scale}px`;
  holder.style.height = `${Math.ceil(Math.min(height * scale + 4, room))}px`;
  const { a, e, f } = find(".picture g.graph").transform.baseVal.consolidate().matrix;
  state.frame = { holder, scale, a, e, f, whole: width * scale, width: holder.clientWidth, height: holder.clientHeight, left: holder.scrollLeft };
  state.frame.wide = state.frame.whole > state.frame.width;
  state.frame.tall = height * scale > state.frame.height + 1;
  html.style.setProperty("--top", `${find(beside ? ".bar-top" : ".top").offsetHeight}px`);
  showPicture();
}

// From where to where the frame shows the picture, in its own units.
function windowOf({ scale, a, e, left, width, wide }) {
  const at = (x) => (x / scale - e) / a;
  return wide ? [at(left) - NEAR, at(left + width) + NEAR] : [-Infinity, Infinity];
}

// The picture at this position, what is at hand in the middle of its window. The window moves last: it makes the browser
// lay out the whole page.
function showPicture() {
  if (!state.frame) return;
  const { frame } = state;
  const { holder, scale, a, e, f } = frame;
  const now = frame.wide || frame.tall ? state.boxes.filter((box) => whenIs(box) === "now") : [];
  const middle = (low, high) => (Math.min(...now.map((box) => box[low])) + Math.max(...now.map((box) => box[high]))) / 2;
  if (now.length && frame.wide) frame.left = Math.min(Math.max(0, (middle("left", "right") * a + e) * scale - frame.width / 2), frame.whole - frame.width);
  paintPicture();
  if (now.length && frame.wide) holder.scrollLeft = frame.left;
  if (now.length && frame.tall) holder.scrollTop = (middle("top", "bottom") * a + f) * scale - frame.height / 2;
}

function zoom(by) {
  state.zoom = by === 0 ? 1 : Math.min(4, Math.max(0.5, state.zoom * by));
  fitPicture();
}

// Dragged with the mouse, the picture moves under its window.
function listenToPicture() {
  const holder = find(".picture");
  if (!holder) return;
  let held = null;
  holder.addEventListener("scroll", () => {
    state.frame.left = holder.scrollLeft;
    paintPicture();
  }, { passive: true });
  holder.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) held = { x: event.clientX, y: event.clientY, left: holder.scrollLeft, top: holder.scrollTop, moved: false };
  });
  addEventListener("pointermove", (event) => {
    if (!held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    held.moved ||= Math.hypot(dx, dy) > 5;
    if (held.moved) [holder.scrollLeft, holder.scrollTop] = [held.left - dx, held.top - dy];
  });
  addEventListener("pointerup", () => {
    state.dragged = held?.moved ?? false;
    held = null;
    setTimeout(() => (state.dragged = false));
  });
  holder.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
  }, { passive: false });
}
