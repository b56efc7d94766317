(() => {
  "use strict";
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const all = (what, under = document) => [...under.querySelectorAll(what)];
  const make = (tag, className, text) => {
    const node = document.createElement(tag);
    node.className = className;
    if (text !== undefined) node.textContent = text;
    return node;
  };

  // --- theme: as the system has it, light, dark -----------------------------------------------------
  const THEMES = ["auto", "light", "dark"];
  const themeButton = $("theme");
  const remembered = () => { try { return localStorage.getItem("prony-theme"); } catch { return null; } };
  const setTheme = (name) => {
    if (name === "auto") delete root.dataset.theme;
    else root.dataset.theme = name;
    themeButton.textContent = `Theme: ${name}`;
    try { localStorage.setItem("prony-theme", name); } catch { /* a page that cannot remember forgets */ }
  };
  const nextTheme = () => setTheme(THEMES[(THEMES.indexOf(root.dataset.theme || "auto") + 1) % THEMES.length]);
  themeButton.hidden = false;
  if (THEMES.includes(remembered())) setTheme(remembered());
  themeButton.addEventListener("click", nextTheme);

  // --- a link to a case opens it ---------------------------------------------------------------------
  const reveal = () => {
    const target = location.hash.length > 1 && $(decodeURIComponent(location.hash.slice(1)));
    const details = target && target.closest("article") && target.querySelector("details");
    if (details) {
      details.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();

  // --- filter ----------------------------------------------------------------------------------------
  const filter = $("filter");
  const find = $("find");
  const items = all("[data-verdict][data-name]");
  const apply = () => {
    const words = find.value.trim().toLowerCase().split(/\s+/);
    const verdicts = new Set(all("input[type=checkbox]", filter).filter((b) => b.checked).map((b) => b.value));
    for (const item of items) {
      const name = item.dataset.name.toLowerCase();
      item.hidden = !verdicts.has(item.dataset.verdict) || !words.every((w) => name.includes(w));
    }
    const cases = items.filter((i) => i.localName === "article");
    const left = cases.filter((c) => !c.hidden).length;
    $("shown").textContent = left === cases.length ? "" : `${left} of ${cases.length}`;
    $("none").hidden = left > 0;
  };
  if (filter) {
    filter.hidden = false;
    filter.addEventListener("input", apply);
    filter.addEventListener("submit", (e) => e.preventDefault());
  }

  // --- keys ------------------------------------------------------------------------------------------
  const help = $("help");
  const keysButton = $("keys");
  keysButton.hidden = false;
  keysButton.addEventListener("click", () => help.showModal());
  const step = (by) => {
    const cases = all("article.case").filter((c) => !c.hidden).map((c) => c.querySelector("summary"));
    const at = cases.findIndex((s) => s.closest("article").contains(document.activeElement));
    const to = cases[at < 0 ? (by > 0 ? 0 : cases.length - 1) : at + by];
    if (to) {
      to.focus({ preventScroll: true });
      to.closest("article").scrollIntoView({ block: "start" });
    }
  };
  const KEYS = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => find && find.focus(),
    t: nextTheme,
    "?": () => help.showModal(),
  };
  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (e.target.closest && e.target.closest("input[type=search], textarea, select")) {
      if (e.key === "Escape" && e.target === find) { find.value = ""; apply(); find.blur(); }
      return;
    }
    const action = KEYS[e.key];
    if (action) {
      e.preventDefault();
      action();
    }
  });

  // --- what a metric means, where it stands ----------------------------------------------------------
  const meanings = new Map(all(".glossary dt code").map((c) => [c.textContent, c.closest("div").querySelector("dd").textContent]));

  // --- values under the pointer ----------------------------------------------------------------------
  // Edges of the plot in the chart's own units, as src/report/chart/svg.rs has them.
  const [LEFT, RIGHT] = [46, 450];
  const shown = (v) => {
    const digits = Math.abs(v) >= 1000 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.abs(v) || 1)));
    return v.toLocaleString("en", { maximumFractionDigits: Math.min(digits, 6) });
  };
  const numbers = (text) => (text || "").split(" ").filter(Boolean).map(Number);

  // What stands on the x axis at a place between 0 and 1.
  const scaleOf = (svg) => {
    const [kind, lo, hi, ...unit] = svg.dataset.x.split(" ");
    const [a, b] = [Number(lo), Number(hi)];
    const name = unit.join(" ");
    const value = {
      lin: (p) => a + p * (b - a),
      log: (p) => a * (b / a) ** p,
      tail: (p) => 1 - (1 - b) ** p,
    }[kind];
    const text = (v) => (kind === "tail" ? `p${shown(v * 100)}` : `${shown(v)}${name ? ` ${name}` : ""}`);
    return { value, text, at: (p) => text(value(p)) };
  };

  // Lines: every point's place, name and value. Distances in a path add up to places.
  const pointsOf = (svg) => all("path[data-v]", svg).flatMap((path, line) => {
    const values = numbers(path.dataset.v);
    const steps = path.getAttribute("d").match(/-?(?:\d+\.?\d*|\.\d+)/g).map(Number);
    const area = path.classList.contains("area") ? 1 : 0;
    let x = 0;
    return values.map((value, i) => {
      if (i === 0) for (let j = 0; j <= area; j += 1) x += steps[2 * j];
      else x += steps[2 * (i + area)];
      return { x, value, line, name: path.dataset.n };
    });
  });

  const readLines = (svg) => {
    const points = pointsOf(svg);
    const scale = scaleOf(svg);
    const unit = svg.dataset.u ? ` ${svg.dataset.u}` : "";
    const places = [...new Set(points.map((p) => p.x))].sort((a, b) => a - b);
    return {
      places,
      at: (x) => {
        // Of each drawn line the point that is nearest; lines of one name together.
        const nearest = new Map();
        for (const p of points) {
          const known = nearest.get(p.line);
          const far = Math.abs(p.x - x);
          if (far < 6 && (!known || far < Math.abs(known.x - x))) nearest.set(p.line, p);
        }
        const named = new Map();
        for (const p of nearest.values()) named.set(p.name, [...(named.get(p.name) || []), shown(p.value)]);
        const lines = [...named].map(([name, values]) => [name, `${values.join(" and ")}${unit}`]);
        return { head: scale.at((x - LEFT) / (RIGHT - LEFT)), lines };
      },
    };
  };

  const readBins = (svg) => {
    const edges = numbers(svg.dataset.e);
    const counts = numbers(svg.dataset.v);
    const sum = counts.reduce((a, b) => a + b, 0);
    const scale = scaleOf(svg);
    const place = (v) => {
      let [lo, hi] = [0, 1];
      for (let i = 0; i < 40; i += 1) {
        const mid = (lo + hi) / 2;
        if (scale.value(mid) < v) lo = mid; else hi = mid;
      }
      return LEFT + lo * (RIGHT - LEFT);
    };
    const borders = edges.map(place);
    const below = counts.map(((n) => (c) => (n += c))(0));
    return {
      places: counts.map((_, i) => (borders[i] + borders[i + 1]) / 2),
      at: (x) => {
        const i = Math.min(Math.max(borders.findIndex((b) => b > x) - 1, 0), counts.length - 1);
        const share = (n) => `${shown((100 * n) / sum)} %`;
        return {
          head: `${shown(edges[i])} to ${scale.text(edges[i + 1])}`,
          lines: [["here", `${counts[i].toLocaleString("en")} (${share(counts[i])})`], ["up to here", share(below[i])]],
        };
      },
    };
  };

  const readHeat = (svg) => {
    const edges = numbers(svg.dataset.e);
    const width = Number(svg.dataset.w);
    // Runs one after the other, laid as src/report/chart/heat.rs does; each over the whole axis.
    const runs = svg.dataset.heat.split(";").map((run) => run.split(",").map((c) => c.split(".").map((n) => Number(n || 0))));
    const gap = runs.length > 1 ? 4 : 0;
    const wide = (RIGHT - LEFT + gap) / runs.length;
    const scale = scaleOf(svg);
    const end = scale.value(1);
    const cells = runs.flatMap((columns, run) => columns.map((counts, i) => ({
      run, i, counts, x: LEFT + run * wide + (((i + 0.5) * width) / end) * (wide - gap),
    })));
    return {
      places: cells.map((c) => c.x),
      at: (x) => {
        const cell = cells.reduce((best, c) => (Math.abs(c.x - x) < Math.abs(best.x - x) ? c : best));
        const lines = cell.counts.map((n, row) => [`${shown(edges[row])} to ${shown(edges[row + 1])} ${svg.dataset.u}`, n]);
        const some = lines.filter((l) => l[1] > 0).reverse();
        if (some.length === 0) some.push(["first tokens", "none"]);
        if (some.length > 8) some.splice(7, Infinity, ["and", `${some.length - 7} rows more`]);
        return { head: `${runs.length > 1 ? `run ${cell.run + 1}, ` : ""}from ${scale.text(cell.i * width)}`, lines: some };
      },
    };
  };

  const read = (svg) => (svg.dataset.heat ? readHeat(svg) : svg.dataset.e ? readBins(svg) : readLines(svg));
  const readers = new WeakMap();
  const tip = make("div", "tip");
  const hair = make("div", "hair");
  tip.setAttribute("role", "status");
  const clear = () => { tip.remove(); hair.remove(); };

  const show = (svg, wanted) => {
    if (!readers.has(svg)) readers.set(svg, read(svg));
    const reader = readers.get(svg);
    if (reader.places.length === 0) return null;
    const x = reader.places.reduce((best, p) => (Math.abs(p - wanted) < Math.abs(best - wanted) ? p : best));
    const { head, lines } = reader.at(x);
    if (lines.length === 0) return null;
    const [left, top, width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const box = svg.getBoundingClientRect();
    const holder = svg.parentElement;
    const outer = holder.getBoundingClientRect();
    const scale = Math.min(box.width / width, box.height / height);
    const inset = [(box.width - width * scale) / 2, (box.height - height * scale) / 2];
    const px = box.left - outer.left + inset[0] + (x - left) * scale;
    const py = box.top - outer.top + inset[1];
    tip.replaceChildren(make("b", "", head), ...lines.map(([name, value]) => make("div", "", `${name}: ${value}`)));
    holder.append(hair, tip);
    hair.style.cssText = `left:${px}px;top:${py + (34 - top) * scale}px;height:${170 * scale}px`;
    const right = px + tip.offsetWidth + 14 > outer.width;
    tip.style.left = `${Math.max(0, right ? px - tip.offsetWidth - 10 : px + 10)}px`;
    tip.style.top = `${py + (34 - top) * scale}px`;
    return x;
  };

  document.addEventListener("pointermove", (e) => {
    const svg = e.target.closest && e.target.closest("svg.chart[data-x]");
    if (!svg) return clear();
    const box = svg.getBoundingClientRect();
    const [left, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
    const scale = Math.min(box.width / width, box.height / height);
    if (show(svg, left + (e.clientX - box.left - (box.width - width * scale) / 2) / scale) === null) clear();
  });

  // --- enlarge ---------------------------------------------------------------------------------------
  const large = $("large");
  let enlarged = null;
  // Only where somebody looks: a page may have thousands of pictures.
  const dress = (details) => {
    for (const figure of all("figure", details)) {
      if (figure.querySelector(".enlarge")) continue;
      const button = make("button", "quiet enlarge");
      button.type = "button";
      button.title = "Enlarge";
      button.setAttribute("aria-label", `Enlarge: ${figure.querySelector("strong").textContent}`);
      button.innerHTML = '<svg class="icon" aria-hidden="true"><use href="#i-large"/></svg>';
      figure.querySelector("figcaption").prepend(button);
    }
    for (const code of all(".metrics th code, .facts dt code", details)) {
      const meaning = meanings.get(code.textContent.replace(/\{.*/, ""));
      if (meaning) code.title = meaning;
    }
  };
  all("details[open], section.sheet").forEach(dress);
  document.addEventListener("toggle", (e) => { if (e.target.localName === "details" && e.target.open) dress(e.target); }, true);
  document.addEventListener("click", (e) => {
    const button = e.target.closest && e.target.closest(".enlarge");
    if (!button) return;
    clear();
    const figure = button.closest("figure");
    const caption = figure.querySelector("figcaption");
    $("large-title").textContent = caption.querySelector("strong").textContent;
    $("large-caption").textContent = [...caption.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join("").trim();
    enlarged = { svg: figure.querySelector("svg.chart").cloneNode(true), x: null };
    $("large-chart").replaceChildren(enlarged.svg);
    large.showModal();
  });
  large.addEventListener("keydown", (e) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
    if (!by || !enlarged || !enlarged.svg.dataset.x) return;
    e.preventDefault();
    if (!readers.has(enlarged.svg)) readers.set(enlarged.svg, read(enlarged.svg));
    const { places } = readers.get(enlarged.svg);
    const at = enlarged.x === null ? -1 : places.indexOf(enlarged.x);
    const to = places[Math.min(Math.max(at + by, 0), places.length - 1)];
    enlarged.x = show(enlarged.svg, to);
  });
  large.addEventListener("close", clear);

  // --- paper -----------------------------------------------------------------------------------------
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((d) => { d.open = false; }));
})();
