/*
 * Which wells? The reader fills a plate by hand or by chance; a network that has read many plates fills another with the
 * wells of which it is least sure. The same network then reads both, and error and doubt fall side by side.
 */
import { circuitOutputs, errorsByRegion, meshPoints, normal, uniform, workerSource } from "./maths.js";
import { leastSure, makeReader, readPlate, readerFunctions } from "./reader.js";
import { announcer, bind, button, chart, choice, colourBar, element, figureBox, format, laboratory, legend, plainTicks, startWorker, surfaceMap, typedNumber } from "./ui.js";

const MESH = 20; // points a side for errors and surfaces
const STEP = 0.5; // nM, of the wells that can be filled
const FIRST = 8; // wells that chance fills on both plates
const ROUND = 8; // wells in a round
const MOST = 48; // wells on a plate

/** All wells that can be filled, flat, in the order of the package's `candidates.grid`. */
function candidates(high) {
  const side = Math.round(high / STEP) + 1;
  return Float64Array.from({ length: 2 * side * side }, (_, i) => STEP * (i % 2 ? (i >> 1) % side : Math.floor((i >> 1) / side)));
}

/** The worker: reads plates and chooses wells, one order after another. */
function serve(scope) {
  let reader = null;
  scope.onmessage = ({ data: { what, ...given } }) => {
    if (what === "load") reader = makeReader(given.network);
    else if (what === "read") scope.postMessage({ ...given, quantiles: readPlate(reader, given.wells, given.points) });
    else scope.postMessage({ ...given, chosen: leastSure(reader, given.wells, given.open, given.n, 8) });
  };
}

