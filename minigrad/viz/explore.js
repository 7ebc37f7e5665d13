// data: vertices {title, kind, facts, rules}, edges {tail, head, back, carries}, insides of closed boxes, rules, steps.
const steps = data.steps;
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let at = 0; // number of steps that have been made: 0 is before the first
let timer = null;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}
const vertexOf = (number) => svg.querySelector(`[data-vertex="${number}"]`);
const edgeOf = (number) => svg.querySelector(`[data-edge="${number}"]`);

// ---------------------------------------------------------------------------------------------------- zoom and pan
let [width, height] = root.size;
const view = { x: 0, y: 0, scale: 1 };

function place() {
  const free = 60; // some of the picture stays on screen
  view.x = Math.min(frame.clientWidth - free, Math.max(free - width * view.scale, view.x));
  view.y = Math.min(frame.clientHeight - free, Math.max(free - height * view.scale, view.y));
  svg.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
}
// The picture has grown or shrunk: what is below it, the paper and the view follow.
function resize([across, down]) {
  const box = svg.viewBox.baseVal, foot = svg.querySelector(".foot");
  if (foot) foot.setAttribute("transform", `translate(0 ${down - root.size[1]})`);
  [width, height] = [across, down];
  svg.setAttribute("viewBox", `${box.x} ${box.y} ${width} ${height}`);
  for (const target of [svg, svg.querySelector(".paper")]) {
    target.setAttribute("width", width);
    target.setAttribute("height", height);
  }
  for (const cover of [...covers.values()]) { // drawn anew where its frame is now
    toggle(cover);
    toggle(svg.querySelector(`.cluster[data-cluster="${CSS.escape(cover.dataset.cluster)}"]`));
  }
  place();
}
function fit(whole) {
  const across = frame.clientWidth / width, down = frame.clientHeight / height;
  view.scale = whole ? Math.min(1.5, across, down) : Math.min(1, Math.max(across, 0.5), 1);
  view.x = (frame.clientWidth - width * view.scale) / 2;
  view.y = whole ? (frame.clientHeight - height * view.scale) / 2 : 0;
  place();
}
function zoom(factor, x = frame.clientWidth / 2, y = frame.clientHeight / 2) {
  const scale = Math.min(8, Math.max(0.05, view.scale * factor));
  view.x = x - (x - view.x) * scale / view.scale;
  view.y = y - (y - view.y) * scale / view.scale;
  view.scale = scale;
  place();
}
// Bring something into view; what is seen already stays where it is.
function follow(target) {
  const a = target.getBoundingClientRect(), b = frame.getBoundingClientRect();
  const margin = Math.min(60, b.width / 6, b.height / 6);
  if (a.left < b.left + margin || a.right > b.right - margin) view.x += b.left + b.width / 2 - (a.left + a.width / 2);
  if (a.top < b.top + margin || a.bottom > b.bottom - margin) view.y += b.top + b.height / 2 - (a.top + a.height / 2);
  place();
}
const pointers = new Map();
let moved = 0;
frame.addEventListener("pointerdown", (event) => {
  pointers.set(event.pointerId, event);
  moved = 0;
});
addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  const others = [...pointers.values()].filter((p) => p.pointerId !== event.pointerId);
  moved += Math.abs(event.clientX - before.clientX) + Math.abs(event.clientY - before.clientY);
  if (others.length) {
    const o = others[0], b = frame.getBoundingClientRect();
    const apart = (p) => Math.hypot(p.clientX - o.clientX, p.clientY - o.clientY) || 1;
    zoom(apart(event) / apart(before), (event.clientX + o.clientX) / 2 - b.left, (event.clientY + o.clientY) / 2 - b.top);
  } else if (moved > 3) {
    frame.classList.add("moving");
    view.x += event.clientX - before.clientX;
    view.y += event.clientY - before.clientY;
    place();
  }
  pointers.set(event.pointerId, event);
});
for (const end of ["pointerup", "pointercancel"]) {
  addEventListener(end, (event) => {
    pointers.delete(event.pointerId);
    frame.classList.remove("moving");
  });
}
frame.addEventListener("wheel", (event) => {
  const b = frame.getBoundingClientRect();
  event.preventDefault();
  if (event.ctrlKey || event.metaKey || !event.shiftKey) {
    zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - b.left, event.clientY - b.top);
  } else {
    view.x -= event.deltaX || event.deltaY;
    place();
  }
}, { passive: false });
byId("larger").addEventListener("click", () => zoom(1.3));
byId("smaller").addEventListener("click", () => zoom(1 / 1.3));
byId("fit").addEventListener("click", () => fit(true));
addEventListener("resize", place);

