// A text as searches compare it: without accents, capitals and double spaces.
export function fold(text) {
  return text.normalize("NFD").replace(/\p{M}/gu, "").replace(/\s+/g, " ").trim().toLowerCase();
}
