/*
 * Circuit explorer: the family of circuits as maps, slices and isocost lines; a cross reads values off.
 */
import { circuitOutputs, hillFamily, meshPoints } from "./maths.js";
import { announcer, bind, chart, choice, colourBar, element, figureBox, format, legend, plainTicks, slider, surfaceMap } from "./ui.js";

const MESH = 48;
const SHARES = [0.25, 0.5, 0.75, 0.9];
const ELSEWHERE = "elsewhere in the plane";

function render({ model, el }) {
  const { palette, surface, circuits } = model.get("data");
  const names = ["n", "b", "theta", "eta", "point"];
  const bound = bind(model, names, () => {
    showSettings();
    drawSoon();
  });
  const now = bound.values;
  let along = 0;

  function change(changes) {
    bound.set(changes);
    showSettings();
    drawSoon();
  }
  const part = (name, i) => (value) => change({ [name]: now[name].map((old, k) => (k === i ? value : old)) });

  const circuit = choice({
    label: "Circuit",
    options: [...circuits.map(({ label }) => [label, label]), [ELSEWHERE, ELSEWHERE]],
    value: ELSEWHERE,
    onInput: (label) => {
      const { n, b, theta, eta } = circuits.find((known) => known.label === label) ?? now;
      change({ n, b, theta, eta });
    },
  });
  const n = slider({ label: "Parts n", min: 0.5, max: 4, step: 0.1, value: now.n, onInput: (value) => change({ n: value }) });
  const b = slider({ label: "Empty state b", min: 0, max: 1, step: 0.05, value: now.b, onInput: (value) => change({ b: value }) });
  const theta = [0, 1].map((i) => slider({ label: `Affinity θ${"₁₂"[i]}`, min: 0.05, max: 1, step: 0.05, value: now.theta[i], unit: "nM⁻¹", onInput: part("theta", i) }));
  const eta = [0, 1].map((i) => slider({ label: `Largest output η${"₁₂"[i]}`, min: 5, max: 60, step: 1, value: now.eta[i], unit: "nM", onInput: part("eta", i) }));
  const point = [0, 1].map((i) => slider({ label: `Cross at x${"₁₂"[i]}`, min: 0, max: 20, step: 0.1, value: now.point[i], unit: "nM", onInput: part("point", i) }));
  const slice = choice({ label: "Slice along", options: [["0", "x₁"], ["1", "x₂"]], value: "0", onInput: (value) => { along = Number(value); drawSoon(); } });

  const moveCross = (x1, x2) => change({ point: [x1, x2].map((x) => Number(x.toFixed(1))) });
  const maps = [0, 1].map((i) => surfaceMap(`Output y${"₁₂"[i]}`, { onPoint: moveCross }));
  const bar = colourBar(surface);
  const slices = chart("Slice");
  const outputs = chart("Outputs: isocost lines");
  const plane = chart("The plane of circuits", (x, y) =>
    change({ n: Math.min(4, Math.max(0.5, Number(x.toFixed(1)))), b: Math.min(1, Math.max(0, Math.round(20 * y) / 20)) }),
  );
  const said = announcer();

  figureBox(
    el, "Circuit explorer",
    element("div", { class: "fw-controls" }, circuit.node, n.node, b.node),
    element("div", { class: "fw-controls" }, ...theta.map(({ node }) => node), ...eta.map(({ node }) => node)),
    element("div", { class: "fw-panels" }, ...maps.map(({ node }) => node)),
    bar.node,
    element("div", { class: "fw-controls" }, ...point.map(({ node }) => node), slice.node),
    said.node,
    element(
      "div", { class: "fw-panels" },
      element("div", {}, slices.node, legend([["y₁", palette.outputs[0]], ["y₂", palette.outputs[1], "6 3"]])),
      outputs.node,
      plane.node,
    ),
  );

  function showSettings() {
    const same = (known) => ["n", "b", "theta", "eta"].every((name) => JSON.stringify(known[name]) === JSON.stringify(now[name]));
    circuit.set(circuits.find(same)?.label ?? ELSEWHERE);
    n.set(now.n);
    b.set(now.b);
    [0, 1].forEach((i) => {
      theta[i].set(now.theta[i]);
      eta[i].set(now.eta[i]);
      point[i].set(now.point[i]);
    });
  }

  /** Inputs that use one share of the resource: Σ(θx)ⁿ is the same all along. */
  function contour(share, at) {
    const sum = (now.b * share) / (1 - share);
    const points = Array.from({ length: 61 }, (_, i) => Math.sin((Math.PI * i) / 120) ** 2)
      .map((t) => [(sum * t) ** (1 / now.n) / now.theta[0], (sum * (1 - t)) ** (1 / now.n) / now.theta[1]])
      .filter(([x1, x2]) => x1 <= 20 && x2 <= 20)
      .map(([x1, x2]) => at(x1, x2).map((v) => v.toFixed(1)));
    if (points.length < 2) return "";
    const [x, y] = points[Math.floor(points.length / 2)];
    return `<path d="M${points.map((p) => p.join(" ")).join("L")}" class="fw-contour"/><text x="${x}" y="${y}" class="fw-on-map">${100 * share}%</text>`;
  }

  function drawMaps() {
    const values = circuitOutputs(meshPoints(MESH), now);
    const high = Math.max(...now.eta);
    bar.set(0, high);
    maps.forEach(({ draw, overlay, at, describe }, i) => {
      draw(values.filter((_, k) => k % 2 === i), 0, high, surface);
      const [x, y] = at(...now.point);
      const cross = `M${x - 9} ${y}h18M${x} ${y - 9}v18`;
      const lines = now.b > 0 ? SHARES.map((share) => contour(share, at)).join("") : "";
      overlay(`${lines}<path d="${cross}" class="fw-cursor-back"/><path d="${cross}" class="fw-cursor"/>`);
      describe(`Colour map of y${"₁₂"[i]} over both inputs from 0 to 20 nM, small domain dashed. The sliders for x₁ and x₂ move its cross.`);
    });
  }

  function drawCharts() {
    const [top, at] = [Math.max(...now.eta), hillFamily(...now.point, now)];
    const steps = Array.from({ length: 101 }, (_, i) => i / 5);
    const lines = steps.map((x) => hillFamily(along ? now.point[0] : x, along ? x : now.point[1], now));
    slices.title(`Slice along x${"₁₂"[along]} at x${"₂₁"[along]} = ${format(now.point[1 - along])} nM`);
    slices.draw({
      x: { low: 0, high: 20, ticks: [0, 5, 10, 15, 20], label: `x${"₁₂"[along]} (nM)` },
      y: { low: 0, high: top * 1.05, ticks: plainTicks(0, top), label: "output (nM)" },
      series: [0, 1].map((i) => ({ points: steps.map((x, k) => [x, lines[k][i]]), colour: palette.outputs[i], dash: i ? "6 3" : "" })),
      dots: [0, 1].map((i) => ({ x: now.point[along], y: at[i], colour: palette.outputs[i] })),
      marks: [{ x: 10, label: "10 nM" }],
    });
    slices.describe(`Both outputs along x${"₁₂"[along]}, with the cross as dots.`);

    const used = at[0] / now.eta[0] + at[1] / now.eta[1];
    const line = (share, colour, dash) => ({ points: [[share * now.eta[0], 0], [0, share * now.eta[1]]], colour, dash });
    outputs.draw({
      x: { low: 0, high: top * 1.05, ticks: plainTicks(0, top), label: "y₁ (nM)" },
      y: { low: 0, high: top * 1.05, ticks: plainTicks(0, top), label: "y₂ (nM)" },
      series: [...(now.b > 0 ? SHARES : []).map((share) => line(share, palette.muted, "3 3")), line(used, palette.arms.transfer)],
      dots: [{ x: at[0], y: at[1], colour: palette.arms.transfer, size: 5 }],
    });
    outputs.describe(`The cross in the plane of both outputs, on the straight isocost line where ${format(100 * used)} % of the resource is used.`);

    plane.draw({
      x: { low: 0.5, high: 4, ticks: [1, 2, 3, 4], label: "parts n" },
      y: { low: 0, high: 1, ticks: [0, 0.5, 1], label: "empty state b" },
      dots: [...circuits.map((known) => ({ x: known.n, y: known.b, colour: palette.muted, hollow: true })), { x: now.n, y: now.b, colour: palette.arms.transfer, size: 6 }],
      marks: [{ y: 1 }],
    });
    plane.describe(`The plane of circuits: this one stands at n = ${format(now.n)}, b = ${format(now.b)}; named circuits are hollow dots.`);
    said.say(
      `At x₁ = ${format(now.point[0])} nM, x₂ = ${format(now.point[1])} nM: y₁ = ${format(at[0])} nM, y₂ = ${format(at[1])} nM; ` +
        `${format(100 * used)} % of the resource is in use.`,
      300,
    );
  }

  let frame = 0;
  function drawSoon() {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => {
      drawMaps();
      drawCharts();
    });
  }

  showSettings();
  drawSoon();
  return () => {
    cancelAnimationFrame(frame);
    bound.release();
  };
}

export default { render };
