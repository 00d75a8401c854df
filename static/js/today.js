// The flow board: running clocks, keys that act on the focused card, and filters within the day.

import "./booking.js";
import { tickClocks } from "./clocks.js";
import { fold } from "./fold.js";
import { watchLive } from "./live.js";

const TICK_MS = 5000;
const board = document.getElementById("board-columns");
const search = document.querySelector("[data-board-search]");
const all = document.getElementById("board-all");

const cards = () => [...board.querySelectorAll("[data-visit]")].filter((card) => card.offsetParent);
const nameOf = (card) => card?.querySelector(".visit-name");

const tick = () => tickClocks(board);

// ----------------------------------------------------------------- filters

function filter() {
  const wanted = fold(search.value);
  const { only } = board.dataset;
  const isFiltering = Boolean(wanted || only);
  for (const card of board.querySelectorAll("[data-visit]")) {
    const fits = !only || card.dataset.flags.split(" ").includes(only);
    const lines = [...card.querySelectorAll(".visit-line")].map((line) => line.textContent).join(" ");
    card.hidden = !(fits && fold(lines).includes(wanted));
  }
  for (const column of board.querySelectorAll("[data-column]")) {
    const drawn = [...column.querySelectorAll("[data-list] > .visits > [data-visit]")];
    const shown = drawn.filter((card) => !card.hidden).length;
    const counter = column.querySelector("[data-count]");
    const { count } = counter.dataset;
    counter.textContent = isFiltering ? `${shown}/${count}` : count;
    const empty = column.querySelector("[data-empty]");
    empty.dataset.empty ||= empty.textContent;
    empty.textContent = isFiltering && count !== "0" ? "None of these fits" : empty.dataset.empty;
    empty.hidden = shown > 0;
  }
  for (const item of board.querySelectorAll("a[data-only]")) {
    item.toggleAttribute("aria-current", item.dataset.only === only);
    if (item.dataset.only === only) item.setAttribute("aria-current", "true");
  }
}

// Long columns are drawn only in part; a filter must look at all of them.
function drawAll() {
  if (all.value || !board.querySelector("[data-show-all]")) return;
  all.value = "1";
  document.body.dispatchEvent(new CustomEvent("board-changed"));
}

// The day sheet holds everybody: what is left out is drawn first.
let isPrinting = false;

document.body.addEventListener("print-asked", (event) => {
  if (!board.querySelector("[data-show-all]")) return;
  event.preventDefault();
  isPrinting = true;
  drawAll();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "p" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
  if (!board.querySelector("[data-show-all]")) return;
  event.preventDefault();
  document.body.dispatchEvent(new CustomEvent("print-asked", { cancelable: true }));
});

search.addEventListener("input", () => {
  if (search.value) drawAll();
  filter();
});
search.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && search.value) {
    search.value = "";
    filter();
  } else if (event.key === "ArrowDown" || event.key === "Enter") {
    event.preventDefault();
    nameOf(cards()[0])?.focus();
  }
});

board.addEventListener("click", (event) => {
  if (event.target.closest("[data-show-all]")) {
    event.preventDefault();
    drawAll();
    return;
  }
  const item = event.target.closest("a[data-only]");
  if (!item) return;
  event.preventDefault();
  drawAll();
  board.dataset.only = board.dataset.only === item.dataset.only ? "" : item.dataset.only;
  filter();
});

// -------------------------------------------------------------------- keys

function neighbour(card, key) {
  const column = cards().filter((other) => other.closest("[data-column]") === card.closest("[data-column]"));
  const at = column.indexOf(card);
  if (["j", "ArrowDown"].includes(key)) return column[at + 1];
  if (["k", "ArrowUp"].includes(key)) return column[at - 1];
  if (key === "Home") return column[0];
  if (key === "End") return column.at(-1);
  const isRtl = getComputedStyle(board).direction === "rtl";
  const towards = (key === "ArrowRight") === isRtl ? -1 : 1;
  const columns = [...board.querySelectorAll("[data-column]")];
  const from = columns.indexOf(card.closest("[data-column]"));
  for (let to = from + towards; columns[to]; to += towards) {
    const there = cards().filter((other) => other.closest("[data-column]") === columns[to]);
    if (there.length) return there[Math.min(at, there.length - 1)];
  }
  return null;
}

const MOVES = ["j", "k", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End"];

document.addEventListener(
  "keydown",
  (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const card = document.activeElement?.closest?.("[data-visit]");
    if (!card) {
      if (!["j", "k"].includes(event.key) || event.target.closest("input, textarea, select, #panel")) return;
      event.preventDefault();
      nameOf(cards()[0])?.focus();
      return;
    }
    if (MOVES.includes(event.key)) {
      event.preventDefault();
      const next = nameOf(neighbour(card, event.key));
      next?.focus();
      next?.closest("[data-visit]").scrollIntoView({ block: "nearest" });
      return;
    }
    const step = card.querySelector(`[data-step="${CSS.escape(event.key)}"]`);
    if (!step) return;
    event.preventDefault();
    nameOf(card).focus(); // it keeps its id wherever the card goes, so focus follows
    step.click();
  },
  true,
);

// A second press while the first is on its way would be refused as stale.
document.getElementById("board-steps").addEventListener("htmx:beforeRequest", (event) => {
  if (event.target.id === "board-steps") event.target.classList.add("is-busy");
});
document.getElementById("board-steps").addEventListener("htmx:afterRequest", (event) => {
  if (event.target.id === "board-steps") event.target.classList.remove("is-busy");
});

// -------------------------------------------------------------------- swaps

let scrolled = new Map();
let opened = false;

board.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.target !== board) return;
  scrolled = new Map([...board.querySelectorAll("[data-list]")].map((list) => [list.id, list.scrollTop]));
  opened = board.querySelector(".board-aside")?.open ?? false;
});

board.addEventListener("htmx:afterSwap", (event) => {
  if (event.detail.target !== board) return;
  const aside = board.querySelector(".board-aside");
  if (aside) aside.open = opened;
  tick();
  filter();
  for (const [id, top] of scrolled) document.getElementById(id)?.scrollTo({ top, behavior: "instant" });
  if (isPrinting) window.print();
  isPrinting = false;
});

for (const form of document.querySelectorAll("[data-filters]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

tick();
filter();
setInterval(tick, TICK_MS);
watchLive();
