"use strict";
// The filter box: of what it lists, shows what holds all words of it. It is hidden where no script runs.
for (const box of document.querySelectorAll(".filter")) {
  const input = box.querySelector("input");
  const told = box.querySelector("output");
  const items = [...document.querySelectorAll("[data-filter]")].map((item) => [item, item.textContent.toLowerCase()]);
  const groups = [...document.querySelectorAll("[data-group]")];
  box.hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const [item, text] of items) {
      const fits = words.every((word) => text.includes(word));
      item.hidden = !fits;
      shown += fits ? 1 : 0;
      if (words.length > 0 ? fits : false) item.open = true;
    }
    for (const group of groups) group.hidden = !group.querySelector("[data-filter]:not([hidden])");
    told.textContent = words.length > 0 ? shown + " of " + items.length : "";
  });
}
// Paper shows what is folded.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details:not([open])")) {
    fold.open = true;
    fold.dataset.opened = "";
  }
});
addEventListener("afterprint", () => {
  for (const fold of document.querySelectorAll("details[data-opened]")) {
    fold.open = false;
    delete fold.dataset.opened;
  }
});
