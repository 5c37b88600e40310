/*
 * What the three interactive figures share: labelled controls, charts, colour maps. Nothing here computes a result.
 *
 * Controls are plain HTML elements with labels, so keyboard and screen reader work as everywhere. Charts are SVG in the
 * page's own ink; their colours come from the package's palette.
 */

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes (functions become listeners) and children. */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

let lastId = 0;

/** An id that no other element of the page has. */
export function freshId() {
  lastId += 1;
  return `fw-${lastId}-${Math.random().toString(36).slice(2, 8)}`;
}

/** A number with three significant digits and a true minus sign. */
export function format(value) {
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "unknown";
  const text = Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

function labelled(label, control, ...more) {
  control.id = freshId();
  return element("div", { class: "fw-control" }, element("label", { for: control.id }, label), control, ...more);
}

/** A slider with its value in words beside it. `onInput(value)` is called as it moves. */
export function slider({ label, min, max, step, value, unit = "", onInput }) {
  const text = (number) => `${format(number)}${unit && ` ${unit}`}`;
  const shown = element("span", { class: "fw-value", "aria-hidden": "true" });
  const input = element("input", { type: "range", min, max, step, value });
  const digits = (String(step).split(".")[1] ?? "").length;
  function show() {
    shown.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", text(Number(input.value)));
  }
  function set(number) {
    input.value = String(number);
    show();
  }
  input.addEventListener("input", () => {
    show();
    onInput(Number(input.value));
  });
  // JupyterLab takes the arrow keys for itself, so the slider answers them before they get there.
  input.addEventListener("keydown", (event) => {
    const [now, page] = [Number(input.value), Math.max(step, (max - min) / 10)];
    const wanted = {
      ArrowRight: now + step, ArrowUp: now + step, ArrowLeft: now - step, ArrowDown: now - step,
      PageUp: now + page, PageDown: now - page, Home: min, End: max,
    }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    set(Number(wanted.toFixed(digits)));
    onInput(Number(input.value));
  });
  show();
  return { node: labelled(label, input, shown), set, input };
}

/** A drop-down list of [value, words] pairs. */
export function choice({ label, options, value, onInput }) {
  const select = element("select", { change: () => onInput(select.value) });
  function fill(pairs, wanted) {
    select.replaceChildren(...pairs.map(([key, words]) => element("option", { value: key }, words)));
    select.value = wanted;
  }
  fill(options, value);
  return { node: labelled(label, select), fill, set: (wanted) => (select.value = wanted), input: select };
}

/** A number that can be typed, moved to the nearest of those that are so many steps from 0. */
export function typedNumber({ label, min, max, step = 1, value, onInput }) {
  const input = element("input", { type: "number", min, max, step, value, inputmode: step < 1 ? "decimal" : "numeric" });
  function settle() {
    const number = Math.min(Number(input.max), Math.max(min, step * Math.round((Number(input.value) || 0) / step)));
    input.value = String(number);
    onInput(number);
  }
  input.addEventListener("change", settle);
  const limit = (most) => {
    input.max = String(most);
    settle();
  };
  return { node: labelled(label, input), set: (number) => (input.value = String(number)), limit, input };
}

/** A tick box. */
export function tick({ label, value, onInput }) {
  const input = element("input", { type: "checkbox", change: () => onInput(input.checked) });
  input.checked = value;
  return { node: element("label", { class: "fw-tick" }, input, label), input };
}

/** A button. */
export function button(label, onPress) {
  return element("button", { type: "button", class: "fw-button", click: onPress }, label);
}

/** A line that screen readers speak when it changes; quick changes are spoken once they have settled. */
export function announcer() {
  const node = element("p", { class: "fw-said", "aria-live": "polite", role: "status" });
  let waiting;
  function say(text, delay = 0) {
    clearTimeout(waiting);
    waiting = setTimeout(() => (node.textContent = text), delay);
  }
  return { node, say };
}

/** Keeps a model's traits and a figure's settings together: `settings.set` saves, changes from Python call `onChange`. */
export function bind(model, names, onChange) {
  const settings = Object.fromEntries(names.map((name) => [name, model.get(name)]));
  function receive() {
    const changed = names.filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(model.get(name)));
    for (const name of changed) settings[name] = model.get(name);
    if (changed.length) onChange(changed);
  }
  for (const name of names) model.on(`change:${name}`, receive);
  return {
    values: settings,
    set(changes) {
      Object.assign(settings, changes);
      for (const [name, value] of Object.entries(changes)) model.set(name, value);
      model.save_changes();
    },
    release: () => names.forEach((name) => model.off(`change:${name}`, receive)),
  };
}

