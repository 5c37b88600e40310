/*
 * Your plate in the page: a pasted or dropped table, the plate, and a first prediction with its interval. Nothing leaves
 * the page.
 */
import { fitProcess, groupWells, guessRoles, parseTable, smallestDoses, takeWells } from "./plate_maths.js";
import { announcer, chart, choice, colourAt, element, figureBox, format, legend, plainTicks } from "./ui.js";

const MOST_CONDITIONS = 150; // a process of more takes seconds
const STEPS = 80;
const NONE = "-1";

function plateMarkup(table, well, wells, output, colours) {
  const place = (name) => {
    const [, row, column] = name.toUpperCase().match(/^\s*([A-Z]+)\s*0*(\d+)/);
    return [row.length > 1 ? 26 + row.charCodeAt(1) - 65 : row.charCodeAt(0) - 65, Number(column) - 1];
  };
  const places = table.cells.map((row) => place(row[well]));
  const columns = [6, 12, 24, 48].find((n) => places.every(([, column]) => column < n)) ?? 48;
  const rows = Math.max((columns * 2) / 3, ...places.map(([row]) => row + 1));
  const [low, high] = [Math.min(...wells.y), Math.max(...wells.y)];
  const circles = places.map(([row, column], k) => {
    const used = wells.rows.includes(k);
    const value = table.numbers[k][output];
    const fill = used ? `rgb(${colourAt(colours, (value - low) / (high - low || 1)).map(Math.round).join(",")})` : "none";
    return `<circle cx="${10 * column + 8}" cy="${10 * row + 8}" r="4" style="fill:${fill}"/>`;
  });
  const words = `The plate: ${wells.rows.length} wells used, from ${format(low)} to ${format(high)}.`;
  return `<svg class="fw-plate" viewBox="0 0 ${10 * columns + 6} ${10 * rows + 6}" role="img" aria-label="${words}">${circles.join("")}</svg>`;
}

