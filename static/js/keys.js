// One key per action.
//
// data-key="n"    this control is clicked (a field: focused) when the key is pressed
// data-search     gets focus on "/"
// data-rows       arrow keys, Home and End move between the .row-link anchors inside
// "?"             lists the page's keys

function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
}

function isUsable(element) {
  return !element.disabled && element.offsetParent !== null;
}

function press(key) {
  for (const element of document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)) {
    if (!isUsable(element)) continue;
    if (element.matches("input, select, textarea")) element.focus();
    else element.click();
    return true;
  }
  return false;
}

function moveInRows(event) {
  const rows = event.target.closest("[data-rows]");
  if (!rows) return false;
  const links = [...rows.querySelectorAll(".row-link a")];
  const at = links.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
  if (to === undefined || at === -1) return false;
  if (to < 0) document.querySelector("[data-search-list]")?.focus();
  links[Math.min(to, links.length - 1)]?.focus();
  return true;
}

// From the search field, arrow down steps into its list.
function enterRows(event) {
  if (event.key !== "ArrowDown" || !event.target.matches("[data-search-list]")) return false;
  const first = document.querySelector("[data-rows] .row-link a");
  first?.focus();
  return Boolean(first);
}

export function watchKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (enterRows(event) || moveInRows(event)) {
      event.preventDefault();
      return;
    }
    if (isTyping(event.target)) return;
    if (event.key === "/") {
      const search = [...document.querySelectorAll("[data-search]")].filter(isUsable).at(-1);
      if (!search) return;
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "?") {
      document.getElementById("keys-help")?.showModal();
    } else if (press(event.key)) {
      event.preventDefault();
    }
  });
}
