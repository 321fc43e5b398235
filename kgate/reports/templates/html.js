"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const PIECE = 50;
  const RANK = { critical: 4, high: 3, medium: 2, low: 1 };
  const LEVELS = { privileged: 0, baseline: 1, restricted: 2 };
  let chosen = null;

  // Elements are made from text alone: no string of the report is ever read as HTML.
  const make = (tag, classes, ...children) => {
    const element = document.createElement(tag);
    if (classes) element.className = classes;
    element.append(...children.filter((child) => child !== null && child !== ""));
    return element;
  };
  const anchor = (text, href) => {
    if (!/^https?:\/\//.test(href)) return make("span", "", text);
    const element = make("a", "", text);
    element.href = href;
    element.rel = "noopener noreferrer";
    return element;
  };
  const key = (source, object) => source + "\n" + object;

  const counts = new Map();
  for (const finding of data.findings) {
    finding.rank = RANK[data.rules[finding.rule].severity];
    finding.keys = [finding.object, ...finding.also].map((object) => key(finding.source, object));
    if (!finding.waived) for (const k of finding.keys) counts.set(k, (counts.get(k) || 0) + 1);
    finding.words = [finding.object, ...finding.also, finding.rule, data.rules[finding.rule].title, finding.at.path,
      finding.field, finding.container, finding.message, finding.renderedBy].join(" ").toLowerCase();
  }
  for (const workload of data.workloads) {
    workload.key = key(workload.source, workload.object);
    workload.count = counts.get(workload.key) || 0;
    workload.words = [workload.object, workload.path, workload.renderedBy].join(" ").toLowerCase();
  }

  // Rows and findings are made as far as they are looked at, so that thousands do not stall the page.
  const growing = (holder, button, write, onSight) => {
    let items = [];
    let shown = 0;
    const grow = () => {
      const next = items.slice(shown, shown + PIECE).map(write);
      holder.append(...next);
      shown += next.length;
      button.hidden = shown >= items.length;
    };
    button.addEventListener("click", grow);
    const sight = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting) && !button.hidden) grow();
    }, { rootMargin: "400px" });
    if (onSight) sight.observe(button);
    return (list) => {
      items = list;
      shown = 0;
      holder.replaceChildren();
      grow();
    };
  };
  const soon = (run) => {
    let asked = 0;
    return () => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(run);
    };
  };
  const matches = (words, text) => text.toLowerCase().split(/\s+/).every((word) => words.includes(word));

  // ------------------------------------------------------------------------------- workloads

  const workloadRow = (workload) => {
    const fill = make("i");
    fill.style.width = (workload.score ?? 0) + "%";
    const button = make("button", "link", workload.name || workload.object);
    button.type = "button";
    button.addEventListener("click", () => choose(workload));
    const place = anchor(workload.path + ":" + workload.line, workload.link);
    const level = workload.atMost || workload.pss;
    const cells = [
      [make("span", "score", String(workload.score ?? "–")), make("span", "meter", fill)],
      [make("span", "grade", workload.grade)],
      [workload.kind],
      [workload.namespace],
      [button],
      [level],
      [String(workload.count)],
      [place, workload.renderedBy ? make("div", "quiet", "rendered by " + workload.renderedBy) : null],
    ];
    return make("tr", "grade-" + workload.grade, ...cells.map((cell) => make("td", "", ...cell)));
  };
  const showWorkloads = growing($("workloads").tBodies[0], $("workload-more"), workloadRow, false);
  let order = { key: "score", up: true };
  const VALUES = { pss: (workload) => LEVELS[workload.pss] ?? 9, score: (workload) => workload.score ?? 101 };
  const compare = (one, other) => {
    const value = VALUES[order.key] || ((workload) => workload[order.key]);
    const [a, b] = [value(one), value(other)];
    const first = typeof a === "string" ? a.localeCompare(b, "en") : a - b;
    return (order.up ? first : -first) || one.words.localeCompare(other.words, "en");
  };
  const filterWorkloads = () => {
    const text = $("workload-text").value, level = $("workload-level").value, gate = $("workload-gate").value;
    const list = data.workloads.filter((workload) => (!level || workload.pss === level)
      && (!gate || (gate === "passed") === workload.passed) && matches(workload.words, text));
    list.sort(compare);
    $("workload-count").textContent = list.length.toLocaleString("en") + " of " + data.workloads.length.toLocaleString("en");
    for (const head of $("workloads").tHead.querySelectorAll("button")) {
      const state = head.dataset.key !== order.key ? "none" : order.up ? "ascending" : "descending";
      head.parentElement.setAttribute("aria-sort", state);
    }
    showWorkloads(list);
  };
  for (const head of $("workloads").tHead.querySelectorAll("button")) {
    head.addEventListener("click", () => {
      order = { key: head.dataset.key, up: head.dataset.key === order.key ? !order.up : true };
      filterWorkloads();
    });
  }

  // -------------------------------------------------------------------------------- findings

  const sourceLine = (place) => {
    const code = make("code", "", make("span", "number", String(place.line)));
    if (place.marked) {
      const [from, to] = place.marked;
      code.append(place.text.slice(0, from), make("mark", "", place.text.slice(from, to)), place.text.slice(to));
    } else {
      code.append(place.text);
    }
    return make("div", "source", code);
  };
  const prose = (text) => text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? make("code", "", part) : part));
  const labelled = (label, ...children) => make("p", "", make("b", "", label), " ", ...children);
  const findingCard = (finding) => {
    const rule = data.rules[finding.rule];
    const container = finding.container ? ", container " + finding.container : "";
    const approximate = finding.at.line && finding.approximate ? " (approximate)" : "";
    const references = rule.references.map(([title, url]) => make("li", "", anchor(title, url)));
    const card = make("article", "finding " + rule.severity + (finding.waived ? " waived" : ""),
      make("h3", "", make("span", "chip", rule.severity), anchor(rule.title, rule.page)),
      make("p", "quiet", finding.object + container + (finding.field ? ", " + finding.field : "")),
      make("p", "", finding.message),
      finding.waived ? labelled("waived", finding.waived) : null,
      make("p", "quiet", anchor(finding.at.path + ":" + finding.at.line, finding.at.link), approximate),
      sourceLine(finding.at));
    for (const place of finding.related) {
      card.append(make("p", "quiet", "← ", anchor(place.path + ":" + place.line, place.link), " " + place.what), sourceLine(place));
    }
    if (finding.renderedBy) card.append(make("p", "quiet", "rendered by " + finding.renderedBy));
    if (finding.also.length) card.append(make("p", "quiet", "also " + finding.also.join(", ")));
    if (rule.why) card.append(labelled("why", ...prose(rule.why)));
    card.append(labelled("fix", ...prose(rule.fix)));
    const more = make("details", "", make("summary", "", "rule " + finding.rule + ", references and fingerprint"),
      references.length ? make("ul", "", ...references) : null,
      finding.includes.length ? make("p", "quiet", "includes " + finding.includes.join(", ")) : null,
      make("p", "quiet", "fingerprint " + finding.fingerprint));
    card.append(more);
    return card;
  };
  const showFindings = growing($("findings"), $("finding-more"), findingCard, true);
  const ranked = [...data.findings].sort((a, b) => (a.waived !== "") - (b.waived !== "") || b.rank - a.rank);
  const filterFindings = () => {
    const text = $("finding-text").value, severity = $("finding-severity").value;
    const rule = $("finding-rule").value, state = $("finding-state").value;
    const list = ranked.filter((finding) => (!severity || data.rules[finding.rule].severity === severity)
      && (!rule || finding.rule === rule) && (!state || (state === "waived") === (finding.waived !== ""))
      && (!chosen || finding.keys.includes(chosen.key)) && matches(finding.words, text));
    $("finding-count").textContent = list.length.toLocaleString("en") + " of " + data.findings.length.toLocaleString("en");
    showFindings(list);
  };
  const choose = (workload) => {
    chosen = workload;
    $("one-workload").hidden = !workload;
    $("one-workload").textContent = workload ? "only " + workload.object + " ✕" : "";
    filterFindings();
    if (workload) $("findings-title").scrollIntoView({ block: "start" });
  };
  $("one-workload").addEventListener("click", () => choose(null));
  $("finding-rule").append(...Object.keys(data.rules).map((id) => make("option", "", id)));

  for (const id of ["workload-text", "workload-level", "workload-gate"]) $(id).addEventListener("input", soon(filterWorkloads));
  for (const id of ["finding-text", "finding-severity", "finding-rule", "finding-state"]) $(id).addEventListener("input", soon(filterFindings));
  $("scheme").addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.style.colorScheme = now === "dark" ? "light" : "dark";
  });
  filterWorkloads();
  filterFindings();
})();