/** What every figure lets its reader choose of the laboratory: the circuit, the noise, the seed; `change(name)` takes a value. */
export function laboratory(circuits, settings, change) {
  return {
    circuit: choice({ label: "The real circuit", options: circuits.map(({ label }) => [label, label]), value: settings.circuit, onInput: change("circuit") }),
    noise: slider({ label: "Measurement noise", min: 0, max: 5, step: 0.1, value: settings.noise, unit: "nM", onInput: change("noise") }),
    seed: typedNumber({ label: "Seed", min: 0, max: 9999, value: settings.seed, onInput: change("seed") }),
  };
}

/** A Web Worker made from source text; `receive` gets what it posts, `end` stops it and lets go of the text. */
export function startWorker(source, receive) {
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  const worker = new Worker(url);
  worker.onmessage = ({ data }) => receive(data);
  return {
    post: (message) => worker.postMessage(message),
    end() {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
}

/** Whether the reader has asked for less movement. */
export function wantsStillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** The colour at t (0 … 1) of a map given as a list of [red, green, blue]. */
export function colourAt(map, t) {
  const place = Math.min(1, Math.max(0, t)) * (map.length - 1);
  const left = Math.min(map.length - 2, Math.floor(place));
  return map[left].map((part, i) => part + (place - left) * (map[left + 1][i] - part));
}

/** A strip that shows a colour map with its ends, in nM. */
export function colourBar(map) {
  const low = element("span");
  const high = element("span");
  const stops = map.map((colour) => `rgb(${colour.join(",")})`).join(",");
  const strip = element("span", { class: "fw-strip", style: `background:linear-gradient(to right,${stops})` });
  function set(from, to) {
    low.textContent = format(from);
    high.textContent = `${format(to)} nM`;
  }
  return { node: element("div", { class: "fw-bar" }, low, strip, high), set };
}

function svgElement(markup, width, height) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", `0 0 ${width} ${height}`);
  node.setAttribute("role", "img");
  node.innerHTML = markup;
  return node;
}

/** Words or numbers made safe for markup. */
export function escape(text) {
  return String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

const MAP = { width: 264, height: 262, left: 38, top: 8, side: 220 };

/**
 * A square map of one output over both inputs, 0–20 nM, with the small domain outlined.
 * `draw(values, low, high, colours)` takes m × m values (first input fastest); `overlay(markup)` draws on top in units of
 * nM-to-picture given by `at(x1, x2)`. `onPoint(x1, x2)` is called when a pointer presses or drags on it,
 * `onClick(x1, x2)` when it is clicked.
 */
export function surfaceMap(title, { onPoint, onClick } = {}) {
  const { width, height, left, top, side } = MAP;
  const at = (x1, x2) => [left + (side * x1) / 20, top + side * (1 - x2 / 20)];
  const ticks = [0, 5, 10, 15, 20];
  const [cornerX, cornerY] = at(10, 10);
  const frame = [
    `<rect x="${left}" y="${top}" width="${side}" height="${side}" class="fw-frame"/>`,
    `<path d="M${left} ${cornerY}H${cornerX}V${top + side}" class="fw-small-back"/>`,
    `<path d="M${left} ${cornerY}H${cornerX}V${top + side}" class="fw-small"/>`,
    ...ticks.map((v) => `<text x="${at(v, 0)[0]}" y="${top + side + 14}" class="fw-mid">${v}</text>`),
    ...ticks.map((v) => `<text x="${left - 5}" y="${at(0, v)[1] + 4}" class="fw-end">${v}</text>`),
    `<text x="${left + side / 2}" y="${height - 4}" class="fw-mid">x₁ (nM)</text>`,
    `<text transform="translate(10 ${top + side / 2}) rotate(-90)" class="fw-mid">x₂ (nM)</text>`,
    `<g class="fw-overlay"></g>`,
  ].join("");
  const svg = svgElement(frame, width, height);
  const canvas = element("canvas", { "aria-hidden": "true" });
  const place = { left: left / width, top: top / height, width: side / width, height: side / height };
  for (const [name, share] of Object.entries(place)) canvas.style[name] = `${100 * share}%`;
  const heading = element("figcaption", {}, title);
  const stage = element("div", { class: "fw-map" }, canvas, svg);
  const node = element("figure", { class: "fw-panel" }, heading, stage);
  const overlay = svg.querySelector(".fw-overlay");

  function draw(values, low, high, colours) {
    const m = Math.round(Math.sqrt(values.length));
    canvas.width = canvas.height = m;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(m, m);
    for (let i = 0; i < values.length; i++) {
      const pixel = 4 * ((m - 1 - Math.floor(i / m)) * m + (i % m));
      picture.data.set(colourAt(colours, (values[i] - low) / (high - low)), pixel);
      picture.data[pixel + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
  }

  const reporting = (said) => (event) => {
    const box = svg.getBoundingClientRect();
    const inside = (value) => Math.min(20, Math.max(0, value));
    const across = ((event.clientX - box.left) / box.width) * width;
    const down = ((event.clientY - box.top) / box.height) * height;
    said(inside((20 * (across - left)) / side), inside(20 * (1 - (down - top) / side)));
  };
  if (onClick) {
    stage.classList.add("fw-press");
    stage.addEventListener("click", reporting(onClick)); // there is none where a finger scrolls the page
  }
  if (onPoint) {
    stage.classList.add("fw-touch");
    const report = reporting(onPoint);
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      report(event);
    });
    stage.addEventListener("pointermove", (event) => {
      if (event.buttons || event.pointerType === "mouse") report(event);
    });
  }
  return {
    node, at, draw,
    overlay: (markup) => (overlay.innerHTML = markup),
    describe: (text) => svg.setAttribute("aria-label", text),
    title: (text) => (heading.textContent = text),
  };
}

const CHART = { width: 360, height: 240, left: 46, right: 10, top: 10, bottom: 40 };

/** Ticks at 1, 2 and 5 times powers of ten between two positive numbers. */
export function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const lead of [1, 2, 5]) if (lead * 10 ** power >= low * 0.999 && lead * 10 ** power <= high * 1.001) ticks.push(lead * 10 ** power);
  return ticks;
}

