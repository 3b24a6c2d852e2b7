// Keys, clicks, the slider, links, paper: what the reader does; and the start.

const MOVES = { first: () => go(0), back: () => go(state.position - 1), next: () => go(state.position + 1), last: () => go(LAST) };
const other = (kind) => {
  const { t } = placeOf(state.position);
  if (t && positionOf(kind, t) > 0) go(positionOf(kind, t));
};
const onPage = () => document.documentElement.classList.contains("lecture");
const KEYS = {
  ArrowLeft: () => (onPage() ? nextOperation(-1) : MOVES.back()), ArrowRight: () => (onPage() ? nextOperation(1) : MOVES.next()),
  PageUp: () => nextOperation(-1), PageDown: () => nextOperation(1), Home: MOVES.first, End: MOVES.last, " ": () => play(),
  f: () => other("forward"), b: () => DATA.backward && other("backward"), l: () => go(positionOf("loss")), w: () => VIEWS.includes("flow") && look("flow"),
  d: () => toggleDigits(), m: () => lecture(), "+": () => zoom(1.2), "-": () => zoom(1 / 1.2), 0: () => zoom(0),
  Escape: () => (find("#help").open ? find("#help").close() : onPage() ? lecture(false) : select(null)), "?": () => find("#help").showModal(),
};

function toggleDigits() {
  state.digits = !state.digits;
  find("#digits").setAttribute("aria-pressed", String(state.digits));
  showNumbers();
  show();
}

// ------------------------------------------------------------------------------------------------------------- listening

document.addEventListener("keydown", (event) => {
  const on = event.target;
  if (on.dataset?.edit && ["Enter", "Escape"].includes(event.key)) return endEdit(event.key === "Enter");
  if (on.dataset?.box && event.key === "Enter") return answer(Number(on.dataset.box));
  if (event.ctrlKey || event.metaKey || event.altKey || on.closest("input[type=text], .drag, select, textarea")) return;
  if (find("#help").open) return;
  if ((event.key === " " || event.key === "Enter") && on.closest("button, summary, a")) return;
  if (event.key === "Enter" && on.dataset?.entry) return edit(on);
  const arrow = event.key.startsWith("Arrow");
  if (arrow && on.closest("[role=tab]")) return arrowIn(event, all("[role=tab]"), (tab) => look(tab.dataset.view));
  if (arrow && on.closest(".bars")) return arrowIn(event, [...on.closest(".bars").children], () => {});
  if (arrow && on.closest(".scroll, .picture") && on.closest(".scroll, .picture").scrollWidth > on.closest(".scroll, .picture").clientWidth) return;
  if (event.key.startsWith("Page") && !onPage()) return;
  if (event.shiftKey && arrow) nextOperation(event.key === "ArrowRight" ? 1 : -1);
  else if (event.key in KEYS && (on.id !== "slider" || !arrow)) KEYS[event.key]();
  else return;
  event.preventDefault();
});

function arrowIn(event, items, then) {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!by) return;
  const next = items[(items.indexOf(document.activeElement) + by + items.length) % items.length];
  next.focus();
  then(next);
  event.preventDefault();
}

