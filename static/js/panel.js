// The side panel: focus goes in when it fills, and back to where it came from when it closes.

const panel = () => document.getElementById("panel");
let opener = null;

function close() {
  const element = panel();
  if (!element?.childElementCount) return;
  element.replaceChildren();
  element.dispatchEvent(new CustomEvent("panel:closed", { bubbles: true }));
  const back = opener?.id ? document.getElementById(opener.id) : opener;
  if (back?.isConnected) back.focus();
  opener = null;
}

export function watchPanel() {
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-panel-close]")) close();
  });
  document.addEventListener("keydown", (event) => {
    const overlaid = document.querySelector("dialog[open], details.menu[open]");
    if (event.key === "Escape" && !overlaid) close();
  });
  document.body.addEventListener("panel:close", close);
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const element = panel();
    if (event.detail.target !== element || element.contains(document.activeElement)) return;
    opener = document.activeElement;
  });
}

// After a swap into the panel or a dialog: the marked element, else its heading, gets focus.
export function restoreFocus(event) {
  const target = event.detail.target ?? event.target;
  if (!target.closest?.("#panel, dialog")) return;
  const inside = target.contains(document.activeElement) && document.activeElement !== target;
  if (inside) return;
  const marked = target.querySelector("[autofocus], [data-focus]");
  (marked ?? target.querySelector("h2[tabindex], h1[tabindex]"))?.focus();
}