/** About five round ticks between two numbers. */
export function plainTicks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((lead) => lead * power).find((size) => size >= rough);
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) ticks.push(value);
  return ticks.map((value) => Number(value.toPrecision(6)));
}

/**
 * A chart. `draw({x, y, series, dots, marks})`: x and y are {low, high, ticks, label, log}; a series is
 * {points: [[x, y]], colour, dash, band: [[x, low, high]], faint}; a dot is {x, y, colour, shape, hollow, label};
 * a mark is {x} or {y} with a label. `onPoint(x, y)` is called when a pointer presses on it.
 */
export function chart(title, onPoint) {
  const { width, height, left, right, top, bottom } = CHART;
  const svg = svgElement("", width, height);
  const clip = freshId();
  const [plotWidth, plotHeight] = [width - left - right, height - top - bottom];
  let axes;

  const share = (axis, value) =>
    axis.log ? Math.log(value / axis.low) / Math.log(axis.high / axis.low) : (value - axis.low) / (axis.high - axis.low);
  const toX = (value) => left + plotWidth * share(axes.x, value);
  const toY = (value) => top + plotHeight * (1 - share(axes.y, value));
  const spot = ([x, y]) => `${toX(x).toFixed(1)} ${toY(y).toFixed(1)}`;
  const path = (points) => points.map((point, i) => `${i ? "L" : "M"}${spot(point)}`).join("");

  function seriesMarkup({ points, colour, dash, band, faint }) {
    const style = `style="--fw-colour:${colour}"`;
    const outline = band && path([...band.map(([x, low]) => [x, low]), ...[...band].reverse().map(([x, , high]) => [x, high])]);
    return [
      band ? `<path d="${outline}Z" class="fw-band${faint ? " fw-faint" : ""}" ${style}/>` : "",
      points ? `<path d="${path(points)}" class="fw-line${faint ? " fw-faint" : ""}" ${style} stroke-dasharray="${dash ?? ""}"/>` : "",
    ].join("");
  }

  function dotMarkup({ x, y, colour, shape = "circle", hollow, size = 4 }) {
    const [cx, cy] = [toX(x), toY(y)];
    const style = `class="fw-dot${hollow ? " fw-hollow" : ""}" style="--fw-colour:${colour}"`;
    if (shape === "square") return `<rect x="${cx - size}" y="${cy - size}" width="${2 * size}" height="${2 * size}" ${style}/>`;
    if (shape === "up" || shape === "down") {
      const tip = shape === "up" ? -size : size;
      return `<path d="M${cx} ${cy + 1.3 * tip}L${cx - 1.2 * size} ${cy - tip}H${cx + 1.2 * size}Z" ${style}/>`;
    }
    return `<circle cx="${cx}" cy="${cy}" r="${size}" ${style}/>`;
  }

  function markMarkup({ x, y, label, strong }) {
    const kind = strong ? "fw-mark fw-strong" : "fw-mark";
    const words = label ? escape(label) : "";
    if (x !== undefined) return `<path d="M${toX(x)} ${top}V${top + plotHeight}" class="${kind}"/><text x="${toX(x) + 4}" y="${top + 11}">${words}</text>`;
    return `<path d="M${left} ${toY(y)}H${left + plotWidth}" class="${kind}"/><text x="${left + 4}" y="${toY(y) - 4}">${words}</text>`;
  }

  function draw(next) {
    axes = next;
    const { x, y, series = [], dots = [], marks = [] } = next;
    svg.innerHTML = [
      `<defs><clipPath id="${clip}"><rect x="${left - 5}" y="${top - 5}" width="${plotWidth + 10}" height="${plotHeight + 10}"/></clipPath></defs>`,
      `<path d="M${left} ${top}V${top + plotHeight}H${left + plotWidth}" class="fw-axis"/>`,
      ...x.ticks.map((v) => `<path d="M${toX(v)} ${top + plotHeight}v4" class="fw-axis"/><text x="${toX(v)}" y="${top + plotHeight + 16}" class="fw-mid">${x.words ? x.words(v) : format(v)}</text>`),
      ...y.ticks.map((v) => `<path d="M${left} ${toY(v)}h-4" class="fw-axis"/><text x="${left - 7}" y="${toY(v) + 4}" class="fw-end">${format(v)}</text>`),
      `<text x="${left + plotWidth / 2}" y="${height - 5}" class="fw-mid">${escape(x.label)}</text>`,
      `<text transform="translate(11 ${top + plotHeight / 2}) rotate(-90)" class="fw-mid">${escape(y.label)}</text>`,
      `<g clip-path="url(#${clip})">`,
      ...marks.map(markMarkup),
      ...series.map(seriesMarkup),
      ...dots.map(dotMarkup),
      "</g>",
    ].join("");
  }

  const heading = element("figcaption", {}, title);
  const node = element("figure", { class: "fw-panel" }, heading, svg);
  if (onPoint) {
    svg.classList.add("fw-touch");
    svg.addEventListener("pointerdown", (event) => {
      const box = svg.getBoundingClientRect();
      const value = (axis, part) =>
        axis.log ? axis.low * (axis.high / axis.low) ** part : axis.low + part * (axis.high - axis.low);
      const across = (((event.clientX - box.left) / box.width) * width - left) / plotWidth;
      const down = (((event.clientY - box.top) / box.height) * height - top) / plotHeight;
      onPoint(value(axes.x, across), value(axes.y, 1 - down));
    });
  }
  return {
    node, draw,
    describe: (text) => svg.setAttribute("aria-label", text),
    title: (text) => (heading.textContent = text),
  };
}

/** A legend: [words, colour, dash] for each line. */
export function legend(entries) {
  const items = entries.map(([words, colour, dash]) => {
    const key = svgElement(`<path d="M0 5H26" class="fw-line" style="--fw-colour:${colour}" stroke-dasharray="${dash ?? ""}"/>`, 26, 10);
    key.setAttribute("aria-hidden", "true");
    key.removeAttribute("role");
    return element("li", {}, key, words);
  });
  return element("ul", { class: "fw-legend" }, ...items);
}

/** The outer box of a figure: a named group whose keys JupyterLab leaves alone. */
export function figureBox(el, name, ...children) {
  const box = element("div", { class: "fw", role: "group", "aria-label": name, "data-lm-suppress-shortcuts": "true" }, ...children);
  el.replaceChildren(box);
  return box;
}
