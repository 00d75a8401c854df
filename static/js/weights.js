// The weights' sliders: each says its value, and all of them together what they sum to.

const form = document.querySelector("[data-weights]");
const sum = form.querySelector("[data-sum]");

function tell() {
  let total = 0;
  for (const slider of form.querySelectorAll("[data-weight]")) {
    total += Number(slider.value);
    slider.parentElement.querySelector("[data-value]").textContent = `${slider.value} %`;
    slider.setAttribute("aria-valuetext", `${slider.value} percent`);
  }
  sum.querySelector("[data-total]").textContent = `${total} %`;
  sum.classList.toggle("is-off", total !== 100);
  for (const save of form.querySelectorAll("[name=save]")) save.disabled = total !== 100;
}

form.addEventListener("input", tell);
tell();
