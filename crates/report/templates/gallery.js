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
    const { gold, result, agreement, order } = controls.elements;
    const [key, way] = order.value.split(" ");
    const shown = items.filter((item) => {
      const hit = (!gold.value || item.dataset.gold === gold.value)
        && (!result.value || item.dataset.result === result.value)
        && (!agreement.value || Number(item.dataset.agreement) >= agreement.value);
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
})();
