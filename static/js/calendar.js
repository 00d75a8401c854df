// The calendar: arrow keys over free time and visits, the line of now, one column on a phone.

import "./booking.js";
import { watchLive } from "./live.js";

const NOW_MS = 60000;
const grid = document.getElementById("grid");
const picker = document.querySelector("[data-column-picker]");
const columns = () => [...grid.querySelectorAll("[data-column]")];
const stops = (column) =>
  [...column.querySelectorAll("a.cal-cell, a.cal-visit")].sort(
    (a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top,
  );

// One stop of the Tab key; the arrows do the rest.
function rove(focused) {
  const all = [...grid.querySelectorAll("a.cal-cell, a.cal-visit")];
  const chosen = focused ?? all[0];
  for (const stop of all) stop.tabIndex = stop === chosen ? 0 : -1;
}

function beside(from, to) {
  const top = from.getBoundingClientRect().top;
  const there = stops(to);
  return there.find((stop) => stop.getBoundingClientRect().top >= top - 1) ?? there.at(-1);
}

function next(stop, key) {
  const column = stop.closest("[data-column]");
  const here = stops(column);
  const at = here.indexOf(stop);
  if (key === "ArrowDown") return here[at + 1];
  if (key === "ArrowUp") return here[at - 1];
  if (key === "Home") return here[0];
  if (key === "End") return here.at(-1);
  const isRtl = getComputedStyle(grid).direction === "rtl";
  const towards = (key === "ArrowRight") === isRtl ? -1 : 1;
  const all = columns();
  for (let to = all.indexOf(column) + towards; all[to]; to += towards) {
    if (stops(all[to]).length) return beside(stop, all[to]);
  }
  return null;
}

function goTo(stop) {
  if (!stop) return;
  rove(stop);
  stop.focus({ preventScroll: true });
  stop.scrollIntoView({ block: "nearest", inline: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const stop = document.activeElement?.closest?.("a.cal-cell, a.cal-visit");
  if (stop && ["ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight", "Home", "End"].includes(event.key)) {
    event.preventDefault();
    goTo(next(stop, event.key));
  } else if (event.key === "g" && !event.target.closest("input, textarea, select")) {
    event.preventDefault();
    goTo(grid.querySelector('a[tabindex="0"]') ?? grid.querySelector("a.cal-cell, a.cal-visit"));
  }
});

// ------------------------------------------------------------- now and scroll

function moveNow() {
  const line = grid.querySelector("[data-now]");
  if (line) document.body.dispatchEvent(new CustomEvent("board-changed"));
}

function scrollToNow() {
  const line = grid.querySelector("[data-now]");
  if (!line) return;
  const inline = picker?.offsetParent ? "start" : "nearest";
  line.closest("[data-column]").scrollIntoView({ inline, block: "nearest" });
  grid.scrollTop = Math.max(0, line.offsetTop - grid.clientHeight / 3);
}

// -------------------------------------------------------------------- phone

picker?.addEventListener("change", () => {
  document.getElementById(picker.value)?.scrollIntoView({ inline: "start", block: "nearest" });
});
grid?.addEventListener("scrollend", () => {
  if (!picker?.offsetParent) return;
  const left = grid.getBoundingClientRect().left;
  const nearest = columns().reduce((a, b) =>
    Math.abs(a.getBoundingClientRect().left - left) <= Math.abs(b.getBoundingClientRect().left - left) ? a : b,
  );
  picker.value = nearest.id;
});

if (grid) {
  let focusedId = "";
  let scroll = [0, 0];
  grid.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target !== grid) return;
    focusedId = grid.querySelector('a[tabindex="0"]')?.id ?? "";
    scroll = [grid.scrollLeft, grid.scrollTop];
  });
  grid.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== grid) return;
    rove(document.getElementById(focusedId) ?? undefined);
    [grid.scrollLeft, grid.scrollTop] = scroll;
  });
  grid.addEventListener("focusin", (event) => {
    const stop = event.target.closest("a.cal-cell, a.cal-visit");
    if (stop) rove(stop);
  });
  for (const form of document.querySelectorAll("[data-filters]")) {
    form.addEventListener("change", () => form.requestSubmit());
  }
  rove();
  scrollToNow();
  setInterval(moveNow, NOW_MS);
  watchLive();
}