function render({ model, el }) {
  const { palette, surface, example } = model.get("data");
  const said = announcer();
  const text = element("textarea", { rows: 8, cols: 50, spellcheck: "false", input: () => read() });
  text.id = `fw-table-${Math.random().toString(36).slice(2, 8)}`;
  text.value = example;
  const file = element("input", { type: "file", accept: ".csv,.tsv,.txt", "aria-label": "Open a table", change: () => open(file.files[0]) });
  const pick = (label) => choice({ label, options: [[NONE, "none"]], value: NONE, onInput: () => learn() });
  const [first, second, output] = [pick("First dose"), pick("Second dose"), pick("Output")];
  const plate = element("div", { class: "fw-plates" });
  const curve = chart("Prediction with its 95 % interval");
  const lines = element("div", {});
  const command = element("code", {});
  const full = element("p", {}, "The full answer, on your machine: ", command);
  let table;

  figureBox(
    el, "Your plate",
    element("label", { for: text.id }, "Paste a table here, or drop a file: a header with units, one line a well. It stays in this page."),
    text, file,
    element("div", { class: "fw-controls" }, first.node, second.node, output.node),
    said.node,
    element("div", { class: "fw-panels" }, plate, element("div", {}, curve.node, lines)),
    full,
  );
  text.addEventListener("dragover", (event) => event.preventDefault());
  text.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    open(event.dataTransfer.files[0]);
  });

  async function open(dropped) {
    if (!dropped) return;
    if (dropped.size > 2e6) return said.say("This file is larger than two megabytes; use the command below.");
    text.value = await dropped.text();
    read();
  }

  /** Nothing is shown that was of another table. */
  function clear() {
    plate.replaceChildren();
    lines.replaceChildren();
    curve.node.hidden = full.hidden = true;
  }

  function read() {
    clear();
    try {
      table = parseTable(text.value);
    } catch (error) {
      table = undefined;
      return said.say(error.message);
    }
    const { doses, outputs } = guessRoles(table);
    const options = [[NONE, "none"], ...table.names.map((name, i) => [String(i), name])];
    first.fill(options, String(doses[0] ?? NONE));
    second.fill(options, String(doses[1] ?? NONE));
    output.fill(options, String(outputs[0] ?? NONE));
    learn();
  }

  function learn() {
    clear();
    if (!table) return;
    const doses = [first, second].map(({ input }) => Number(input.value)).filter((i, k, all) => i >= 0 && all.indexOf(i) === k);
    const place = Number(output.input.value);
    if (!doses.length || place < 0) return said.say("Say which column is a dose, and which one was measured.");
    const wells = takeWells(table, doses, place);
    if (wells.y.length < 6) return said.say(`${wells.y.length} lines have a dose and a number; at least 6 are needed.`);
    const { well } = guessRoles(table);
    plate.innerHTML = well < 0 ? "" : plateMarkup(table, well, wells, place, surface);
    full.hidden = false;
    command.textContent = `fewerwells plate my.csv ${doses.map((i) => `--input '${table.names[i]}'`).join(" ")} --read '${table.names[place]}'`;
    const groups = groupWells(wells.x, wells.y);
    if (groups.points.length > MOST_CONDITIONS) return said.say(`${groups.points.length} different doses are too many for a page; use the command.`);
    show(groups, fitProcess(groups), doses.map((i) => table.names[i]), table.names[place], wells);
  }

  function show(groups, process, names, measured, wells) {
    const smallest = smallestDoses(groups.points)[0];
    const across = (dose) => Math.log2(1 + dose / smallest);
    const end = across(Math.max(...groups.points.map((point) => point[0])));
    const levels = names.length === 1 ? [undefined] : spread([...new Set(groups.points.map((point) => point[1]))].sort((a, b) => a - b));
    const colours = [palette.arms.transfer, palette.arms.scratch, palette.arms.oracle];
    const doses = Array.from({ length: STEPS + 1 }, (_, k) => smallest * (2 ** ((end * k) / STEPS) - 1));
    const series = levels.map((level, i) => {
      const found = doses.map((dose) => process.predict(level === undefined ? [dose] : [dose, level]));
      return {
        points: doses.map((dose, k) => [across(dose), found[k][0]]),
        band: doses.map((dose, k) => [across(dose), found[k][0] - 1.96 * found[k][1], found[k][0] + 1.96 * found[k][1]]),
        colour: colours[i],
      };
    });
    const dots = groups.points.flatMap((point, k) => {
      const i = levels.length === 1 ? 0 : levels.indexOf(point[1]);
      return i < 0 ? [] : [{ x: across(point[0]), y: groups.means[k], colour: colours[i] }];
    });
    const heights = [...series.flatMap(({ band }) => band.flatMap(([, low, high]) => [low, high])), ...groups.means];
    const [low, high] = [Math.min(...heights), Math.max(...heights)];
    const shown = spread([...new Set(groups.points.map((point) => point[0]))].sort((a, b) => a - b), 6);
    curve.node.hidden = false;
    curve.draw({
      x: { low: 0, high: end || 1, ticks: shown.map(across), words: (value) => format(smallest * (2 ** value - 1)), label: names[0] },
      y: { low, high: high > low ? high : low + 1, ticks: plainTicks(low, high > low ? high : low + 1), label: measured },
      series, dots,
    });
    curve.describe(`${measured} over ${names[0]}, predicted with a 95 % interval, and the means of replicates as dots.`);
    lines.replaceChildren(legend(levels.map((level, i) => [level === undefined ? "prediction" : `${names[1]}: ${format(level)}`, colours[i]])));
    const noise = Number.isFinite(groups.sd) ? `a single well has a standard deviation of ${format(groups.sd)}` : "the noise is unknown, since hardly any well has a replicate";
    const lost = wells.lost.length ? `; ${wells.lost.length} lines without a number are left out` : "";
    said.say(`${wells.y.length} wells with ${groups.points.length} different doses; ${noise}${lost}.`, 300);
  }

  /** At most n of some values, ends included. */
  function spread(values, n = 3) {
    if (values.length <= n) return values;
    return Array.from({ length: n }, (_, k) => values[Math.round((k * (values.length - 1)) / (n - 1))]);
  }

  read();
}

export default { render };
