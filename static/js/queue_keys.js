// One key per action in a queue.
//
// A key acts on the entry that has focus.  Without one, "n" calls the next patient, and the steps of
// whoever was called act on the only one it can mean: at the user's own point, else the only one.

import { inTurn } from "./queue_pace.js";
import { showToast } from "./toast.js";

const MOVES = ["j", "k", "ArrowDown", "ArrowUp", "Home", "End"];
const OF_CURRENT = ["r", "s", "d", "m", "t", "l", "h"];
const STEPS = [...OF_CURRENT, "n", "c", "b", "v", "u", "j", "k"];
const TYPING = "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]";

const shown = (element) => element.offsetParent !== null;
const entries = () => [...document.querySelectorAll("[data-entry]")].filter(shown);
const nameOf = (entry) => entry?.querySelector(".entry-name");
const stepOf = (entry, key) => entry.querySelector(`[data-step="${CSS.escape(key)}"]`);

function neighbour(entry, key) {
  const all = entries().filter((other) => other.closest("form") === entry.closest("form"));
  const at = all.indexOf(entry);
  if (["j", "ArrowDown"].includes(key)) return all[at + 1];
  if (["k", "ArrowUp"].includes(key)) return all[at - 1];
  return key === "Home" ? all[0] : all.at(-1);
}

function go(entry) {
  nameOf(entry)?.focus();
  entry?.scrollIntoView({ block: "nearest" });
}

function take(entry, key) {
  const step = entry && stepOf(entry, key);
  if (!step) return false;
  nameOf(entry).focus(); // it keeps its id wherever the entry goes, so focus follows
  step.click();
  return true;
}

function current(key) {
  const served = [...document.querySelectorAll(".serving")].filter((entry) => shown(entry) && stepOf(entry, key));
  const mine = served.filter((entry) => "mine" in entry.dataset);
  const meant = mine.length ? mine : served;
  if (meant.length > 1) showToast({ text: "Several are being served. Choose whom first: j and k move." });
  return meant.length === 1 ? meant[0] : null;
}

function callNext(entry) {
  const scope = entry?.closest("form") ?? document;
  const button = scope.querySelector("[data-call-next]");
  if (!button || button.disabled) return;
  button.focus();
  button.click();
}

function act(key, entry) {
  if (key === "n") callNext(entry);
  else if (entry && MOVES.includes(key)) go(neighbour(entry, key));
  else if (["j", "k"].includes(key)) go(document.querySelector("[data-row]:not([hidden])") ?? entries()[0]);
  else if (entry && take(entry, key)) return;
  else if (key === "u") document.querySelector("#toasts .toast-undo")?.click();
  else if (!entry && OF_CURRENT.includes(key)) take(current(key), key);
}

// Arrows and the like move the page where no entry has focus.
function isOurs(key) {
  const onEntry = Boolean(document.activeElement?.closest?.("[data-entry]"));
  return STEPS.includes(key) || (onEntry && MOVES.includes(key));
}

export function watchQueueKeys() {
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (event.target.closest(`${TYPING}, #panel`)) return;
      if (!isOurs(event.key)) return;
      event.preventDefault();
      inTurn(() => act(event.key, document.activeElement?.closest?.("[data-entry]") ?? null));
    },
    true,
  );
}
