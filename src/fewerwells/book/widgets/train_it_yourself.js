/*
 * Train it yourself: a pre-trained network and a fresh one learn from the same wells, in a Web Worker, as you watch.
 */
import { circuitOutputs, decodeWeights, measureWells, meshPoints, workerSource } from "./maths.js";
import {
  announcer, bind, button, chart, choice, colourAt, colourBar, element, figureBox, format, laboratory, legend, logTicks,
  plainTicks, slider, startWorker, surfaceMap, tick, wantsStillness,
} from "./ui.js";

const EPOCHS = [200, 500, 1000, 2000];
const MESH = 20; // points a side for errors and surfaces
const PLATE = { rows: 8, columns: 12, most: 4 };
const SMALL = 10; // nM, upper end of the wells' inputs

/** The worker: trains both networks a slice at a time, so that a pause gets through, and posts what it has. */
function serve(scope) {
  let run = null;

  function start({ id, sizes, pretrained, circuit, wells, noise, seed, outputScale, epochs, mesh, small }) {
    const data = measureWells(circuit, wells, noise, small, seed);
    const begin = (parameters) => makeTraining(sizes, parameters, data, outputScale, seed);
    const points = meshPoints(mesh);
    run = {
      id,
      networks: [begin(pretrained), begin(freshNetwork(sizes, seed))],
      points, outputScale, epochs,
      truth: circuitOutputs(points, circuit),
      every: Math.max(1, epochs / 100),
      epoch: 0, wanted: 0, pause: 0, seconds: 0, history: [], busy: false,
    };
    look();
    report();
  }

  /** Writes down both networks' errors at this epoch. */
  function look() {
    run.surfaces = run.networks.map(({ network }) => predict(network, run.points, run.outputScale));
    const errors = run.surfaces.map((surface) => errorsByRegion(run.points, surface, run.truth));
    run.history.push([run.epoch, ...errors.flatMap(({ inside, outside }) => [inside, outside])]);
  }

  function report() {
    const { id, epoch, epochs, wanted, history, surfaces, seconds } = run;
    scope.postMessage({ id, epoch, history, surfaces, seconds, running: epoch < wanted, done: epoch === epochs });
    run.history = [];
  }

  function work(mine) {
    if (mine !== run || run.epoch >= run.wanted) {
      mine.busy = false;
      return;
    }
    const began = performance.now();
    do {
      for (const training of run.networks) training.runEpoch();
      run.epoch += 1;
      if (run.epoch % run.every === 0 || run.epoch === run.wanted) look();
    } while (run.epoch < run.wanted && !run.pause && performance.now() - began < 25);
    run.seconds += (performance.now() - began) / 1000;
    report();
    run.busy = run.epoch < run.wanted;
    if (run.busy) setTimeout(work, run.pause, run);
  }

  scope.onmessage = ({ data: { what, ...settings } }) => {
    if (what === "start") start(settings);
    else if (what === "pause") {
      run.wanted = run.epoch;
      look();
      report();
    } else {
      run.wanted = Math.min(run.epochs, settings.to === "end" ? run.epochs : run.epoch + settings.to);
      run.pause = settings.pause;
      if (!run.busy && run.epoch < run.wanted) {
        run.busy = true;
        work(run);
      }
    }
  };
}

/** Plates as SVG: filled wells in the colour of their measured y₁, empty ones as outlines. */
function plateMarkup(y, colours, high) {
  const n = y.length / 2;
  const perPlate = PLATE.rows * PLATE.columns;
  return Array.from({ length: Math.max(1, Math.ceil(n / perPlate)) }, (_, plate) => {
    const spots = Array.from({ length: perPlate }, (_, place) => {
      const well = plate * perPlate + place;
      const fill = well < n ? `rgb(${colourAt(colours, y[2 * well] / high).map(Math.round).join(",")})` : "none";
      const [row, column] = [place % PLATE.rows, Math.floor(place / PLATE.rows)];
      return `<circle cx="${10 * column + 9}" cy="${10 * row + 9}" r="4" fill="${fill}"/>`;
    });
    return `<svg viewBox="0 0 128 88" class="fw-plate" aria-hidden="true"><rect x="1" y="1" width="126" height="86" rx="5"/>${spots.join("")}</svg>`;
  }).join("");
}

