// Several visits in one trip: only providers who offer a visit are listed for it, how it takes place
// is asked only where its type leaves that open, and trips of an older wish cannot be pressed.

import { proposeDates } from "./dates.js";

const phone = matchMedia("(max-width: 900px)");
const wish = document.getElementById("trip");
const results = document.getElementById("trip-rows");
const said = document.querySelector("[data-results-said]");

function fit() {
  for (const row of wish.querySelectorAll(".trip-wish")) {
    const [type, provider, how] = row.querySelectorAll("select");
    how.hidden = type.selectedOptions[0]?.dataset.modality !== "either";
    if (how.hidden) how.value = "";
    const offered = new Set((type.selectedOptions[0]?.dataset.providers ?? "").split(" ").filter(Boolean));
    for (const option of provider.options) {
      option.hidden = Boolean(option.value) && offered.size > 0 && !offered.has(option.value);
      if (option.hidden && option.selected) provider.value = "";
    }
  }
}

// Before htmx hears of it: what it sends is what is shown.
wish.addEventListener(
  "change",
  () => {
    fit();
    proposeDates(wish);
  },
  true,
);

const isSearch = (event) => event.detail.target === results;

wish.addEventListener("change", (event) => {
  if (event.target.closest("#trip-fields")) results.inert = true;
});
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (!isSearch(event)) return;
  results.inert = true;
  results.classList.add("is-searching");
});
document.body.addEventListener("htmx:afterRequest", (event) => {
  if (!isSearch(event)) return;
  results.inert = false;
  results.classList.remove("is-searching");
});

function markErrors() {
  for (const place of wish.querySelectorAll(".wish-error")) {
    const field = place.closest(".field") ?? place.previousElementSibling;
    for (const input of field?.querySelectorAll("select, input:not([type=checkbox], [type=radio])") ?? []) {
      input.setAttribute("aria-invalid", String(place.childElementCount > 0));
      if (place.childElementCount) input.setAttribute("aria-describedby", place.id);
      else if (input.getAttribute("aria-describedby") === place.id) input.removeAttribute("aria-describedby");
    }
  }
}

function fold(isFolded) {
  if (phone.matches || !isFolded) wish.querySelector("[data-fold]").open = !isFolded;
}

// What takes focus once more trips, or those of one day, are shown.
let next = "";

document.addEventListener("click", (event) => {
  const more = event.target.closest("[data-more]");
  if (event.target.closest("[data-turn]")) next = "[data-results]";
  else if (more) next = `[data-trip]:nth-child(${Number(more.dataset.more) + 1}) [data-book]`;
});

document.body.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target !== results) return;
  fit();
  markErrors();
  if (results.querySelector("[data-trip]")) fold(true);
  const wanted = results.querySelector(next || "[data-focus]");
  next = "";
  wanted?.focus();
  said.textContent = results.querySelector("[data-results]")?.textContent.trim() ?? "";
});

// Who was just chosen needs no more looking for: on to the first visit that is still open.
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  const { target } = event.detail;
  if (target.id === "patient-chooser") {
    wish.querySelector("[data-first]").disabled = !target.querySelector(".chosen");
    const marked = ["[data-focus]", "[aria-invalid=true]", "#patient-search"]
      .map((selector) => target.querySelector(selector))
      .find(Boolean);
    const open = [...wish.querySelectorAll(".trip-wish > select:first-of-type")].find((type) => !type.value);
    setTimeout(() => (marked ?? open)?.focus());
  } else if (target.id === "wish-error-patient" && target.childElementCount) {
    fold(false);
    document.getElementById("patient-search")?.focus();
  }
});

phone.addEventListener("change", () => {
  if (!phone.matches) fold(false);
});

fit();
