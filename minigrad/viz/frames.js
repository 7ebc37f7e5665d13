// Boxes that open where they stand. A sheet is what is laid out together: the picture, or the inside of a closed box.
// An open box takes more room, so all that is beside and below it moves; the order of things stays.
const SVG = svg.namespaceURI;
const across = data.across ? 1 : 0; // the coordinate that stays the same where an edge goes straight
const insides = new Map(); // by the number of the closed vertex
const sheetOf = new Map(); // vertex number -> the sheet that it is on
const allEdges = []; // by number: the picture's, then those of the insides in their order

function boxOf(group) {
  const shapes = group.querySelectorAll(".shape"), shape = shapes[shapes.length - 1];
  const get = (name) => Number(shape.getAttribute(name));
  if (shape.tagName === "ellipse") return { x: get("cx") - get("rx"), y: get("cy") - get("ry"), w: 2 * get("rx"), h: 2 * get("ry") };
  return { x: get("x"), y: get("y"), w: get("width"), h: get("height") };
}
const numbersIn = (text) => text.match(/-?[\d.]+/g).map(Number);
const inPairs = (values) => values.flatMap((x, i) => (i % 2 ? [] : [[x, values[i + 1]]]));
const fixed = (points) => points.map((p) => p.map((v) => v.toFixed(2)).join(" ")).join(" ");