function render({ model, el }) {
  const { palette, surface, circuits, pretrained } = model.get("data");
  const weights = decodeWeights(pretrained.parameters);
  const points = meshPoints(MESH);
  const arms = [
    ["pre-trained", palette.arms.transfer],
    ["from scratch", palette.arms.scratch],
  ];
  const state = { id: 0, history: [], surfaces: null, output: 0, running: false, done: false, epoch: 0, seconds: 0 };
  const bound = bind(model, ["circuit", "wells", "noise", "seed", "epochs"], () => {
    showSettings();
    reset();
  });
  const settings = bound.values;
  const change = (name) => (value) => {
    bound.set({ [name]: value });
    reset();
  };

  const worker = startWorker(workerSource(serve), (data) => {
    if (data.id !== state.id) return; // of a run that was reset
    state.history.push(...data.history);
    Object.assign(state, { surfaces: data.surfaces, running: data.running, done: data.done, epoch: data.epoch, seconds: data.seconds });
    if (!(data.running && wantsStillness())) drawSoon();
    if (!data.running) finish();
  });

  const { circuit: realCircuit, noise, seed } = laboratory(circuits, settings, change);
  const controls = {
    circuit: realCircuit,
    wells: slider({ label: "Wells you buy", min: 8, max: 96 * PLATE.most, step: 8, value: settings.wells, onInput: change("wells") }),
    noise,
    epochs: choice({ label: "Epochs", options: EPOCHS.map((n) => [String(n), String(n)]), value: String(settings.epochs), onInput: (value) => change("epochs")(Number(value)) }),
    seed,
  };
  const slow = tick({ label: "slow motion", value: false, onInput: (on) => state.running && run("end", on) });
  const train = button("Train", () => (state.running ? worker.post({ what: "pause" }) : (state.done && reset(), run("end", slow.input.checked))));
  const step = button("Step", () => run(1, false));
  const startAgain = button("Reset", () => reset());
  const said = announcer();

  const plate = element("div", { class: "fw-plates", role: "img" });
  const plateTitle = element("figcaption");
  const errors = chart("Error against the true circuit");
  const cells = arms.map(() => [element("td"), element("td")]);
  const numbers = element(
    "table", { class: "fw-numbers" },
    element("caption", {}, "Error now, nM"),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "network"), element("th", { scope: "col" }, "inside"), element("th", { scope: "col" }, "outside"))),
    element("tbody", {}, ...arms.map(([name], i) => element("tr", {}, element("th", { scope: "row" }, name), ...cells[i]))),
  );
  const output = choice({ label: "Output shown", options: [["0", "y₁"], ["1", "y₂"]], value: "0", onInput: (value) => { state.output = Number(value); drawSoon(); } });
  const maps = ["the true circuit", ...arms.map(([name]) => `learned: ${name}`)].map((title) => surfaceMap(title));
  const bar = colourBar(surface);

  figureBox(
    el, "Train it yourself",
    element("div", { class: "fw-controls" }, ...Object.values(controls).map(({ node }) => node)),
    element("div", { class: "fw-buttons" }, train, step, startAgain, slow.node),
    said.node,
    element(
      "div", { class: "fw-panels" },
      element("figure", { class: "fw-panel" }, plateTitle, plate, numbers),
      element("div", {}, errors.node, legend(arms.flatMap(([name, colour]) => [[`${name}, inside`, colour], [`${name}, outside`, colour, "5 4"]]))),
    ),
    element("div", { class: "fw-controls" }, output.node, bar.node),
    element("div", { class: "fw-panels fw-three" }, ...maps.map(({ node }) => node)),
  );

  function circuit() {
    return circuits.find(({ label }) => label === settings.circuit);
  }

  function showSettings() {
    for (const [name, control] of Object.entries(controls)) control.set(String(settings[name]));
  }

  function reset() {
    const chosen = circuit();
    const { y } = measureWells(chosen, settings.wells, settings.noise, SMALL, settings.seed);
    const plates = Math.ceil(settings.wells / 96);
    plate.innerHTML = plateMarkup(y, surface, Math.max(...chosen.eta));
    plate.dataset.plates = plates;
    plate.setAttribute("aria-label", `${settings.wells} wells on ${plates} ${plates === 1 ? "plate" : "plates"}, coloured by their measured y₁`);
    plateTitle.textContent = `${settings.wells} wells: ${format(settings.wells / 96)} ${plates === 1 ? "plate" : "plates"}, ${format(settings.wells / 8)} hours in the lab`;
    // nothing more is drawn of the last run, since the settings that would be drawn with it are no longer its own
    Object.assign(state, { id: state.id + 1, history: [], surfaces: null, running: false, done: false, epoch: 0 });
    showButtons();
    worker.post({
      what: "start", id: state.id, sizes: pretrained.sizes, pretrained: weights, circuit: chosen, wells: settings.wells, noise: settings.noise,
      seed: settings.seed, outputScale: Math.max(...chosen.eta), epochs: settings.epochs, mesh: MESH, small: SMALL,
    });
  }

  function run(to, slowly) {
    if (state.done) return;
    state.running = true;
    showButtons();
    worker.post({ what: "run", to, pause: slowly ? 40 : 0 });
  }

  function showButtons() {
    train.textContent = state.running ? "Pause" : state.done ? "Train again" : state.epoch ? "Go on" : "Train";
    step.disabled = state.running || state.done;
    el.firstChild.dataset.state = state.running ? "running" : state.done ? "done" : "waiting";
  }

  function finish() {
    const [, ...now] = state.history.at(-1);
    const result = { epoch: state.epoch, pretrained: { inside: now[0], outside: now[1] }, scratch: { inside: now[2], outside: now[3] } };
    model.set("result", result);
    model.save_changes();
    const [a, b, c, d] = now.map(format);
    said.say(
      state.epoch === 0
        ? "Ready. Press Train."
        : `Epoch ${state.epoch} of ${settings.epochs}${state.done ? `, trained in ${format(state.seconds)} s` : ""}. ` +
          `Error inside: pre-trained ${a} nM, from scratch ${c} nM. Outside: pre-trained ${b} nM, from scratch ${d} nM.`,
    );
  }

  let frame = 0;
  function drawSoon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  function draw() {
    showButtons();
    if (!state.history.length) return;
    const chosen = circuit();
    const [scale, now] = [Math.max(...chosen.eta), state.history.at(-1)];
    const all = state.history.flatMap(([, ...values]) => values).filter((value) => value > 0);
    const [low, high] = [Math.min(...all, 1) / 1.1, Math.max(...all, 10) * 1.1];
    const line = (column) => state.history.map((row) => [row[0], Math.max(row[column], low)]);
    errors.draw({
      x: { low: 0, high: settings.epochs, ticks: plainTicks(0, settings.epochs), label: "epoch" },
      y: { low, high, ticks: logTicks(low, high), label: "L1 error (nM)", log: true },
      series: arms.flatMap(([, colour], i) => [
        { points: line(1 + 2 * i), colour },
        { points: line(2 + 2 * i), colour, dash: "5 4" },
      ]),
      dots: arms.flatMap(([, colour], i) => [
        { x: now[0], y: now[1 + 2 * i], colour },
        { x: now[0], y: now[2 + 2 * i], colour, hollow: true },
      ]),
    });
    errors.describe(`Errors of both networks against the epoch, logarithmic. ${said.node.textContent}`);
    arms.forEach((_, i) => cells[i].forEach((cell, region) => (cell.textContent = format(now[1 + 2 * i + region]))));
    const truth = circuitOutputs(points, chosen);
    bar.set(0, scale);
    [truth, ...state.surfaces].forEach((values, i) => {
      maps[i].draw(values.filter((_, k) => k % 2 === state.output), 0, scale, surface);
      maps[i].describe(`Colour map of y${"₁₂"[state.output]} over both inputs from 0 to 20 nM: ${["the true circuit", ...arms.map(([name]) => `the network ${name}`)][i]}; wells lie in the dashed square, 0 to 10 nM.`);
    });
  }

  reset();
  return () => {
    cancelAnimationFrame(frame);
    worker.end();
    bound.release();
  };
}

export default { render };
