// Diagnosis codes: chips and a search in place of the plain text field, which stays the form's
// value (codes with commas) and is all there is without scripts.
//
// Markup: <input data-codes='{"E11.9": "title", …}'>; see appointments/views/codes_field.py.

const SEARCH = "/api/appointments/icd10/?search=";
const PAUSE_MS = 150;
const SHORTEST = 1;

function element(tag, props = {}, children = []) {
  const made = Object.assign(document.createElement(tag), props);
  made.append(...children);
  return made;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  const sprite = document.querySelector("svg.icon use")?.getAttribute("href").split("#")[0];
  svg.setAttribute("class", "icon icon-small");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `${sprite}#${name}`);
  svg.append(use);
  return svg;
}

function enhance(field) {
  if (field.hidden) return;
  const titles = JSON.parse(field.dataset.codes);
  const chosen = new Set(Object.keys(titles));
  const id = `${field.id}-search`;
  const chips = element("div", { className: "chips codes-chosen" });
  const search = element("input", { id, type: "search", className: "input", autocomplete: "off", maxLength: 100 });
  search.placeholder = "Code or words, such as E11 or asthma";
  const list = element("div", { id: `${id}-list`, className: "options codes-options" });
  const said = element("span", { className: "visually-hidden" });
  for (const [name, value] of Object.entries({
    role: "combobox",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
    "aria-describedby": field.getAttribute("aria-describedby") ?? "",
    "aria-invalid": field.getAttribute("aria-invalid") ?? "false",
  })) {
    if (value) search.setAttribute(name, value);
  }
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Codes found");
  said.setAttribute("aria-live", "polite");

  let active = -1;
  let timer = 0;
  let asked = 0;
  const options = () => [...list.children].filter((option) => option.dataset.code);

  function store() {
    field.value = [...chosen].join(", ");
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  function drawChips() {
    chips.replaceChildren(
      ...[...chosen].map((code) => {
        const chip = element("button", { type: "button", className: "chip", title: titles[code] ?? "" }, [
          element("span", { className: "visually-hidden", textContent: "Remove " }),
          element("span", { className: "num", textContent: code }),
          " ",
          element("span", { className: "truncate codes-title", textContent: titles[code] || "not an ICD-10 code" }),
          icon("x"),
        ]);
        chip.addEventListener("click", () => {
          chosen.delete(code);
          store();
          drawChips();
          search.focus();
        });
        return chip;
      }),
    );
  }

  function close() {
    asked += 1;
    active = -1;
    list.replaceChildren();
    search.setAttribute("aria-expanded", "false");
    search.removeAttribute("aria-activedescendant");
  }

  function choose(option) {
    const { code, title } = option.dataset;
    titles[code] = title;
    chosen.add(code);
    search.value = "";
    close();
    store();
    drawChips();
    said.textContent = `${code} ${title} added`;
  }

  function mark(at) {
    const found = options();
    active = found.length ? (at + found.length) % found.length : -1;
    found.forEach((option, index) => option.setAttribute("aria-selected", String(index === active)));
    if (active < 0) return;
    search.setAttribute("aria-activedescendant", found[active].id);
    found[active].scrollIntoView({ block: "nearest" });
  }

  function show(results) {
    const found = results.filter(({ code }) => !chosen.has(code));
    list.replaceChildren(
      ...found.map(({ code, title }, index) => {
        const option = element("div", { id: `${list.id}-${index}`, className: "option" }, [
          element("span", { className: "option-name num", textContent: code }),
          element("span", { className: "option-facts muted small", textContent: title }),
        ]);
        option.setAttribute("role", "option");
        Object.assign(option.dataset, { code, title });
        return option;
      }),
    );
    if (!found.length) list.append(element("p", { className: "option-none muted", textContent: "No code fits." }));
    said.textContent = found.length ? `${found.length} codes found` : "No code fits";
    search.setAttribute("aria-expanded", String(found.length > 0));
    mark(0);
  }

  async function ask() {
    const text = search.value.trim();
    const number = ++asked;
    if (text.length < SHORTEST) return close();
    try {
      const answer = await fetch(SEARCH + encodeURIComponent(text), { headers: { Accept: "application/json" } });
      if (number === asked && answer.ok) show((await answer.json()).results);
    } catch {
      // The line is lost; the next key asks again.
    }
  }

  search.addEventListener("input", (event) => {
    event.stopPropagation();
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  });
  search.addEventListener("change", (event) => event.stopPropagation());
  search.addEventListener("keydown", (event) => {
    const found = options();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      mark(active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      if (found[active]) choose(found[active]);
    } else if (event.key === "Escape" && list.childElementCount) {
      event.stopPropagation();
      close();
    } else if (event.key === "Backspace" && !search.value && chosen.size) {
      chips.lastElementChild.click();
    }
  });
  search.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    const option = event.target.closest("[data-code]");
    if (option) choose(option);
  });

  field.hidden = true;
  field.type = "hidden";
  document.querySelector(`label[for="${field.id}"]`)?.setAttribute("for", id);
  field.after(chips, search, list, said);
  drawChips();
}

function enhanceAll(scope) {
  for (const field of scope.querySelectorAll("input[data-codes]")) enhance(field);
}

enhanceAll(document);
document.body.addEventListener("htmx:load", (event) => enhanceAll(event.detail.elt));
