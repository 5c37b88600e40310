/*
 * Results explorer: the published tables, one point at a time. All statistics were computed by the Python package.
 */
import { announcer, bind, chart, choice, element, figureBox, format, legend, logTicks, tick } from "./ui.js";

const REGIONS = [["all", "everywhere, 0–20 nM"], ["inside", "inside 0–10 nM"], ["outside", "outside 0–10 nM"]];
const SHAPES = { transfer: "circle", scratch: "square", oracle: "up" };
const ARMS = { transfer: "transfer", scratch: "from scratch", oracle: "oracle" };
const short = (n) => (n >= 1000 ? `${n / 1000}k` : String(n));

function render({ model, el }) {
  const { palette, groups, seeds, equivalence, extra } = model.get("data");
  const bound = bind(model, ["target", "arm", "wells", "region", "seed"], () => change({}));
  const now = bound.values;
  let singles = false;

  const unique = (values) => [...new Set(values)];
  const ofTarget = () => groups.filter(({ target }) => target === now.target);
  const ofArm = () => ofTarget().filter(({ arm }) => arm === now.arm);
  const chosen = () => ofArm().find(({ N }) => N === now.wells);

  /** Sets what was changed and moves the rest to the nearest point that exists. */
  function change(changes) {
    Object.assign(now, changes);
    if (!ofArm().length) now.arm = ofTarget()[0].arm;
    const distance = ({ N }) => Math.abs(Math.log(N / now.wells));
    now.wells = ofArm().reduce((best, group) => (distance(group) < distance(best) ? group : best)).N;
    bound.set({ ...now });
    showSettings();
    draw();
  }

  const words = (values, names = {}) => values.map((value) => [String(value), names[value] ?? String(value)]);
  const target = choice({ label: "Circuit", options: words(unique(groups.map((group) => group.target))), value: now.target, onInput: (value) => change({ target: value }) });
  const arm = choice({ label: "Arm", options: [], onInput: (value) => change({ arm: value }) });
  const wells = choice({ label: "Real pairs N", options: [], onInput: (value) => change({ wells: Number(value) }) });
  const region = choice({ label: "Error measured", options: REGIONS, value: now.region, onInput: (value) => change({ region: value }) });
  const seed = choice({ label: "Seed", options: [["-1", "all"], ...words(seeds)], value: String(now.seed), onInput: (value) => change({ seed: Number(value) }) });
  const single = tick({ label: "show single networks", value: false, onInput: (on) => { singles = on; draw(); } });

  function pick(x, y) {
    const distance = ({ N, [now.region]: { value } }) => Math.hypot(Math.log(N / x), Math.log(value / y));
    const near = ofTarget().reduce((best, group) => (distance(group) < distance(best) ? group : best));
    change({ arm: near.arm, wells: near.N });
  }
  const curves = chart("Error against volume", pick);
  const worth = chart("Wells from scratch per well with pre-training, k");
  const noWorth = element("p", {}, "k(N) needs a whole learning curve from scratch, which the published run has for n = 2.");
  const said = announcer();
  const command = element("code");

  figureBox(
    el, "Results explorer",
    element("div", { class: "fw-controls" }, target.node, region.node, arm.node, wells.node, seed.node, single.node),
    element(
      "div", { class: "fw-panels" },
      element("div", {}, curves.node, legend(Object.entries(ARMS).map(([name, text]) => [text, palette.arms[name], name === "oracle" ? "6 3" : ""]))),
      element("div", {}, worth.node, noWorth),
    ),
    said.node,
    element("p", { class: "fw-command" }, "To train it again: ", command),
  );

  function showSettings() {
    target.set(now.target);
    region.set(now.region);
    arm.fill(words(unique(ofTarget().map((group) => group.arm)), ARMS), now.arm);
    wells.fill(ofArm().map(({ N }) => [String(N), N.toLocaleString("en")]), String(now.wells));
    seed.set(String(now.seed));
  }

  function drawCurves() {
    const shown = ofTarget();
    const ends = shown.flatMap((group) => {
      const { low, high, spread_low: first, spread_high: last } = group[now.region];
      return [low, high, first, last, ...(singles ? group[now.region].seeds : [])].filter((value) => value > 0);
    });
    const [low, high] = [Math.min(...ends) / 1.15, Math.max(...ends) * 1.15];
    const volumes = unique(groups.map(({ N }) => N)).sort((one, other) => one - other);
    const series = [];
    const dots = [];
    for (const name of unique(shown.map((group) => group.arm))) {
      const colour = palette.arms[name];
      const rows = shown.filter((group) => group.arm === name).map((group) => ({ N: group.N, ...group[now.region] }));
      // one volume alone becomes a short level, and the oracle a level across the chart
      const across = rows.length > 1 ? (N) => [N] : name === "oracle" ? () => [volumes[0], volumes.at(-1)] : (N) => [N * 0.9, N * 1.1];
      const spread = rows.flatMap((row) => across(row.N).map((x) => [x, row.spread_low, row.spread_high]));
      const sure = rows.flatMap((row) => across(row.N).map((x) => [x, row.low, row.high]));
      if (name !== "oracle") series.push({ band: spread, colour, faint: true });
      series.push({ band: sure, colour, points: rows.flatMap((row) => across(row.N).map((x) => [x, row.value])), dash: name === "oracle" ? "6 3" : "" });
      if (singles && rows.length > 1)
        seeds.forEach((_, i) => series.push({ points: rows.map((row) => [row.N, row.seeds[i]]).filter(([, y]) => y > 0), colour, faint: true }));
      for (const row of rows) {
        dots.push({ x: row.N, y: row.value, colour, shape: SHAPES[name], size: 3.5 });
        if (singles && rows.length === 1) dots.push(...row.seeds.filter((y) => y > 0).map((y) => ({ x: row.N, y, colour, size: 2 })));
      }
    }
    const group = chosen();
    const place = seeds.indexOf(now.seed);
    dots.push({ x: group.N, y: group[now.region].value, colour: palette.arms[now.arm], shape: SHAPES[now.arm], hollow: true, size: 6.5 });
    if (place >= 0 && group[now.region].seeds[place] > 0) dots.push({ x: group.N, y: group[now.region].seeds[place], colour: "currentColor", size: 4 });
    curves.draw({
      x: { low: volumes[0] / 1.1, high: volumes.at(-1) * 1.1, ticks: volumes.filter((_, i) => volumes.length < 7 || i % 2 === 0), words: short, label: "real pairs N (wells)", log: true },
      y: { low, high, ticks: logTicks(low, high), label: "L1 error (nM)", log: true },
      series, dots,
    });
    curves.describe(`Learning curves for ${now.target}: error ${REGIONS.find(([key]) => key === now.region)[1]} against the number of real pairs, with 95 % intervals. The chosen point is ringed; the lists above choose another.`);
  }

  function worthRow() {
    return now.arm === "transfer" && now.target === equivalence.target ? equivalence[now.region].find(({ N }) => N === now.wells) : undefined;
  }

  function drawWorth() {
    const shown = now.target === equivalence.target;
    worth.node.hidden = !shown;
    noWorth.hidden = shown;
    if (!shown) return;
    const rows = equivalence[now.region];
    const below = rows.flatMap(({ k, low }) => [k, low]).filter((value) => value > 0);
    const [floor, ceiling] = [Math.min(0.5, ...below) * 0.8, Math.max(...rows.map((row) => row.limit_high)) * 1.2];
    const clip = (value, row) => Math.min(row.limit_high, Math.max(floor, value ?? row.limit_high));
    const colour = palette.arms.transfer;
    worth.draw({
      x: { low: rows[0].N / 1.1, high: rows.at(-1).N * 1.1, ticks: rows.map(({ N }) => N).filter((_, i) => rows.length < 7 || i % 2 === 0), words: short, label: "pairs with pre-training, N", log: true },
      y: { low: floor, high: ceiling, ticks: logTicks(floor, ceiling).filter((value) => Number.isInteger(Math.log10(value))), label: "k", log: true },
      series: rows.map((row) => ({ points: [[row.N, clip(row.low, row)], [row.N, clip(row.high, row)]], colour })),
      dots: rows.map((row) => ({
        x: row.N, y: clip(row.k, row), colour,
        shape: row.k === null ? "up" : row.k === 0 ? "down" : "circle",
        hollow: row.k === null || row.k === 0, size: row.N === now.wells ? 6 : 4,
      })),
      marks: [{ y: 1, label: "no gain", strong: true }, { y: 4, label: "75 % cut" }, { y: 10, label: "ten times fewer" }],
    });
    worth.describe("Data equivalence k against N with 95 % intervals; open triangles lie beyond what the grid of volumes can show.");
  }

  /** A bound of k in words; null stands for more than the grid can show, 0 for less. */
  function bounded(k, row) {
    return k === null ? `more than ${format(row.limit_high)}` : k === 0 ? `less than ${format(row.limit_low)}` : format(k);
  }

  function speak() {
    const group = chosen();
    const numbers = group[now.region];
    const place = seeds.indexOf(now.seed);
    const row = worthRow();
    const only = place < 0 ? "" : ` Seed ${now.seed}: ${numbers.seeds[place] > 0 ? `${format(numbers.seeds[place])} nM` : "failed"}, table row ${group.hashes[place]}.`;
    said.say(
      `${ARMS[now.arm]} on ${now.target}, N = ${now.wells.toLocaleString("en")}: error ${format(numbers.value)} nM [${format(numbers.low)}, ${format(numbers.high)}], ` +
        `single networks ${format(numbers.spread_low)} to ${format(numbers.spread_high)} nM (10 % to 90 %), ${seeds.length} seeds${group.failed ? `, ${group.failed} failed` : ""}.` +
        (row ? ` k = ${bounded(row.k, row)} [${bounded(row.low, row)}, ${bounded(row.high, row)}].` : "") + only,
    );
    const volume = now.arm === "oracle" ? "" : ` -p "volumes=[${now.wells}]"`;
    const which = place < 0 ? ` -p n_seeds=${seeds.length}` : ` -p first_seed=${now.seed} -p n_seeds=1`;
    command.textContent = `fewerwells run 03_experiment_1 out.ipynb${extra}${group.options}${volume}${which}`;
  }

  function draw() {
    drawCurves();
    drawWorth();
    speak();
  }

  change({});
  return () => bound.release();
}

export default { render };
