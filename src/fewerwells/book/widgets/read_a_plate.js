/*
 * Read a plate: the reader buys wells, and the network that has seen many circuits answers at once, with intervals, beside
 * the study's two networks, which are trained on the same wells. All of it in a Web Worker.
 */
import { circuitOutputs, decodeWeights, errorsByRegion, measureWells, meshPoints, workerSource } from "./maths.js";
import { readerFunctions } from "./reader.js";
import { announcer, bind, choice, colourBar, element, figureBox, format, laboratory, slider, startWorker, surfaceMap } from "./ui.js";

const MESH = 20; // points a side for errors and surfaces
const SMALL = 10; // nM, upper end of the wells' inputs
const EPOCHS = [200, 2000]; // of fine-tuning and from scratch, as in the study

/** The worker: reads the plate, then trains both networks a slice at a time, so that the next plate gets through. */
function serve(scope) {
  let reader = null;
  let run = null;

  function begin(mine) {
    if (mine !== run) return;
    const { id, pretrained, sizes, wells, points, outputScale, seed } = mine;
    scope.postMessage({ id, quantiles: readPlate(reader, wells, points) });
    mine.trainings = [pretrained, freshNetwork(sizes, seed)].map((start) => makeTraining(sizes, start, wells, outputScale, seed));
    mine.epoch = [0, 0];
    setTimeout(work, 0, mine);
  }

  function work(mine) {
    if (mine !== run) return;
    const began = performance.now();
    while (performance.now() - began < 40) {
      const which = mine.epoch.findIndex((epoch, i) => epoch < mine.epochs[i]);
      if (which < 0) break;
      mine.trainings[which].runEpoch();
      mine.epoch[which] += 1;
    }
    const done = mine.epoch.every((epoch, i) => epoch === mine.epochs[i]);
    if (done || performance.now() - (mine.told ?? 0) > 250) {
      mine.told = performance.now();
      const surfaces = mine.trainings.map(({ network }) => predict(network, mine.points, mine.outputScale));
      scope.postMessage({ id: mine.id, surfaces, epoch: mine.epoch, done });
    }
    if (!done) setTimeout(work, 0, mine);
  }

  scope.onmessage = ({ data: { what, ...given } }) => {
    if (what === "load") reader = makeReader(given.network);
    else {
      run = given;
      setTimeout(begin, 0, run);
    }
  };
}

/** One quantile of every answer, flat pairs. */
function quantile(quantiles, levels, level) {
  const at = levels.indexOf(level);
  return Float64Array.from({ length: quantiles.length / levels.length }, (_, i) => quantiles[i * levels.length + at]);
}

/** The share of a truth, inside and outside the small domain, that lies between two surfaces. */
function shareHeld(points, low, high, truth) {
  const within = truth.map((value, i) => (low[i] <= value && value <= high[i] ? 1 : 0));
  return errorsByRegion(points, within, new Float64Array(truth.length));
}

