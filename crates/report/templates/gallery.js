(() => {
  const controls = document.getElementById("gallery-controls");
  const list = document.getElementById("gallery-items");
  const count = document.getElementById("gallery-count");
  const items = [...list.children];
  const byF1 = (sign) => (a, b) => {
    const [x, y] = [a.dataset.f1, b.dataset.f1];
    if (x === "" || y === "") return (x === "") - (y === "");
    return sign * (x - y);
  };
  const update = () => {
    const { gold, result, order } = controls.elements;
    const shown = items.filter((item) => {
      const hit = (!gold.value || item.dataset.gold === gold.value)
        && (!result.value || item.dataset.result === result.value);
      item.hidden = !hit;
      return hit;
    });
    const sorted = order.value ? [...items].sort(byF1(order.value === "up" ? 1 : -1)) : items;
    list.append(...sorted);
    count.textContent = `${shown.length} of ${items.length} shown`;
  };
  controls.hidden = false;
  controls.addEventListener("input", update);
  controls.addEventListener("submit", (event) => event.preventDefault());
  update();
})();