// ---------------------------------------------------------------------------------------------------- click and search
// What a vertex's values lead to: vertices and edges, into boxes that are open and out of them.
function trace(number) {
  const traced = new Set(), edges = new Set();
  const todo = [[number, null]];
  const include = (child) => { // of an open box that was chosen, all is lit
    child.edges.forEach((edge) => edges.add(edge));
    for (const inner of child.vertices.keys()) traced.add(inner);
    child.open.forEach(include);
  };
  if (isOpen(number)) include(sheetOf.get(number).open.get(number));
  const follow = (edge) => {
    if (edges.has(edge)) return;
    edges.add(edge);
    if (edge.head >= 0) todo.push([edge.head, edge.carries]);
    else leave(edge.sheet, edge.carries);
  };
  const leave = (sheet, carries) => {
    traced.add(sheet.of);
    for (const edge of sheet.parent.edges) {
      if (edge.tail === sheet.of && !edge.back && edge.carries.some((v) => carries.includes(v))) follow(edge);
    }
  };
  while (todo.length) {
    const [at, carries] = todo.pop(), sheet = sheetOf.get(at), child = sheet.open.get(at);
    traced.add(at);
    if (child && carries) child.edges.filter((e) => e.tail < 0 && e.carries.some((v) => carries.includes(v))).forEach(follow);
    else sheet.edges.filter((e) => e.tail === at && !e.back).forEach(follow);
  }
  return [traced, edges];
}
function forget() {
  svg.classList.remove("tracing");
  for (const old of svg.querySelectorAll(".traced, .hit")) old.classList.remove("traced", "hit");
  byId("details").replaceChildren();
}
function open(number) {
  forget();
  for (const outer of ancestors(number)) if (!isOpen(outer)) setOpen(outer, true);
  const vertex = data.vertices[number], [traced, edges] = trace(number);
  svg.classList.add("tracing");
  for (const i of traced) vertexOf(i).classList.add("traced");
  for (const edge of edges) edge.group.classList.add("traced");
  vertexOf(number).classList.add("hit");
  chosen = number;
  const list = element("dl");
  for (const [name, value] of Object.entries({ kind: vertex.kind, ...vertex.facts })) {
    list.append(element("dt", "", name), element("dd", "", value));
  }
  const to = [...traced].filter((i) => data.vertices[i].kind === "result").map((i) => data.vertices[i].title);
  list.append(element("dt", "", "path"), element("dd", "", to.length ? `${traced.size - 1} vertices to ${to.join(", ")}` : "leads to no result"));
  byId("details").append(element("h2", "", vertex.title), list);
  if (insides.has(number)) byId("details").append(switchOf(number));
  for (const rule of vertex.rules) byId("details").append(element("pre", "", data.rules[rule]));
  if (!isOpen(number)) follow(vertexOf(number));
}
// The button that opens a box or closes it.
function switchOf(number) {
  const button = element("button", "switch", isOpen(number) ? "close (o)" : "open (o)");
  button.type = "button";
  button.addEventListener("click", () => flip(number));
  return button;
}
let chosen = null; // the box that was opened or clicked last
function flip(number) {
  chosen = number;
  setOpen(number, !isOpen(number));
  open(number);
  if (isOpen(number)) follow(sheetOf.get(number).open.get(number).group);
}
const covers = new Map();
function toggle(group) {
  const key = group.dataset.cluster;
  if (covers.has(key)) {
    covers.get(key).remove();
    covers.delete(key);
    return;
  }
  const rect = group.querySelector("rect"), cover = document.createElementNS(svg.namespaceURI, "g");
  const shape = rect.cloneNode(), text = group.querySelector("text").cloneNode(true);
  const number = (name) => Number(rect.getAttribute(name));
  for (const [name, value] of [["class", "shape f-module s-module-line"], ["fill", "#efe7fb"], ["stroke", "#8250df"], ["fill-opacity", "1"]]) shape.setAttribute(name, value);
  for (const [name, value] of [["x", number("x") + number("width") / 2], ["y", number("y") + number("height") / 2], ["text-anchor", "middle"], ["class", "f-ink m"]]) text.setAttribute(name, value);
  text.textContent = `${text.textContent} ⊕`;
  cover.setAttribute("class", "cover");
  cover.dataset.cluster = key;
  cover.append(shape, text);
  svg.append(cover);
  covers.set(key, cover);
}
function search() {
  const words = byId("search").value.trim().toLowerCase();
  for (const old of svg.querySelectorAll(".hit")) old.classList.remove("hit");
  const hits = words ? data.vertices.flatMap((v, i) => `${v.title} ${v.facts.name || ""}`.toLowerCase().includes(words) ? [i] : []) : [];
  const seen = hits.filter((i) => vertexOf(i) && !isOpen(i)), hidden = hits.length - seen.length;
  for (const i of seen) vertexOf(i).classList.add("hit");
  byId("found").textContent = words ? `${seen.length}${hidden ? ` + ${hidden} inside` : ""}` : "";
  return [...seen, ...hits.filter((i) => !seen.includes(i))];
}
let hit = 0;
byId("search").addEventListener("input", () => {
  hit = 0;
  const hits = search();
  if (hits.length && vertexOf(hits[0])) follow(vertexOf(hits[0]));
});
byId("search").addEventListener("keydown", (event) => {
  event.stopPropagation();
  if (event.key === "Escape") {
    byId("search").value = "";
    search();
    frame.focus();
  } else if (event.key === "Enter") {
    const hits = search();
    if (hits.length) open(hits[hit++ % hits.length]);
  }
});
svg.addEventListener("click", (event) => {
  if (moved > 3) return;
  const vertex = event.target.closest(".vertex"), cluster = event.target.closest(".cover, .cluster");
  const inside = cluster && cluster.closest(".inside");
  if (event.target.closest(".opener")) flip(Number(vertex.dataset.vertex));
  else if (vertex) open(Number(vertex.dataset.vertex));
  else if (inside) flip([...insides.values()].find((other) => other.sheet && other.sheet.group === inside).of);
  else if (cluster) toggle(cluster);
  else forget();
});
svg.addEventListener("dblclick", (event) => {
  const vertex = event.target.closest(".vertex");
  if (vertex && insides.has(Number(vertex.dataset.vertex))) flip(Number(vertex.dataset.vertex));
});

