// Picking dates in a wish starts from the four weeks that were shown.

export function proposeDates(form) {
  const [first, last] = ["date_from", "date_to"].map((name) => form.elements[name]);
  if (form.elements.when.value !== "dates" || first.value || last.value) return;
  const day = (offset) => {
    const then = new Date(Date.now() + offset * 86_400_000);
    return [then.getFullYear(), then.getMonth() + 1, then.getDate()].map((n) => String(n).padStart(2, "0")).join("-");
  };
  first.value = day(0);
  last.value = day(27);
}
