
"use strict";
const steps = JSON.parse(document.getElementById("steps").textContent);
const byId = (id) => document.getElementById(id);
const svg = document.querySelector("#picture svg");
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
let at = 0; // number of steps that have been made: 0 is before backward
let timer = null;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

// Blue above zero, vermilion below, stronger with |value|: as in the picture. One scale for all pictures of a step.
function thumbnail(values, limit) {
  const canvas = element("canvas");
  const rows = values.length, columns = values[0].length;
  const cell = Math.max(3, Math.min(16, Math.floor(64 / Math.max(rows, columns))));
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  const context = canvas.getContext("2d");
  values.forEach((row, i) => row.forEach((value, j) => {
    const share = Math.min(1, Math.abs(value) / limit);
    context.fillStyle = `rgba(${value > 0 ? "27,127,196" : "213,94,0"},${share})`;
    context.fillRect(j * cell, i * cell, cell, cell);
  }));
  canvas.title = `${rows} × ${columns}, largest |value| of this step ${limit.toPrecision(3)}`;
  return canvas;
}

function row(text, image, limit) {
  const made = element("div", "row");
  if (image) made.append(thumbnail(image, limit));
  made.append(element("span", "", text));
  return made;
}

function show(number) {
  at = Math.max(0, Math.min(steps.length, number));
  byId("scrub").value = at;
  byId("count").textContent = `${at} / ${steps.length}`;
  for (const lit of svg.querySelectorAll(".lit, .arriving, .leaving, .done")) {
    lit.classList.remove("lit", "arriving", "leaving", "done");
  }
  svg.classList.toggle("playing", at > 0);
  const panel = byId("step");
  panel.replaceChildren();
  if (at === 0) {
    panel.append(element("p", "", "Before backward. Gradients flow from the bottom to the top."));
    return;
  }
  const mark = (kind, n, name) => svg.querySelector(`[data-${kind}="${n}"]`).classList.add(name);
  for (const past of steps.slice(0, at - 1)) {
    mark("vertex", past.vertex, "done");
    for (const part of past.arriving) mark("edge", part.edge, "done");
  }
  const step = steps[at - 1];
  mark("vertex", step.vertex, "lit");
  for (const part of step.arriving) mark("edge", part.edge, "arriving");
  for (const part of step.leaving) mark("edge", part.edge, "leaving");
  const images = [step.image, ...step.arriving.map((p) => p.image), ...step.leaving.map((p) => p.image)];
  const limit = Math.max(1e-300, ...images.filter(Boolean).flat(2).map(Math.abs));
  panel.append(element("h2", "", step.title));
  if (step.text) panel.append(row(step.text, step.image, limit));
  const list = (title, parts) => {
    if (!parts.length) return;
    panel.append(element("h3", "", title));
    for (const part of parts) panel.append(row(part.text, part.image, limit));
  };
  if (step.arriving.length > 1 || !step.text) list("Arriving, to be added up", step.arriving);
  if (step.rules.length) {
    panel.append(element("h3", "", step.rules.length > 1 ? "Rules that run" : "Rule that runs"));
    for (const rule of step.rules) panel.append(element("pre", "", rule.source + (rule.numbers ? `\n${rule.numbers}` : "")));
  } else {
    panel.append(element("p", "", "A leaf: the gradient comes to rest in .grad."));
  }
  list("Sent on", step.leaving);
  follow(svg.querySelector(`[data-vertex="${step.vertex}"]`));
}

// Keep the lit vertex in view, without moving the rest of the page.
function follow(vertex) {
  const frame = byId("picture"), a = vertex.getBoundingClientRect(), b = frame.getBoundingClientRect();
  const margin = 80;
  const over = (low, high, from, to) => (low < from + margin ? low - from - margin : high > to - margin ? high - to + margin : 0);
  frame.scrollBy({ left: over(a.left, a.right, b.left, b.right), top: over(a.top, a.bottom, b.top, b.bottom), behavior: still ? "auto" : "smooth" });
}

function play(on) {
  clearInterval(timer);
  timer = null;
  if (on) {
    if (at === steps.length) show(0);
    timer = setInterval(() => {
      show(at + 1);
      if (at === steps.length) play(false);
    }, 900);
  }
  byId("play").textContent = timer ? "❚❚ pause" : "▶ play";
  byId("play").setAttribute("aria-pressed", String(timer !== null));
}

byId("scrub").max = steps.length;
byId("scrub").addEventListener("input", (event) => { play(false); show(Number(event.target.value)); });
byId("back").addEventListener("click", () => { play(false); show(at - 1); });
byId("next").addEventListener("click", () => { play(false); show(at + 1); });
byId("play").addEventListener("click", () => play(timer === null));
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowLeft") { play(false); show(at - 1); }
  else if (event.key === "ArrowRight") { play(false); show(at + 1); }
  else if (event.key === " ") play(timer === null);
  else return;
  event.preventDefault(); // a focused button or slider must not act on the same key again
});
document.addEventListener("keyup", (event) => { if (event.key === " ") event.preventDefault(); });
show(0);
