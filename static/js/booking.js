// The forms in the side panel: nothing stale can be chosen, arrows walk the patients found, Enter
// presses the nearest button, usual reasons fill in.

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-patient-search]")) return;
  // What is listed belongs to the words before this key; Enter must not choose it.
  event.target.closest("form").querySelector("[data-options]").replaceChildren();
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form");
  const options = form ? [...form.querySelectorAll("[data-option]")] : [];
  if (!options.length || !["ArrowDown", "ArrowUp"].includes(event.key)) return;
  const search = form.querySelector("[data-patient-search]");
  const at = options.indexOf(document.activeElement);
  if (at === -1 && document.activeElement !== search) return;
  event.preventDefault();
  const to = event.key === "ArrowDown" ? at + 1 : at - 1;
  (options[Math.min(to, options.length - 1)] ?? search)?.focus();
});

// Enter presses a form's first button; inside [data-enter] it presses the first one there.
document.addEventListener("keydown", (event) => {
  const part = event.key === "Enter" && event.target.matches("input") && event.target.closest("[data-enter]");
  if (!part) return;
  event.preventDefault();
  part.querySelector("button[type=submit]:not([data-option])")?.click();
});

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-fill]");
  if (!chip) return;
  const field = document.getElementById(chip.dataset.fill);
  field.value = chip.textContent.trim();
  field.focus();
});

// A free time that the check offers goes into the form, which then checks it anew.
document.addEventListener("click", (event) => {
  const slot = event.target.closest("[data-slot-time]");
  const form = slot?.closest("form");
  if (!form) return;
  form.elements.date.value = slot.dataset.slotDate;
  form.elements.time.value = slot.dataset.slotTime;
  form.elements.fold.value = slot.dataset.slotFold;
  form.elements.time.focus();
  form.elements.time.dispatchEvent(new Event("change", { bubbles: true }));
});
