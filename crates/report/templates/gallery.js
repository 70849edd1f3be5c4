(() => {
  const controls = document.getElementById("gallery-controls");
  const list = document.getElementById("gallery-items");
  const count = document.getElementById("gallery-count");
  const items = [...list.children];
  const by = (key, sign) => (a, b) => {
    const [x, y] = [a.dataset[key], b.dataset[key]];
    if (x === "" || y === "") return (x === "") - (y === "");
    return sign * (x - y);
  };
  const update = () => {
    const { chosen, gold, result, agreement, order } = controls.elements;
    const [key, way] = (order?.value ?? "").split(" ");
    const shown = items.filter((item) => {
      const hit = (!gold?.value || item.dataset.gold === gold.value)
        && (!chosen?.value || item.dataset.chosen.split(" ").includes(chosen.value))
        && (!result?.value || item.dataset.result === result.value)
        && (!agreement?.value || Number(item.dataset.agreement) >= agreement.value);
      item.hidden = !hit;
      return hit;
    });
    const sorted = key ? [...items].sort(by(key, way === "up" ? 1 : -1)) : items;
    list.append(...sorted);
    count.textContent = `${shown.length} of ${items.length} shown`;
  };
  controls.hidden = false;
  controls.addEventListener("input", update);
  controls.addEventListener("submit", (event) => event.preventDefault());
  update();

  // The larger view is a copy of the item; without a script the items themselves have all that it shows.
  const dialog = document.getElementById("gallery-large");
  const large = dialog.querySelector(".large");
  let current = null;
  const show = (item) => {
    current = item;
    const copy = item.cloneNode(true);
    copy.querySelector(".enlarge").remove();
    large.replaceChildren(copy);
    if (!dialog.open) dialog.showModal();
  };
  const step = (by) => {
    const shown = [...list.children].filter((item) => !item.hidden);
    const next = shown[(shown.indexOf(current) + by + shown.length) % shown.length];
    if (next) show(next);
  };
  document.documentElement.classList.add("scripted");
  for (const item of items) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "enlarge";
    button.textContent = "Larger";
    button.setAttribute("aria-label", `Larger: ${item.querySelector(".id").textContent}`);
    button.addEventListener("click", () => show(item));
    item.querySelector(".pictures").addEventListener("click", () => show(item));
    item.append(button);
  }
  dialog.addEventListener("click", (event) => {
    const way = event.target.dataset.step;
    if (event.target === dialog || way === "0") dialog.close();
    else if (way) step(Number(way));
  });
  dialog.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way) step(way);
  });
  dialog.addEventListener("close", () => current?.querySelector(".enlarge").focus());
})();
