(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const shown = () => root.dataset.theme || (dark.matches ? "dark" : "light");
  const name = () => { theme.textContent = shown() === "dark" ? "Light" : "Dark"; };
  theme.hidden = false;
  name();
  dark.addEventListener("change", name);
  theme.addEventListener("click", () => {
    root.dataset.theme = shown() === "dark" ? "light" : "dark";
    name();
  });

  const reveal = () => {
    const id = decodeURIComponent(location.hash.slice(1));
    const details = id && document.getElementById(id)?.querySelector("details");
    if (details) {
      details.open = true;
      details.closest("article").scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();

  const filter = document.getElementById("filter");
  if (filter) {
    const find = document.getElementById("find");
    const boxes = [...filter.querySelectorAll("input[type=checkbox]")];
    const items = [...document.querySelectorAll("[data-verdict][data-name]")];
    const apply = () => {
      const wanted = find.value.trim().toLowerCase();
      const verdicts = new Set(boxes.filter((b) => b.checked).map((b) => b.value));
      for (const item of items) {
        item.hidden = !verdicts.has(item.dataset.verdict) || !item.dataset.name.toLowerCase().includes(wanted);
      }
    };
    filter.hidden = items.length < 4;
    filter.addEventListener("input", apply);
    filter.addEventListener("submit", (e) => e.preventDefault());
  }

  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((d) => { d.open = false; }));
})();