// The points of an edge as they were before its head was cut off its shaft.
function readPoints(group) {
  const points = inPairs(numbersIn(group.querySelector("path").getAttribute("d")));
  const [tip, left, right] = inPairs(numbersIn(group.querySelector("polygon").getAttribute("points")));
  const back = [tip[0] - (left[0] + right[0]) / 2, tip[1] - (left[1] + right[1]) / 2], last = points.length - 1;
  points[last - 1] = [points[last - 1][0] + back[0], points[last - 1][1] + back[1]];
  points[last] = tip;
  return points;
}
function makeSheet(of, group, size) {
  const sheet = { of, group, size, vertices: new Map(), frames: [], edges: [], open: new Map() };
  for (const vertex of group.querySelectorAll(".vertex")) {
    const number = Number(vertex.dataset.vertex);
    sheet.vertices.set(number, { group: vertex, box: boxOf(vertex), now: boxOf(vertex) });
    sheetOf.set(number, sheet);
    vertex.setAttribute("tabindex", "0");
    vertex.setAttribute("role", "button");
    if (insides.has(number)) addOpener(vertex);
  }
  for (const frame of group.querySelectorAll(".cluster")) {
    const rect = frame.querySelector("rect"), text = frame.querySelector("text");
    const get = (element, name) => Number(element.getAttribute(name));
    const box = { x: get(rect, "x"), y: get(rect, "y"), w: get(rect, "width"), h: get(rect, "height") };
    sheet.frames.push({ rect, text, box, label: [get(text, "x"), get(text, "y")] });
  }
  return sheet;
}
function make(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}
function addOpener(vertex) {
  const { x, y, w } = boxOf(vertex);
  const badge = make("g", { class: "opener", transform: `translate(${x + w} ${y})` }, vertex);
  make("circle", { r: 12, "fill-opacity": 0 }, badge); // for fingers
  make("circle", { r: 7, class: "f-module s-module-line", fill: "#efe7fb", stroke: "#8250df" }, badge);
  make("path", { d: "M-3.5 0h7M0 -3.5v7", class: "s-module-line", stroke: "#8250df", "stroke-width": 1.5 }, badge);
}
// The inside of a closed box, drawn when it is first opened.
function sheetInside(number) {
  const inside = insides.get(number);
  if (inside.sheet) return inside.sheet;
  const parent = sheetOf.get(number), group = document.createElementNS(SVG, "g");
  group.setAttribute("class", "inside");
  group.innerHTML = inside.svg;
  const sheet = inside.sheet = makeSheet(number, group, inside.size);
  sheet.parent = parent;
  const first = group.querySelector(".vertex");
  inside.edges.forEach((edge, i) => {
    const made = make("g", { class: "edge", "data-edge": inside.firstEdge + i }, group);
    const path = make("path", { class: "s-line", fill: "none", stroke: "#6e7781", "stroke-width": edge.dashed ? 1 : 1.3 }, made);
    if (edge.dashed) path.setAttribute("stroke-dasharray", "4 3");
    make("polygon", { class: "f-line", fill: "#6e7781" }, made);
    if (edge.label) {
      const [x, y] = edge.points.slice(-2);
      make("text", { class: "f-dim", fill: "#57606a", "font-size": 9, x: x + 6, y: y - 4 }, made).textContent = edge.label;
    }
    group.insertBefore(made, first);
    sheet.edges.push(Object.assign(edge, { group: made, points: inPairs(edge.points), sheet }));
  });
  return sheet;
}
// How far things move along one axis, so that each box gets its room: the least function that grows and is enough.
function stretch(rooms) {
  const ends = [...new Set(rooms.flatMap((room) => [room.low, room.high]))].sort((a, b) => a - b), moves = [];
  const move = new Map();
  for (const end of ends) {
    const needed = rooms.filter((room) => room.high === end).map((room) => move.get(room.low) + room.more);
    move.set(end, Math.max(moves.length ? moves[moves.length - 1] : 0, ...needed));
    moves.push(move.get(end));
  }
  return (value) => {
    const after = ends.findIndex((end) => value <= end);
    if (after === 0 || !ends.length) return value;
    if (after < 0) return value + moves[moves.length - 1];
    const share = (value - ends[after - 1]) / (ends[after] - ends[after - 1]);
    return value + moves[after - 1] + share * (moves[after] - moves[after - 1]);
  };
}
// Give all of a sheet its place, the insides first; returns the sheet's size.
function arrange(sheet) {
  const rooms = [...sheet.open].map(([number, child]) => ({ child, box: sheet.vertices.get(number).box, size: arrange(child) }));
  const X = sheet.X = stretch(rooms.map(({ box, size }) => ({ low: box.x, high: box.x + box.w, more: Math.max(0, size[0] - box.w) })));
  const Y = sheet.Y = stretch(rooms.map(({ box, size }) => ({ low: box.y, high: box.y + box.h, more: Math.max(0, size[1] - box.h) })));
  for (const [number, vertex] of sheet.vertices) {
    const { x, y, w, h } = vertex.box, child = sheet.open.get(number);
    vertex.group.style.display = child ? "none" : "";
    if (child) {
      const [cw, ch] = child.now;
      vertex.now = { x: (X(x) + X(x + w) - cw) / 2, y: (Y(y) + Y(y + h) - ch) / 2, w: cw, h: ch };
      child.group.setAttribute("transform", `translate(${vertex.now.x} ${vertex.now.y})`);
    } else {
      vertex.now = { x: x + X(x + w / 2) - (x + w / 2), y: y + Y(y + h / 2) - (y + h / 2), w, h };
      vertex.group.setAttribute("transform", `translate(${vertex.now.x - x} ${vertex.now.y - y})`);
    }
  }
  for (const { rect, text, box, label } of sheet.frames) {
    const [x, y] = [X(box.x), Y(box.y)];
    for (const [name, value] of [["x", x], ["y", y], ["width", X(box.x + box.w) - x], ["height", Y(box.y + box.h) - y]]) rect.setAttribute(name, value);
    text.setAttribute("x", X(label[0]));
    text.setAttribute("y", Y(label[1]));
  }
  sheet.now = [X(sheet.size[0]), Y(sheet.size[1])];
  for (const edge of sheet.edges) drawEdge(sheet, edge);
  return sheet.now;
}
// Where the values of an edge pass the frame of an open box; null for what is not open.
function doors(sheet, number, carries, entering) {
  const child = sheet.open.get(number);
  if (!child) return null;
  const { x, y, w, h } = sheet.vertices.get(number).now, found = [];
  for (const edge of child.edges) {
    const value = edge.carries.find((v) => carries.includes(v));
    if ((entering ? edge.tail : edge.head) >= 0 || value === undefined) continue;
    const [px, py] = edge.points[entering ? 0 : edge.points.length - 1];
    const side = entering ? 0 : 1;
    found.push({ value, point: across ? [x + side * w, y + child.Y(py)] : [x + child.X(px), y + side * h] });
  }
  return found.length ? found : null;
}
function drawEdge(sheet, edge) {
  const [from, to] = edge.back ? [edge.head, edge.tail] : [edge.tail, edge.head];
  const starts = doors(sheet, from, edge.carries, edge.back), ends = doors(sheet, to, edge.carries, !edge.back);
  let lines = [[null, null]];
  if (starts && ends) lines = starts.flatMap((s) => ends.filter((e) => e.value === s.value).map((e) => [s.point, e.point]));
  else if (starts) lines = starts.map((s) => [s.point, null]);
  else if (ends) lines = ends.map((e) => [null, e.point]);
  const path = edge.group.querySelector("path"), head = edge.group.querySelector("polygon"), pointed = to >= 0 && !ends;
  let tip = null;
  path.setAttribute("d", lines.map(([start, end]) => {
    const points = bend(sheet, edge, from, to, start, end), last = points.length - 1;
    tip = points[last];
    if (!pointed) return `M${fixed(points.slice(0, 1))}C${fixed(points.slice(1))}`;
    const strength = Number(path.getAttribute("stroke-width")), length = 6 + 0.8 * strength, half = 2.8 + 0.55 * strength;
    const before = [...points].reverse().find((p) => Math.hypot(p[0] - tip[0], p[1] - tip[1]) > 1e-3) || [tip[0], tip[1] - 1];
    const far = Math.hypot(tip[0] - before[0], tip[1] - before[1]), d = [(tip[0] - before[0]) / far, (tip[1] - before[1]) / far];
    const base = [tip[0] - d[0] * length, tip[1] - d[1] * length];
    head.setAttribute("points", fixed([tip, [base[0] - d[1] * half, base[1] + d[0] * half], [base[0] + d[1] * half, base[1] - d[0] * half]]));
    const cut = [points[last - 1][0] - d[0] * length, points[last - 1][1] - d[1] * length];
    return `M${fixed(points.slice(0, 1))}C${fixed([...points.slice(1, last - 1), cut, [base[0] + d[0], base[1] + d[1]]])}`;
  }).join(""));
  head.style.display = pointed ? "" : "none";
  const label = edge.group.querySelector("text"), was = edge.points[edge.points.length - 1];
  if (label && tip) label.setAttribute("transform", `translate(${tip[0] - was[0]} ${tip[1] - was[1]})`);
}
// An edge's points after all has moved: its ends go with what they are attached to, and straight pieces stay straight.
function bend(sheet, edge, from, to, start, end) {
  const points = edge.points.map(([x, y]) => [sheet.X(x), sheet.Y(y)]), last = points.length - 1;
  const attach = (number, place, given) => {
    if (given || number < 0) return given || points[place];
    const { box, now } = sheet.vertices.get(number), [x, y] = edge.points[place];
    if (!sheet.open.has(number)) return [x + now.x - box.x, y + now.y - box.y];
    const share = [(x - box.x) / box.w, (y - box.y) / box.h];
    return [now.x + share[0] * now.w, now.y + share[1] * now.h];
  };
  const ends = [attach(from, 0, start), attach(to, last, end)];
  const straight = (order, value) => {
    const at = edge.points[order[0]][across];
    for (const i of order.slice(0, Math.ceil(order.length / 2))) {
      if (Math.abs(edge.points[i][across] - at) > 0.05) break;
      points[i][across] = value[across];
    }
    points[order[0]] = value;
  };
  const order = points.map((_, i) => i);
  straight(order, ends[0]);
  straight([...order].reverse(), ends[1]);
  return points;
}