document.addEventListener("click", (event) => {
  if (state.dragged) return;
  const on = (selector) => event.target.closest(selector);
  if (on("[data-move]")) MOVES[on("[data-move]").dataset.move]();
  else if (on("[role=tab]")) look(on("[role=tab]").dataset.view);
  else if (on("[data-ledger]")) (state.parameter = on("[data-ledger]").dataset.ledger), show();
  else if (on("[data-answer]")) answer(Number(on("[data-answer]").dataset.answer), on("[data-choice]") ? Number(on("[data-choice]").dataset.choice) : null);
  else if (on("[data-solve]")) solve(Number(on("[data-solve]").dataset.solve));
  else if (on("[data-then]")) (state.view = "step"), go(Number(on("[data-go]").dataset.go));
  else if (on("[data-go]")) go(Number(on("[data-go]").dataset.go));
  else if (on("[data-zoom]")) zoom(Number(on("[data-zoom]").dataset.zoom));
  else if (on("[data-copy]")) copy(on("[data-copy]").dataset.copy, on("[data-copy]"));
  else if (on("[data-share]")) copyText(location.href, on("[data-share]"), "share");
  else if (on("[data-unpin]")) select(null);
  else if (on("[data-entry]")) edit(on("[data-entry]"));
  else if (on("#play")) play();
  else if (on("#digits")) toggleDigits();
  else if (on("#lecture, #leave")) lecture();
  else if (on("#more")) find("#more").setAttribute("aria-expanded", String(find(".head").classList.toggle("open")));
  else if (on("#reset")) reset();
  else if (on("#keys")) find("#help").showModal();
  else if (on("#close")) find("#help").close();
  else if (on("#inspector .matrix, .editor")) return;
  else if (on("[data-k]")) select(keyAt(event.target), event.target);
});
for (const type of ["pointerover", "focusin"]) {
  document.addEventListener(type, (event) => {
    point(event.target);
    if (event.target.closest?.(".bar")) readOut(event.target.closest(".bar"));
  });
}
for (const type of ["pointerleave", "focusout"]) document.addEventListener(type, () => point(null));
document.addEventListener("input", (event) => event.target.matches(".drag") && drag(event.target));
document.addEventListener("change", (event) => event.target.matches(".drag") && show());
document.addEventListener("fullscreenchange", () => !document.fullscreenElement && onPage() && lecture(false));
find("#slider").addEventListener("input", (event) => go(Number(event.target.value)));
find("#speed").addEventListener("change", () => state.timer !== null && (clearInterval(state.timer), (state.timer = null), play(true)));
find("#language").addEventListener("change", (event) => {
  state.language = event.target.value;
  translate();
  showNumbers();
  show();
});
find("#sample")?.addEventListener("change", (event) => {
  state.sample = event.target.value === "all" ? null : Number(event.target.value);
  show();
});
addEventListener("resize", fitPicture);
addEventListener("hashchange", openLink);

// On paper every step is spelled out.
function spellOut() {
  paintPicture(true);
  find("#print").replaceChildren(...Array.from({ length: LAST }, (_, i) =>
    element("section", {}, element("h2", {}, titleOf(i + 1)), ...stepView(i + 1))));
}
addEventListener("beforeprint", spellOut);
addEventListener("afterprint", () => (find("#print").replaceChildren(), paintPicture()));

// --------------------------------------------------------------------------------------------------------------- starting

// Numbers below the slider, so many as have room: of every way its first step, and some more.
function drawTicks() {
  const most = T > 99 ? 5 : 13;
  const every = [1, 2, 5].flatMap((n) => [n, 10 * n, 100 * n, 1000 * n]).sort((a, b) => a - b).find((n) => T / n <= most) ?? T;
  const loss = positionOf("loss");
  const shownAt = POSITIONS.flatMap(({ kind, t }, position) => {
    const near = every > 1 && loss > 0 && position !== loss && Math.abs(position - loss) < every / 2;
    if (kind === "overview" || near) return [];
    return kind === "loss" || t === null || t === 1 || t % every === 0 ? [{ kind, position, text: kind === "loss" ? (DATA.backward ? DATA.loss : DATA.end) : t === null ? "·" : String(t) }] : [];
  });
  const kept = shownAt.filter(({ position, kind }, i) => kind === "loss" || every === 1 || !shownAt[i + 1] || shownAt[i + 1].position - position >= every / 2);
  find(".ticks").replaceChildren(...kept.map(({ kind, position, text }) => {
    const tick = element("span", { class: `tick ${kind}`, "data-go": String(position) }, text);
    tick.style.left = `${(100 * position) / LAST}%`;
    return tick;
  }));
  find("#slider").max = String(LAST);
  const back = POSITIONS.findIndex(({ kind }) => kind === "backward");
  document.documentElement.style.setProperty("--turn", `${back < 0 ? 100 : (100 * (back - 0.5)) / LAST}%`);
  document.documentElement.classList.toggle("forward-only", !DATA.backward);
}

readPicture();
listenToPicture();
state.language = navigator.languages?.map((tag) => tag.slice(0, 2)).find((tag) => tag in DATA.texts) ?? DATA.language;
document.documentElement.classList.add("live");
drawTicks();
readLink();
showNumbers();
fitPicture();
openLink();
fitPicture();
setTimeout(() => [...GRADIENTS.keys()].forEach(ledgerOf)); // so that the first step back is as quick as the others
