// Short messages at the foot of the page; those with an undo stay longer.

const STAY_MS = 5000;
const STAY_WITH_UNDO_MS = 12000;

// Show {text, undo, show, link} as a toast, or take over an element the server rendered.  "undo" is
// posted to; what "show" answers opens in the side panel; "link" is {url, label} of another page.
export function showToast({ text, undo, show, link, element }) {
  const toast = element ?? build(text, undo, show, link);
  const stay = toast.querySelector(".toast-undo, .toast-link") ? STAY_WITH_UNDO_MS : STAY_MS;
  let timer = setTimeout(() => toast.remove(), stay);
  for (const hold of ["mouseenter", "focusin"]) toast.addEventListener(hold, () => clearTimeout(timer));
  for (const leave of ["mouseleave", "focusout"]) {
    toast.addEventListener(leave, () => {
      clearTimeout(timer);
      timer = setTimeout(() => toast.remove(), stay);
    });
  }
}

function build(text, undo, show, link) {
  const toast = document.getElementById("toast-template").content.firstElementChild.cloneNode(true);
  toast.querySelector(".toast-text").textContent = text;
  const button = toast.querySelector(".toast-undo");
  if (undo) {
    button.setAttribute("hx-post", undo);
    button.setAttribute("hx-swap", "none");
    button.addEventListener("htmx:afterRequest", () => toast.remove());
  } else {
    button.remove();
  }
  const opener = toast.querySelector(".toast-show");
  if (show) {
    opener.setAttribute("hx-get", show);
    opener.setAttribute("hx-target", "#panel");
  } else {
    opener.remove();
  }
  const away = toast.querySelector(".toast-link");
  if (link) {
    away.href = link.url;
    away.textContent = link.label;
  } else {
    away.remove();
  }
  const area = document.getElementById("toasts");
  area.replaceChildren(toast);
  window.htmx.process(toast);
  return toast;
}
