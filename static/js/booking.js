// The booking panel: nothing stale can be chosen, arrows walk the patients found, reasons fill in.

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

document.addEventListener("click", (event) => {
  const chip = event.target.closest("[data-fill]");
  if (!chip) return;
  const field = document.getElementById(chip.dataset.fill);
  field.value = chip.textContent.trim();
  field.focus();
});