function render({ model, el }) {
  const { surface, circuits, pretrained, network } = model.get("data");
  const weights = decodeWeights(pretrained.parameters);
  const points = meshPoints(MESH);
  const names = ["reads the plate", "pre-trained, fine-tuned", "from scratch"];
  const state = { id: 0, output: 0, quantiles: null, surfaces: null, epoch: [0, 0], done: false };
  const bound = bind(model, ["circuit", "wells", "noise", "seed"], () => {
    showSettings();
    buy();
  });
  const settings = bound.values;
  const change = (name) => (value) => {
    bound.set({ [name]: value });
    forget();
    buySoon();
  };

  const worker = startWorker(workerSource(serve, readerFunctions()), ({ id, ...found }) => {
    if (id !== state.id) return; // of a plate that was changed since
    Object.assign(state, found);
    drawSoon();
  });
  worker.post({ what: "load", network });

  const { circuit: realCircuit, noise, seed } = laboratory(circuits, settings, change);
  const controls = {
    circuit: realCircuit,
    wells: slider({ label: "Wells you buy", min: 4, max: 96, step: 4, value: settings.wells, onInput: change("wells") }),
    noise,
    seed,
  };
  const output = choice({ label: "Output shown", options: [["0", "y₁"], ["1", "y₂"]], value: "0", onInput: (value) => { state.output = Number(value); drawSoon(); } });
  const said = announcer();
  const titles = ["the true circuit and your wells", "read: median", "read: width of the 80 % interval", ...names.slice(1)];
  const maps = titles.map((title) => surfaceMap(title));
  const [bar, widths] = [colourBar(surface), colourBar(surface)];
  const cells = names.map(() => [element("td"), element("td")]);
  const held = [element("td"), element("td")];
  const row = (name, pair) => element("tr", {}, element("th", { scope: "row" }, name), ...pair);
  const numbers = element(
    "table", { class: "fw-numbers" },
    element("caption", {}, "Error now, nM"),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, "network"), element("th", { scope: "col" }, "inside"), element("th", { scope: "col" }, "outside"))),
    element("tbody", {}, ...names.map((name, i) => row(name, cells[i])), row("80 % intervals hold", held)),
  );

  figureBox(
    el, "Read a plate",
    element("div", { class: "fw-controls" }, ...Object.values(controls).map(({ node }) => node)),
    said.node,
    element("div", { class: "fw-controls" }, output.node, element("div", {}, "outputs", bar.node), element("div", {}, "widths", widths.node)),
    element("div", { class: "fw-panels fw-three" }, ...maps.map(({ node }) => node), numbers),
  );

  const circuit = () => circuits.find(({ label }) => label === settings.circuit);

  function showSettings() {
    for (const [name, control] of Object.entries(controls)) control.set(String(settings[name]));
  }

  /** Nothing more is said of the last plate, since the settings that would be said with it are no longer its own. */
  function forget() {
    Object.assign(state, { id: state.id + 1, quantiles: null, surfaces: null, epoch: [0, 0], done: false });
    el.firstChild.dataset.state = "running";
  }

  let waiting = 0;
  function buySoon() {
    clearTimeout(waiting);
    waiting = setTimeout(buy, 60); // a slider that is drawn along asks for one plate, not for twenty
  }

  function buy() {
    const chosen = circuit();
    const wells = measureWells(chosen, settings.wells, settings.noise, SMALL, settings.seed);
    forget();
    state.wells = wells;
    worker.post({
      what: "start", id: state.id, wells, points, pretrained: weights, sizes: pretrained.sizes, seed: settings.seed, epochs: EPOCHS,
      outputScale: Math.max(...chosen.eta),
    });
  }

  function tell(errors, shares) {
    const [read, ...trained] = errors.map(({ inside, outside }) => `${format(inside)} nM inside, ${format(outside)} nM outside`);
    said.say(
      `${settings.wells} wells. The network that reads the plate is wrong by ${read}; its 80 % intervals hold ${format(100 * shares.inside)} % ` +
        `of the truth inside and ${format(100 * shares.outside)} % outside. ` +
        (state.done ? `Fine-tuned: ${trained[0]}. From scratch: ${trained[1]}.` : `The other two are training, epoch ${state.epoch.join(" and ")}.`),
      state.done ? 0 : 300,
    );
  }

  let frame = 0;
  function drawSoon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(draw);
  }

  function draw() {
    if (!state.quantiles) return;
    const chosen = circuit();
    const truth = circuitOutputs(points, chosen);
    const [low, median, high] = [0.1, 0.5, 0.9].map((level) => quantile(state.quantiles, network.levels, level));
    const surfaces = [median, ...(state.surfaces ?? [])];
    const width = high.map((value, i) => value - low[i]);
    const [scale, widest] = [Math.max(...chosen.eta), Math.max(...width)];
    const errors = surfaces.map((values) => errorsByRegion(points, values, truth));
    const shares = shareHeld(points, low, high, truth);
    cells.forEach((pair, i) => pair.forEach((cell, k) => (cell.textContent = errors[i] ? format(errors[i][["inside", "outside"][k]]) : "…")));
    held.forEach((cell, k) => (cell.textContent = `${format(100 * shares[["inside", "outside"][k]])} %`));
    bar.set(0, scale);
    widths.set(0, widest);
    [truth, median, width, ...surfaces.slice(1)].forEach((values, i) => {
      maps[i].draw(values.filter((_, k) => k % 2 === state.output), 0, i === 2 ? widest : scale, surface);
      maps[i].describe(`Colour map of y${"₁₂"[state.output]} over both inputs from 0 to 20 nM: ${titles[i]}; wells lie in the dashed square, 0 to 10 nM.`);
    });
    const spots = Array.from({ length: settings.wells }, (_, i) => maps[0].at(state.wells.x[2 * i], state.wells.x[2 * i + 1]));
    maps[0].overlay(spots.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" class="fw-well"/>`).join(""));
    tell(errors, shares);
    if (state.done) {
      const [read, ...trained] = errors;
      model.set("result", { read, pretrained: trained[0], scratch: trained[1], held: shares });
      model.save_changes();
      el.firstChild.dataset.state = "done";
    }
  }

  buy();
  return () => {
    clearTimeout(waiting);
    cancelAnimationFrame(frame);
    worker.end();
    bound.release();
  };
}

export default { render };
