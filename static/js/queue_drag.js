// Dragging an entry to another place of its line.  It is not moved yet: the panel asks why.

let row = null; // that is being dragged
let over = null;

export const isDragging = () => row !== null;

function mark(target, side) {
  over?.classList.remove("drop-before", "drop-after");
  over = target;
  over?.classList.add(side === "before" ? "drop-before" : "drop-after");
}

function target(event) {
  const found = event.target.closest?.("[data-row][data-position]");
  if (!row || !found || found === row || found.closest("[data-line]") !== row.closest("[data-line]")) return null;
  const box = found.getBoundingClientRect();
  return { found, side: event.clientY < box.top + box.height / 2 ? "before" : "after" };
}

// The place, from 1, that the entry has once it is taken out and put in there.
function place(from, to, side) {
  const slot = side === "before" ? to : to + 1;
  return from < slot ? slot - 1 : slot;
}

function ask(dragged, position) {
  const url = `${dragged.dataset.move}?position=${position}`;
  dragged.querySelector(".entry-name").focus(); // where the panel gives focus back to
  window.htmx.ajax("GET", url, { target: "#panel", swap: "innerHTML" });
}

export function watchDrag(after) {
  document.addEventListener("dragstart", (event) => {
    if (!event.target.closest?.("[data-grip]")) return;
    row = event.target.closest("[data-row]");
    row.classList.add("is-dragged");
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    event.dataTransfer.setDragImage(row, 24, row.offsetHeight / 2);
  });
  document.addEventListener("dragover", (event) => {
    const found = target(event);
    mark(found?.found ?? null, found?.side);
    if (found) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const found = target(event);
    if (!found) return;
    event.preventDefault();
    const from = Number(row.dataset.position);
    const to = place(from, Number(found.found.dataset.position), found.side);
    if (to !== from) ask(row, to);
  });
  document.addEventListener("dragend", () => {
    row?.classList.remove("is-dragged");
    row = null;
    mark(null);
    after();
  });
}
