// The filters of the catalogue page: they hide and order what the page holds already.
"use strict";
(() => {
  const form = document.getElementById("catalogue-form");
  const list = document.getElementById("catalogue");
  if (!form || !list) return;
  const field = (name) => form.elements.namedItem(name);
  const models = Array.from(list.querySelectorAll(".catalogue-model"));

  const filter = () => {
    const words = field("text").value.toLowerCase().split(/\s+/).filter(Boolean);
    const most = Number(field("size").value) || Infinity;
    let shown = 0;
    for (const model of models) {
      const data = model.dataset;
      const fits =
        words.every((word) => data.text.includes(word)) &&
        (!field("task").value || data.task === field("task").value) &&
        (!field("licence").value || data.licence === field("licence").value) &&
        Number(data.size) <= most;
      model.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    const bySize = field("order").value === "size";
    const order = (a, b) =>
      (bySize ? Number(a.dataset.size) - Number(b.dataset.size) : 0) ||
      (a.dataset.name < b.dataset.name ? -1 : 1);
    const wanted = [...models].sort(order);
    // Moved only when the order changes: moving what has the focus would take the focus away.
    if (wanted.some((model, place) => list.children[place] !== model)) list.append(...wanted);
    field("count").textContent =
      shown === 0 ? "no model fits" : shown + (shown === 1 ? " model" : " models");
  };

  const copy = async (button) => {
    const text = button.dataset.copy;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // A page that was opened from a folder may not be allowed to use the clipboard that way.
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  };

  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of list.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
  form.hidden = false;
  filter(); // a browser may have kept what was in the fields
})();