function render({ model, el }) {
  const { palette, surface, circuits, network } = model.get("data");
  const points = meshPoints(MESH);
  const plates = ["yours", "network"];
  const names = { yours: "your plate", network: "the network's plate" };
  const colours = { yours: palette.arms.scratch, network: palette.arms.transfer };
  const state = { run: 0, x: {}, history: {}, width: {}, busy: false };
  const bound = bind(model, ["circuit", "within", "noise", "seed"], () => {
    showSettings();
    begin();
  });
  const settings = bound.values;
  const change = (name) => (value) => {
    bound.set({ [name]: value });
    forget();
    beginSoon();
  };

  const worker = startWorker(workerSource(serve, readerFunctions()), ({ run, plate, quantiles, chosen }) => {
    if (run !== state.run) return; // of plates that were cleared since
    if (chosen) fill("network", [...chosen]);
    else learn(plate, quantiles);
  });
  worker.post({ what: "load", network });

  const { circuit: realCircuit, noise, seed } = laboratory(circuits, settings, change);
  const controls = {
    circuit: realCircuit,
    within: choice({ label: "Wells can be filled inside", options: [["10", "0–10 nM"], ["20", "0–20 nM"]], value: String(settings.within), onInput: (value) => {
      change("within")(Number(value));
      for (const box of typed) box.limit(settings.within);
    } }),
    noise,
    seed,
  };
  const place = [0, 0];
  const typed = [0, 1].map((k) => typedNumber({ label: `x${"₁₂"[k]} of a well (nM)`, min: 0, max: settings.within, step: STEP, value: 0, onInput: (value) => (place[k] = value) }));
  const buttons = {
    one: button("Fill this well", () => fillYours([place])),
    chance: button("Eight by chance", () => fillYours(byChance())),
    choose: button("Let the network choose eight", letChoose),
    again: button("Start again", begin),
  };
  const said = announcer();
  const truthMap = surfaceMap("your plate: click where you want a well", { onClick: (x1, x2) => fillYours([[x1, x2]]) });
  const doubt = { yours: surfaceMap("your plate: width of the 80 % interval"), network: surfaceMap("the network's plate: width of the 80 % interval") };
  const bar = colourBar(surface);
  const curve = chart("error and half the interval's width, over 0–20 nM");

  figureBox(
    el, "Which wells?",
    element("div", { class: "fw-controls" }, ...Object.values(controls).map(({ node }) => node)),
    element("div", { class: "fw-controls" }, ...typed.map(({ node }) => node), element("div", { class: "fw-buttons" }, ...Object.values(buttons))),
    said.node,
    element("div", { class: "fw-panels fw-three" }, truthMap.node, doubt.yours.node, doubt.network.node),
    element("div", { class: "fw-controls" }, element("div", {}, "widths", bar.node)),
    element(
      "div", { class: "fw-panels" }, curve.node,
      legend(plates.flatMap((plate) => [[`${names[plate]}: error`, colours[plate]], [`${names[plate]}: half the width`, colours[plate], "4 3"]])),
    ),
  );

  const circuit = () => circuits.find(({ label }) => label === settings.circuit);
  const count = (plate) => state.x[plate].length / 2;

  function showSettings() {
    for (const [name, control] of Object.entries(controls)) control.set(String(settings[name]));
    for (const box of typed) box.limit(settings.within);
  }

  /** Nothing more is said of the last plates, since the settings that would be said with them are no longer their own. */
  function forget() {
    Object.assign(state, { run: state.run + 1, width: {}, busy: false });
  }

  let waiting = 0;
  function beginSoon() {
    clearTimeout(waiting);
    waiting = setTimeout(begin, 60);
  }

  /** Both plates with the same first wells, which chance filled. */
  function begin() {
    forget();
    const first = draws(0, FIRST);
    for (const plate of plates) Object.assign(state, { x: { ...state.x, [plate]: [...first] }, history: { ...state.history, [plate]: [] } });
    for (const plate of plates) ask(plate);
  }

  /** n wells of the seed's own stream, from the so-many-th on, each moved to the nearest that can be filled. */
  function draws(from, n) {
    return Array.from({ length: 2 * n }, (_, i) => STEP * Math.round((settings.within * uniform(settings.seed, 1, 2 * from + i)) / STEP));
  }

  function byChance() {
    const flat = draws(count("yours"), Math.min(ROUND, MOST - count("yours")));
    return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
  }

  /** Wells on the reader's plate, moved to the nearest that can be filled. */
  function fillYours(wells) {
    const near = (value) => Math.min(settings.within, Math.max(0, STEP * Math.round(value / STEP)));
    fill("yours", wells.slice(0, MOST - count("yours")).flatMap((well) => well.map(near)));
  }

  function fill(plate, flat) {
    if (plate === "network") state.busy = false;
    if (!flat.length) return;
    state.x[plate].push(...flat);
    ask(plate);
  }

  /** The wells of a plate as the laboratory measures them: the i-th well has the i-th noise, whoever chose it. */
  function measured(plate) {
    const x = Float64Array.from(state.x[plate]);
    const y = circuitOutputs(x, circuit());
    return { x, y: y.map((value, i) => value + settings.noise * normal(settings.seed, 2, i)) };
  }

  function ask(plate) {
    el.firstChild.dataset.state = "running";
    worker.post({ what: "read", run: state.run, plate, wells: measured(plate), points });
  }

  function letChoose() {
    if (state.busy || count("network") >= MOST) return;
    state.busy = true;
    el.firstChild.dataset.state = "running";
    worker.post({ what: "choose", run: state.run, wells: measured("network"), open: candidates(settings.within), n: ROUND });
    said.say("The network tries every well that can be filled, eight times.");
  }

  /** What the network makes of a plate, one reading more on its curve. */
  function learn(plate, quantiles) {
    const levels = network.levels;
    const at = (level) => Float64Array.from({ length: points.length }, (_, i) => quantiles[i * levels.length + levels.indexOf(level)]);
    const [low, median, high] = [0.1, 0.5, 0.9].map(at);
    const truth = circuitOutputs(points, circuit());
    const width = high.map((value, i) => value - low[i]);
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const entry = { n: count(plate), error: mean(median.map((value, i) => Math.abs(value - truth[i]))), half: mean(width) / 2, ...errorsByRegion(points, median, truth) };
    state.history[plate] = [...state.history[plate].filter(({ n }) => n < entry.n), entry];
    state.width[plate] = width;
    drawSoon();
  }

  let frame = 0;
  function drawSoon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  function dots(map, plate) {
    const flat = state.x[plate];
    return Array.from({ length: flat.length / 2 }, (_, i) => map.at(flat[2 * i], flat[2 * i + 1]))
      .map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" class="fw-well"/>`).join("");
  }

  function draw() {
    if (plates.some((plate) => !state.width[plate])) return;
    const both = (values) => Float64Array.from({ length: values.length / 2 }, (_, i) => (values[2 * i] + values[2 * i + 1]) / 2);
    const truth = both(circuitOutputs(points, circuit()));
    truthMap.draw(truth, 0, Math.max(...truth), surface);
    truthMap.overlay(dots(truthMap, "yours"));
    truthMap.describe(`Colour map of the true circuit, mean of both outputs, over both inputs from 0 to 20 nM, with your ${count("yours")} wells.`);
    const widths = Object.fromEntries(plates.map((plate) => [plate, both(state.width[plate])]));
    const widest = Math.max(...plates.flatMap((plate) => [...widths[plate]]));
    bar.set(0, widest);
    for (const plate of plates) {
      doubt[plate].draw(widths[plate], 0, widest, surface);
      doubt[plate].overlay(dots(doubt[plate], plate));
      doubt[plate].describe(`Colour map of the width of the network's 80 % interval on ${names[plate]} with ${count(plate)} wells.`);
    }
    const all = plates.flatMap((plate) => state.history[plate]);
    const [most, highest] = [Math.max(16, ...all.map(({ n }) => n)), Math.max(...all.flatMap(({ error, half }) => [error, half])) * 1.05];
    curve.draw({
      x: { low: 0, high: most, ticks: plainTicks(0, most), label: "wells" },
      y: { low: 0, high: highest, ticks: plainTicks(0, highest), label: "nM" },
      series: plates.flatMap((plate) => ["error", "half"].map((what) => ({
        points: state.history[plate].map((entry) => [entry.n, entry[what]]), colour: colours[plate], dash: what === "half" ? "4 3" : "",
      }))),
      dots: plates.flatMap((plate) => state.history[plate].map(({ n, error }) => ({ x: n, y: error, colour: colours[plate] }))),
    });
    const latest = (plate) => state.history[plate].at(-1);
    const words = (plate) => `${names[plate]}: ${latest(plate).n} wells, error ${format(latest(plate).error)} nM, half the interval's width ${format(latest(plate).half)} nM`;
    curve.describe(`Lines of error and half-width against wells. ${plates.map(words).join("; ")}.`);
    said.say(`${plates.map(words).join("; ")}.`.replace("your", "Your"));
    buttons.choose.disabled = count("network") >= MOST;
    buttons.one.disabled = buttons.chance.disabled = count("yours") >= MOST;
    model.set("result", Object.fromEntries(plates.map((plate) => [plate, { ...latest(plate), wells: [...state.x[plate]] }])));
    model.save_changes();
    if (!state.busy) el.firstChild.dataset.state = "done";
  }

  begin();
  return () => {
    clearTimeout(waiting);
    cancelAnimationFrame(frame);
    worker.end();
    bound.release();
  };
}

export default { render };
