// Behaviour every page shares.  Markup asks for it by data attributes; see each section.

import { restoreFocus, watchPanel } from "./panel.js";
import { watchKeys } from "./keys.js";
import { showToast } from "./toast.js";

const root = document.documentElement;

function remember(name, value) {
  root.dataset[name] = value;
  try {
    localStorage.setItem(name, value);
  } catch {
    // Not remembered, but applied.
  }
}

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

// data-vars="--colour:#0b6e69;--start:12": custom properties without an inline style, which the
// content security policy forbids.
function applyVars(scope) {
  const found = scope.matches?.("[data-vars]") ? [scope] : [];
  for (const element of [...found, ...scope.querySelectorAll("[data-vars]")]) {
    for (const pair of element.dataset.vars.split(";")) {
      const [name, value] = pair.split(/:(.*)/s);
      if (value && name.trim().startsWith("--")) element.style.setProperty(name.trim(), value.trim());
    }
  }
}

// data-action="theme|rail|keys|dismiss|print|back"
const actions = {
  theme: () => remember("theme", isDark() ? "light" : "dark"),
  rail: (button) => {
    const narrow = root.dataset.rail !== "narrow";
    remember("rail", narrow ? "narrow" : "wide");
    button.setAttribute("aria-expanded", String(!narrow));
  },
  keys: () => document.getElementById("keys-help").showModal(),
  dismiss: (button) => button.closest(".alert, .toast")?.remove(),
  // A page that first has to draw what it left out stops "print-asked" and prints when it is there.
  print: () => {
    if (document.body.dispatchEvent(new CustomEvent("print-asked", { cancelable: true }))) window.print();
  },
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (button) actions[button.dataset.action]?.(button);
  const closer = event.target.closest("[data-close]");
  if (closer) closer.closest("dialog")?.close();
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

// data-confirm="Cancel this visit?" on a form, or on what htmx sends.
function ask(question) {
  const dialog = document.getElementById("confirm");
  dialog.querySelector("[data-question]").textContent = question;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

document.addEventListener("htmx:confirm", (event) => {
  const question = event.detail.elt.dataset.confirm;
  if (!question) return;
  event.preventDefault();
  ask(question).then((yes) => yes && event.detail.issueRequest(true));
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.confirm || form.dataset.confirmed || form.hasAttribute("hx-post")) return;
  event.preventDefault();
  ask(form.dataset.confirm).then((yes) => {
    if (!yes) return;
    form.dataset.confirmed = "yes";
    form.requestSubmit(event.submitter);
  });
});

// HX-Trigger: {"toast": {"text": …, "undo": url}}
document.body.addEventListener("toast", (event) => showToast(event.detail));

// A lost line says so, instead of a button that seems dead.
for (const failure of ["htmx:sendError", "htmx:timeout"]) {
  document.body.addEventListener(failure, (event) => {
    if (event.detail.requestConfig?.headers?.["X-Background"]) return;
    showToast({ text: "No connection to the server. Nothing was changed." });
  });
}
document.body.addEventListener("htmx:responseError", () => {
  showToast({ text: "Something went wrong on the server. Nothing was changed." });
});

// A refusal belongs to the last action only.
document.body.addEventListener("htmx:beforeRequest", (event) => {
  if (!event.detail.requestConfig.headers["X-Background"]) {
    document.getElementById("alert")?.replaceChildren();
  }
});

document.body.addEventListener("htmx:load", (event) => applyVars(event.detail.elt));
document.body.addEventListener("htmx:afterSettle", restoreFocus);

applyVars(document.body);
watchPanel();
watchKeys();
const rail = document.querySelector("[data-action='rail']");
rail?.setAttribute("aria-expanded", String(root.dataset.rail !== "narrow"));
for (const toast of document.querySelectorAll("#toasts > .toast")) showToast({ element: toast });
