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

  const byKey = new Map();
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
    if (!byKey.has(workload.key) || (workload.score ?? -1) < (byKey.get(workload.key).score ?? -1)) byKey.set(workload.key, workload);
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
    fill.style.width = workload.filled + "%";
    const button = make("button", "link", workload.name || workload.object);
    button.type = "button";
    button.addEventListener("click", () => choose(workload));
    const place = anchor(workload.path + ":" + workload.line, workload.link);
    const level = workload.atMost || workload.pss;
    const cells = [
      [make("span", "score", String(workload.score ?? "–")), make("span", "meter", fill),
        workload.without ? make("div", "quiet", workload.without) : null,
        workload.was ? make("div", "quiet", workload.was) : null],
      [make("span", "grade", workload.grade)],
      [workload.kind],
      [workload.namespace],
      [button],
      [level],
      [String(workload.count), make("span", "noun", workload.count === 1 ? " finding" : " findings")],
      [place, workload.renderedBy ? make("div", "quiet", "rendered by " + workload.renderedBy) : null],
    ];
    // Roles, as the layout of a narrow screen takes them away from the elements.
    const row = make("tr", "grade-" + workload.grade, ...cells.map((cell) => {
      const element = make("td", "", ...cell);
      element.setAttribute("role", "cell");
      return element;
    }));
    row.setAttribute("role", "row");
    return row;
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

  const sourceLine = (place, before = [], after = []) => {
    const indents = [...before, place.text, ...after].filter((text) => text.trim()).map((text) => text.length - text.trimStart().length);
    const cut = Math.min(...indents, place.marked ? place.marked[0] : Infinity);
    const code = make("code");
    const add = (number, classes, ...parts) => code.append(code.hasChildNodes() ? "\n" : "",
      make("span", classes, make("span", "number", String(number)), ...parts));
    before.forEach((text, index) => add(place.line - before.length + index, "", text.slice(cut)));
    if (place.marked) {
      const [from, to] = place.marked;
      add(place.line, "here", place.text.slice(cut, from), make("mark", "", place.text.slice(from, to)), place.text.slice(to));
    } else {
      add(place.line, "here", place.text.slice(cut));
    }
    after.forEach((text, index) => add(place.line + 1 + index, "", text.slice(cut)));
    return make("div", "source", code);
  };
  const prose = (text) => text.split(/`([^`]+)`/).map((part, index) => (index % 2 ? make("code", "", part) : part));
  const labelled = (label, ...children) => make("p", "", make("b", "", label), " ", ...children);
  // Why and fix stand once for each rule: at the head of its group, or at its first finding.
  const explanation = (id) => {
    const rule = data.rules[id];
    const part = make("div", "explanation", rule.why ? labelled("why", ...prose(rule.why)) : null, labelled("fix", ...prose(rule.fix)));
    if (rule.references.length) {
      const references = rule.references.map(([title, url]) => make("li", "", anchor(title, url)));
      part.append(make("details", "", make("summary", "", "references"), make("ul", "", ...references)));
    }
    part.id = "rule-" + id;
    return part;
  };
  const pointer = (id) => {
    const link = make("a", "", "why and how to fix it");
    link.href = "#rule-" + id;
    return make("p", "quiet", link);
  };
  const ruleTitle = (id) => [make("span", "chip " + data.rules[id].severity, data.rules[id].severity), anchor(data.rules[id].title, data.rules[id].page)];
  const findingCard = ({ finding, explains, isByRule }) => {
    const rule = data.rules[finding.rule];
    const approximate = finding.at.line && finding.approximate ? " (approximate)" : "";
    const where = [finding.container ? "container " + finding.container : "", finding.field].filter(Boolean).join(", ");
    const card = make("article", "finding " + rule.severity + (finding.waived ? " waived" : ""),
      make("h4", "", ...(isByRule ? [make("span", "chip", rule.severity), finding.object] : ruleTitle(finding.rule)),
        finding.isNew ? make("span", "new", "new") : finding.isKnown ? make("span", "quiet", "known") : null),
      make("p", "place", anchor(finding.at.path + ":" + finding.at.line, finding.at.link), approximate),
      where ? make("p", "quiet", where) : null,
      make("p", "", finding.message),
      finding.waived ? labelled("waived", finding.waived) : null,
      finding.at.text ? sourceLine(finding.at, finding.before, finding.after) : null,
      rule.instead ? make("p", "", make("b", "arrow", "→"), ...prose(rule.instead)) : null);
    for (const place of finding.related) {
      const link = anchor(place.path + ":" + place.line, place.link);
      if (place.step) {
        card.append(make("p", "step step-" + Math.min(place.step, 5), place.what, " ", make("span", "quiet", link)));
      } else {
        card.append(make("p", "quiet", "← ", link, " " + place.what), ...(place.text ? [sourceLine(place)] : []));
      }
    }
    if (finding.renderedBy) card.append(make("p", "quiet", "rendered by " + finding.renderedBy));
    if (finding.also.length) card.append(make("p", "quiet", "also " + finding.also.join(", ")));
    if (!isByRule) card.append(explains ? explanation(finding.rule) : pointer(finding.rule));
    card.append(make("details", "", make("summary", "", "rule and fingerprint"),
      make("p", "quiet", "rule " + finding.rule),
      finding.includes.length ? make("p", "quiet", "includes " + finding.includes.join(", ")) : null,
      make("p", "quiet", "fingerprint " + finding.fingerprint)));
    return card;
  };
  const count = (number) => make("span", "quiet", number + (number === 1 ? " finding" : " findings"));
  const groupHead = (group) => {
    const first = group.findings[0];
    if (group.isByRule) {
      return make("div", "group", make("h3", "", ...ruleTitle(first.rule), " ", count(group.findings.length)), explanation(first.rule));
    }
    const workload = byKey.get(group.key);
    const head = make("div", "group", make("h3", "", first.object, " ", count(group.findings.length)));
    if (workload) {
      const score = workload.atMost || "score " + workload.score + " " + workload.grade;
      head.classList.add("grade-" + workload.grade);
      head.append(make("p", "place", anchor(workload.path + ":" + workload.line, workload.link)),
        make("p", "quiet", make("b", "grade", score), workload.passed ? "" : ", needs " + workload.needs, ", PSS " + workload.pss));
    }
    return head;
  };
  const showFindings = growing($("findings"), $("finding-more"), (item) => (item.findings ? groupHead(item) : findingCard(item)), true);
  const ranked = [...data.findings].sort((a, b) => (a.waived !== "") - (b.waived !== "") || b.rank - a.rank);
  // What decides comes first, then the lowest score, or the worst rule; an object that is no workload has no score.
  const grouped = (list, isByRule) => {
    const groups = new Map();
    for (const finding of list) {
      const id = isByRule ? finding.rule : finding.keys[0];
      if (!groups.has(id)) groups.set(id, { key: id, isByRule, findings: [], decides: false, score: byKey.get(id)?.score ?? 101 });
      groups.get(id).findings.push(finding);
      groups.get(id).decides ||= finding.decides;
    }
    const order = (a, b) => b.decides - a.decides || (isByRule ? b.findings[0].rank - a.findings[0].rank : a.score - b.score || (a.key < b.key ? -1 : 1));
    return [...groups.values()].sort(order);
  };
  const states = (finding) => [finding.waived ? "waived" : "open", finding.isNew ? "new" : finding.isKnown ? "known" : ""];
  const filterFindings = () => {
    const text = $("finding-text").value, severity = $("finding-severity").value;
    const rule = $("finding-rule").value, state = $("finding-state").value;
    const onlyFailing = $("finding-show").value === "fails", isByRule = $("finding-group").value === "rule";
    const list = ranked.filter((finding) => (!severity || data.rules[finding.rule].severity === severity)
      && (!onlyFailing || finding.decides)
      && (!rule || finding.rule === rule) && (!state || states(finding).includes(state))
      && (!chosen || finding.keys.includes(chosen.key)) && matches(finding.words, text));
    $("finding-count").textContent = list.length.toLocaleString("en") + " of " + data.findings.length.toLocaleString("en");
    const explained = new Set();
    showFindings(grouped(list, isByRule).flatMap((group) => [group, ...group.findings.map((finding) => {
      const explains = !explained.has(finding.rule);
      explained.add(finding.rule);
      return { finding, explains, isByRule };
    })]));
  };
  const choose = (workload) => {
    chosen = workload;
    if (workload) $("finding-show").value = "";
    $("one-workload").hidden = !workload;
    $("one-workload").textContent = workload ? "only " + workload.object + " ✕" : "";
    filterFindings();
    if (workload) $("findings-title").scrollIntoView({ block: "start" });
  };
  $("one-workload").addEventListener("click", () => choose(null));
  $("finding-rule").append(...Object.keys(data.rules).map((id) => make("option", "", id)));

  for (const id of ["workload-text", "workload-level", "workload-gate"]) $(id).addEventListener("input", soon(filterWorkloads));
  for (const id of ["finding-show", "finding-group", "finding-text", "finding-severity", "finding-rule", "finding-state"]) $(id).addEventListener("input", soon(filterFindings));
  $("scheme").addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.style.colorScheme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    root.style.colorScheme = now === "dark" ? "light" : "dark";
  });
  if (!data.findings.some((finding) => finding.decides)) $("finding-show").value = "";
  filterWorkloads();
  filterFindings();
})();
