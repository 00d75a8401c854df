// A kiosk in a hall: it forgets whoever walks away, goes back to nothing, and types by touch.

const IDLE_MS = 60000;
const KEEP_FOCUS_MS = 1000;
const start = document.body.dataset.start;

function startOver() {
  location.replace(start);
}

let idle = setTimeout(startOver, IDLE_MS);
for (const sign of ["pointerdown", "keydown"]) {
  document.addEventListener(sign, () => {
    clearTimeout(idle);
    idle = setTimeout(startOver, IDLE_MS);
  });
}

// Back leads to the start, from wherever: what was typed before is not shown again.
history.pushState(null, "");
window.addEventListener("popstate", startOver);
window.addEventListener("pageshow", ({ persisted }) => {
  if (persisted) startOver();
});

// A scanner types like a keyboard, wherever the focus is.
const scan = document.querySelector("[data-scan]");
if (scan) {
  setInterval(() => {
    if (document.activeElement === document.body) scan.focus();
  }, KEEP_FOCUS_MS);
  document.addEventListener("keydown", (event) => {
    if (event.key.length === 1 && document.activeElement?.tagName !== "INPUT") scan.focus();
  });
}

const pad = document.querySelector("[data-keypad]");
const entries = [...document.querySelectorAll("[data-entry]")];
let entry = entries[0];

if (pad) {
  pad.hidden = false;
  for (const each of entries) {
    each.inputMode = "none"; // the keys are on the page
    each.addEventListener("focus", () => {
      entry = each;
    });
    each.addEventListener("input", moveOn);
  }
  pad.addEventListener("pointerdown", (event) => event.preventDefault()); // the entry keeps the focus
  pad.addEventListener("click", ({ target }) => {
    const key = target.closest("button");
    if (key) press(key);
  });
}

function press(key) {
  entry.focus();
  if ("erase" in key.dataset) {
    if (!entry.value && entries.includes(entry)) entries[Math.max(0, entries.indexOf(entry) - 1)].focus();
    entry.value = entry.value.slice(0, -1);
  } else if (entry.value.length < entry.maxLength) {
    entry.value += key.dataset.key;
  }
  moveOn();
}

function moveOn() {
  const following = entries[entries.indexOf(entry) + 1];
  if (following && entry.value.length >= entry.maxLength) following.focus();
}

for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
