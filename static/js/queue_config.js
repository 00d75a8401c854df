// How a queue works: sliders say their share, presets set them, and what is not saved is guarded.

const form = document.querySelector("[data-config]");
const sliders = [...form.querySelectorAll("[data-weight]")];
const gauge = form.querySelector("[data-gauge]");
const unsaved = form.querySelector("[data-unsaved]");
const fields = [...form.elements].filter(
  (each) => each.name && each.type !== "submit" && each.type !== "hidden" && !("aside" in each.dataset),
);
const state = () => fields.map((each) => (/checkbox|radio/.test(each.type) ? each.checked : each.value)).join("\n");
const saved = state();
let leaving = false;

const isChanged = () => "changed" in form.dataset || state() !== saved;

// What does not count now is out of the way, unless it says what is wrong.
function showOnly(name, counts) {
  const part = form.querySelector(`[data-only=${name}]`);
  part.hidden = !counts && !part.querySelector(".field-error");
}

function tell() {
  const total = sliders.reduce((sum, each) => sum + Number(each.value), 0) || 1;
  for (const slider of sliders) {
    const share = `${Math.round((100 * slider.value) / total)} %`;
    slider.closest(".weight").querySelector("[data-value]").textContent = share;
    slider.setAttribute("aria-valuetext", share);
  }
  gauge.style.setProperty("--yellow", form.elements.load_yellow.value);
  gauge.style.setProperty("--red", form.elements.load_red.value);
  showOnly("claims", form.elements.use_dynamic_positioning.value === "claims");
  showOnly("enable_overflow_queue", form.elements.enable_overflow_queue.checked);
  unsaved.hidden = !isChanged();
}

form.addEventListener("input", tell);
form.addEventListener("click", (event) => {
  const preset = event.target.closest("[data-preset]");
  if (!preset) return;
  event.preventDefault();
  for (const pair of preset.dataset.preset.split(" ")) {
    const [name, value] = pair.split("=");
    form.elements[name].value = value;
  }
  sliders[0].dispatchEvent(new Event("input", { bubbles: true }));
});

// On the window, so that a question that stops the form has been asked.
window.addEventListener("submit", (event) => {
  leaving ||= !event.defaultPrevented && event.target.closest(".config") !== null;
});
window.addEventListener("beforeunload", (event) => {
  if (!leaving && isChanged()) event.preventDefault();
});

// The name and the tickets have changed in the panel.
document.body.addEventListener("visit-changed", () => {
  if (!isChanged()) location.reload();
});

tell();