let nextVertex = svg.querySelectorAll(".vertex").length, nextEdge = data.edges.length;
for (const inside of data.insides) {
  Object.assign(inside, { first: nextVertex, firstEdge: nextEdge });
  insides.set(inside.of, inside);
  nextVertex += inside.count;
  nextEdge += inside.edges.length;
}
const root = makeSheet(-1, svg, [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]);
root.edges = data.edges.map((edge, i) => {
  const group = svg.querySelector(`[data-edge="${i}"]`);
  return Object.assign(edge, { group, points: readPoints(group), sheet: root });
});

// The vertices that a number stands in, the outermost first.
function ancestors(number) {
  const inside = data.insides.find((other) => number >= other.first && number < other.first + other.count);
  return inside ? [...ancestors(inside.of), inside.of] : [];
}
function setOpen(number, opened) {
  if (opened) for (const outer of ancestors(number)) if (!isOpen(outer)) setOpen(outer, true);
  const sheet = sheetOf.get(number);
  if (opened && insides.has(number)) {
    const child = sheetInside(number);
    sheet.group.append(child.group);
    sheet.open.set(number, child);
  } else if (!opened && sheet.open.has(number)) {
    sheet.open.get(number).group.remove();
    sheet.open.delete(number);
  }
  resize(arrange(root));
}
const isOpen = (number) => Boolean(sheetOf.get(number) && sheetOf.get(number).open.has(number));
