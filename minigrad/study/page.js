"use strict";
// The page's live pictures. Python has drawn every element and computed every number with the engine; what is
// left here is to go from one state to the next: by button, by slider, by key.

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const find = (id) => document.getElementById(id);

// A player: buttons (back, play, step), a slider and a sentence that says what is shown. `show(frame)` draws a
// frame and returns the sentence. Keys: space plays and stops, arrows step, Home and End jump.
function player(root, frames, delay, show) {
  const [back, play, step] = ["back", "play", "step"].map((name) => root.querySelector(`[data-do=${name}]`));
  const slider = root.querySelector("input[type=range]");
  const words = root.querySelector("output");
  let frame = 0;
  let timer = 0;

  function go(to) {
    frame = Math.max(0, Math.min(frames - 1, to));
    slider.value = frame;
    words.textContent = show(frame);
    slider.setAttribute("aria-valuetext", words.textContent);
    if (frame === frames - 1) stop();
  }
  function stop() {
    clearInterval(timer);
    timer = 0;
    play.textContent = "▶ Play";
    words.setAttribute("aria-live", "polite");
  }
  function start() {
    if (frame === frames - 1) go(0);
    play.textContent = "❚❚ Pause";
    words.setAttribute("aria-live", "off"); // a screen reader is not read a sentence ten times a second
    timer = setInterval(() => go(frame + 1), delay);
  }
  function by(distance) {
    stop();
    go(frame + distance);
  }
  const toggle = () => (timer ? stop() : start());

  slider.max = frames - 1;
  back.addEventListener("click", () => by(-1));
  step.addEventListener("click", () => by(1));
  play.addEventListener("click", toggle);
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === " " && event.target.tagName !== "BUTTON") toggle();
    else if (event.target === slider) return; // arrows, Home and End move a slider already
    else if (event.key === "ArrowRight") by(1);
    else if (event.key === "ArrowLeft") by(-1);
    else if (event.key === "Home") by(-frames);
    else if (event.key === "End") by(frames);
    else return;
    event.preventDefault();
  });
  addEventListener("beforeprint", () => by(frames)); // on paper, the end
  go(0);
}

// Picture: the convolution, both ways. A frame is what it writes into cells, for good, and what it lights, for now.
function convolution(root, frames) {
  const cells = [...root.querySelectorAll(".cell")];
  const blank = (cell) => (cell.classList.contains("empty") ? "" : cell.lastChild.textContent);
  const empty = new Map(cells.map((cell) => [cell.id, blank(cell)]));
  player(root, frames.length, 900, (now) => {
    const written = new Map(empty);
    for (const frame of frames.slice(0, now + 1))
      for (const [id, value] of Object.entries(frame.write)) written.set(id, value);
    const { window, target, say } = frames[now];
    for (const cell of cells) {
      cell.lastChild.textContent = written.get(cell.id);
      cell.classList.toggle("window", window.includes(cell.id));
      cell.classList.toggle("target", target.includes(cell.id));
    }
    return say;
  });
}

// Picture: the escape film. Points are in the picture's own units; a trail is drawn up to the present step.
function film(root, { trails, cursors, say }) {
  const trace = (points) => "M" + points.map((point) => point.join(" ")).join("L");
  player(root, say.length, 80, (now) => {
    for (const { id, points } of trails) {
      find(id).setAttribute("d", trace(points.slice(0, now + 1)));
      const head = find(`${id}-head`);
      [head.cx.baseVal.value, head.cy.baseVal.value] = points[now];
    }
    for (const { id, at } of cursors) {
      find(id).setAttribute("x1", at[now]);
      find(id).setAttribute("x2", at[now]);
    }
    return say[now];
  });
}

// Picture: the edge slider. Each bar has the height that the engine computed for this place of the slider.
function edge(root, { bars, zero, say }) {
  const slider = root.querySelector("input[type=range]");
  const words = root.querySelector("output");
  const show = () => {
    const now = Number(slider.value);
    for (const { id, at } of bars) {
      find(id).setAttribute("y", Math.min(at[now], zero));
      find(id).setAttribute("height", Math.abs(at[now] - zero));
    }
    words.textContent = say[now];
    slider.setAttribute("aria-valuetext", words.textContent);
  };
  slider.addEventListener("input", show);
  show();
}

// A group of radio buttons shows one of several views.
function views(root) {
  const choices = [...root.querySelectorAll("input[type=radio]")];
  const show = () => {
    const chosen = choices.find((choice) => choice.checked).value;
    for (const view of root.querySelectorAll("[data-view]")) view.hidden = view.dataset.view !== chosen;
  };
  for (const choice of choices) choice.addEventListener("change", show);
  show();
}

for (const root of document.querySelectorAll("[data-live]")) {
  if (root.dataset.live === "views") views(root);
  else ({ convolution, film, edge })[root.dataset.live](root, read(root.dataset.source));
  root.querySelectorAll(".controls").forEach((controls) => (controls.hidden = false));
}