// ---------------------------------------------------------------------------------------------------- the replay
// Teal above zero, magenta below, stronger with |value|: as in the picture. One scale for all pictures of a step.
function thumbnail(values, limit) {
  const canvas = element("canvas");
  const rows = values.length, columns = values[0].length;
  const cell = Math.max(3, Math.min(16, Math.floor(64 / Math.max(rows, columns))));
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  const context = canvas.getContext("2d");
  values.forEach((row, i) => row.forEach((value, j) => {
    context.fillStyle = `rgba(${value > 0 ? "27,124,131" : "191,57,137"},${Math.min(1, Math.abs(value) / limit)})`;
    context.fillRect(j * cell, i * cell, cell, cell);
  }));
  canvas.title = `${rows} × ${columns}, largest |value| of this step ${limit.toPrecision(3)}`;
  return canvas;
}
// Agreement with the total: vermilion by grey to blue.
function agreement(cosine) {
  const ends = cosine < 0 ? [139, 148, 158, 213, 94, 0] : [139, 148, 158, 27, 127, 196], share = Math.min(1, Math.abs(cosine));
  return `rgb(${[0, 1, 2].map((i) => Math.round(ends[i] + share * (ends[i + 3] - ends[i]))).join(",")})`;
}
function row(part, limit) {
  const made = element("div", "row");
  if (part.cosine !== undefined) {
    const bar = element("span", "bar");
    bar.style.background = agreement(part.cosine);
    made.append(bar);
  }
  if (part.role) made.append(element("span", "role", part.role));
  if (part.image) made.append(thumbnail(part.image, limit));
  made.append(element("span", "", part.text));
  return made;
}
// Backward, the arrow of a lit edge points against the data's way: a head at the edge's beginning.
function turn(edge) {
  edge.classList.add("against");
  if (edge.querySelector(".turned")) return;
  const path = edge.querySelector("path"), strength = Number(path.getAttribute("stroke-width"));
  const length = 6 + 0.8 * strength, half = 2.8 + 0.55 * strength;
  const tip = path.getPointAtLength(0), base = path.getPointAtLength(length);
  const size = Math.hypot(base.x - tip.x, base.y - tip.y) || 1, dx = (base.x - tip.x) / size, dy = (base.y - tip.y) / size;
  const head = document.createElementNS(svg.namespaceURI, "polygon");
  const wings = [[base.x - dy * half, base.y + dx * half], [base.x + dy * half, base.y - dx * half]];
  head.setAttribute("points", [[tip.x, tip.y], ...wings].map((p) => p.join(" ")).join(" "));
  head.setAttribute("fill", path.getAttribute("stroke"));
  head.setAttribute("class", "turned");
  edge.append(head);
}
function clear() {
  for (const lit of svg.querySelectorAll(".lit, .arriving, .leaving, .done, .known, .against")) {
    lit.classList.remove("lit", "arriving", "leaving", "done", "known", "against");
  }
  for (const head of svg.querySelectorAll(".turned")) head.remove();
}
function show(number) {
  at = Math.max(0, Math.min(steps.length, number));
  byId("scrub").value = at;
  byId("count").textContent = `${at} / ${steps.length}`;
  clear();
  if (at) forget();
  svg.classList.toggle("playing", at > 0);
  const panel = byId("step");
  panel.replaceChildren();
  if (at === 0) {
    panel.append(element("p", "", "Before the first step. Data flows forward along the arrows, then gradients flow back."));
    return;
  }
  for (const past of steps.slice(0, at - 1)) {
    vertexOf(past.vertex).classList.add("done");
    if (!past.forward) vertexOf(past.vertex).classList.add("known");
    for (const part of past.arriving) edgeOf(part.edge).classList.add("done");
  }
  const step = steps[at - 1];
  vertexOf(step.vertex).classList.add("lit");
  if (!step.forward) vertexOf(step.vertex).classList.add("known");
  for (const [parts, name] of [[step.arriving, "arriving"], [step.leaving, "leaving"]]) {
    for (const part of parts) {
      edgeOf(part.edge).classList.add(name);
      if (!step.forward) turn(edgeOf(part.edge));
    }
  }
  describe(step, panel);
  follow(vertexOf(step.vertex));
}
function describe(step, panel) {
  const images = [step.image, ...step.arriving.map((p) => p.image), ...step.leaving.map((p) => p.image)];
  const limit = Math.max(1e-300, ...images.filter(Boolean).flat(2).map(Math.abs));
  panel.append(element("h2", "", `${step.forward ? "Forward" : "Backward"}: ${step.title}`));
  if (step.text) panel.append(row({ text: step.text, image: step.image }, limit));
  const list = (title, parts) => {
    if (!parts.length) return;
    panel.append(element("h3", "", title));
    for (const part of parts) panel.append(row(part, limit));
  };
  if (step.forward) return;
  if (step.arriving.length > 1 || !step.text) list("Arriving, to be added up", step.arriving);
  if (step.rules.length) panel.append(element("h3", "", step.rules.length > 1 ? "Rules that run" : "Rule that runs"));
  else panel.append(element("p", "", "A leaf: the gradient comes to rest in .grad."));
  for (const rule of step.rules) panel.append(element("pre", "", rule.source + (rule.numbers ? `\n∂/∂${rule.argument} = ${rule.numbers}` : "")));
  list("Sent on", step.leaving);
}
function play(on) {
  clearInterval(timer);
  timer = null;
  if (on && steps.length) {
    if (at === steps.length) show(0);
    timer = setInterval(() => {
      show(at + 1);
      if (at === steps.length) play(false);
    }, still ? 1500 : 900);
  }
  byId("play").textContent = timer ? "❚❚ pause" : "▶ play";
  byId("play").setAttribute("aria-pressed", String(timer !== null));
}
byId("scrub").max = steps.length;
byId("scrub").addEventListener("input", (event) => { play(false); show(Number(event.target.value)); });
byId("back").addEventListener("click", () => { play(false); show(at - 1); });
byId("next").addEventListener("click", () => { play(false); show(at + 1); });
byId("play").addEventListener("click", () => play(timer === null));

const keys = {
  ArrowLeft: () => { play(false); show(at - 1); }, ArrowRight: () => { play(false); show(at + 1); },
  " ": () => play(timer === null), "+": () => zoom(1.3), "=": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: () => fit(true),
  "/": () => byId("search").focus(), Escape: forget, o: () => { if (insides.has(chosen)) flip(chosen); },
};
const pans = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target === byId("search")) return;
  const vertex = event.target.closest && event.target.closest(".vertex");
  if (event.key === "o" && vertex && insides.has(Number(vertex.dataset.vertex))) flip(Number(vertex.dataset.vertex));
  else if (event.key === "Enter" && vertex) open(Number(vertex.dataset.vertex));
  else if (pans[event.key] && (event.shiftKey || !steps.length || event.key === "ArrowUp" || event.key === "ArrowDown")) {
    view.x += pans[event.key][0];
    view.y += pans[event.key][1];
    place();
  } else if (keys[event.key]) keys[event.key]();
  else return;
  event.preventDefault(); // a focused button or slider must not act on the same key again
});
document.addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); });
fit(false);
show(0);
