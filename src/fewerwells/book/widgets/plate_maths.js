/*
 * What the figure `your_plate` computes: a pasted table taken apart, and a Gaussian process on logarithmic doses.
 *
 * The process is that of `laboratory/arms.py` (Matérn 5/2, replicate means, log2(1 + dose/smallest)); its parameters are
 * searched on a grid instead of by gradients, which is enough for a first look.
 */

const MOST_WELLS = 1536;
const UNIT = /[\s_([]((?:[pnumµμ]?M)|%|[munµμ]?g\/m?[lL])[\])]?\s*$/;
const WELL = /^\s*(?:[A-Za-z]|[Aa][A-Fa-f])\s*0*[1-9]\d?\s*$/;

/** A number, or NaN: "3.5", "1e-3", and "3,5" where a comma cannot part cells. */
function number(text, separator) {
  const plain = separator === "," ? text : text.replace(/^([+-]?\d*),(\d+)$/, "$1.$2");
  return plain.trim() === "" ? NaN : Number(plain);
}

/** Rows of a pasted table: {names, cells: [[text]], numbers: [[number]]}. Throws a sentence where it is none. */
export function parseTable(text) {
  const lines = text.replace(/^\ufeff/, "").split(/\r\n|\r|\n/).filter((line) => line.trim() !== "");
  if (lines.length < 2) throw new Error("A header and one line a well are needed.");
  if (lines.length > MOST_WELLS + 1) throw new Error(`There are ${lines.length - 1} lines; at most ${MOST_WELLS} wells are read.`);
  const separator = ["\t", ";", ","].find((sign) => lines[0].includes(sign));
  if (!separator) throw new Error("The header has no tab, semicolon or comma between its columns.");
  const split = (line) => line.split(separator).map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
  const names = split(lines[0]);
  const cells = lines.slice(1).map(split);
  const odd = cells.findIndex((row) => row.length !== names.length);
  if (odd >= 0) throw new Error(`Line ${odd + 2} has ${cells[odd].length} cells, and the header ${names.length}.`);
  return { names, cells, numbers: cells.map((row) => row.map((cell) => number(cell, separator))) };
}

/** Which columns are what, as far as their headers say: {well, doses, outputs} as places; -1 for no wells. */
export function guessRoles({ names, cells, numbers }) {
  const places = names.map((_, i) => i);
  const well = places.find((i) => cells.every((row) => WELL.test(row[i]))) ?? -1;
  const numeric = places.filter((i) => i !== well && numbers.some((row) => Number.isFinite(row[i])));
  const doses = numeric.filter((i) => UNIT.test(names[i]));
  return { well, doses, outputs: numeric.filter((i) => !doses.includes(i)) };
}

/** Wells with all numbers, and the lines that lack one: {x: [[dose]], y: [number], rows, lost}. */
export function takeWells({ numbers }, doses, output) {
  const whole = (row) => [...doses, output].every((i) => Number.isFinite(row[i])) && doses.every((i) => row[i] >= 0);
  const rows = numbers.map((_, k) => k).filter((k) => whole(numbers[k]));
  const lost = numbers.map((_, k) => k).filter((k) => !whole(numbers[k]));
  return { x: rows.map((k) => doses.map((i) => numbers[k][i])), y: rows.map((k) => numbers[k][output]), rows, lost };
}

/** Replicates together: {points: [[dose]], means, counts, sd}; sd is of one well, NaN with fewer than 3 degrees of freedom. */
export function groupWells(x, y) {
  const groups = new Map();
  x.forEach((point, k) => groups.set(String(point), [...(groups.get(String(point)) ?? []), k]));
  const [points, means, counts] = [[], [], []];
  let [squares, freedom] = [0, 0];
  for (const members of groups.values()) {
    const mean = members.reduce((sum, k) => sum + y[k], 0) / members.length;
    points.push(x[members[0]]);
    means.push(mean);
    counts.push(members.length);
    squares += members.reduce((sum, k) => sum + (y[k] - mean) ** 2, 0);
    freedom += members.length - 1;
  }
  return { points, means, counts, sd: freedom >= 3 ? Math.sqrt(squares / freedom) : NaN };
}

/** log2(1 + dose/smallest) for each dose of a point. */
export function logDoses(point, smallest) {
  return point.map((dose, j) => Math.log2(1 + dose / smallest[j]));
}

/** Of each input the smallest dose that is not 0. */
export function smallestDoses(points) {
  return points[0].map((_, j) => Math.min(...points.map((point) => point[j]).filter((dose) => dose > 0), Infinity)).map((dose) => (Number.isFinite(dose) ? dose : 1));
}

function matern(a, b, amplitude, lengths) {
  const squared = a.reduce((sum, value, j) => sum + ((value - b[j]) / lengths[j]) ** 2, 0);
  const scaled = Math.sqrt(5 * squared);
  return amplitude ** 2 * (1 + scaled + scaled ** 2 / 3) * Math.exp(-scaled);
}

function cholesky(matrix) {
  const n = matrix.length;
  const root = matrix.map((row) => Float64Array.from(row));
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = root[i][j];
      for (let k = 0; k < j; k++) sum -= root[i][k] * root[j][k];
      root[i][j] = i === j ? Math.sqrt(Math.max(sum, 1e-300)) : sum / root[j][j];
    }
    root[i].fill(0, i + 1);
  }
  return root;
}

function forward(root, right) {
  const solved = new Float64Array(right.length);
  for (let i = 0; i < right.length; i++) {
    let sum = right[i];
    for (let k = 0; k < i; k++) sum -= root[i][k] * solved[k];
    solved[i] = sum / root[i][i];
  }
  return solved;
}

/** A process with given parameters: {predict(point) → [mean, sd], evidence}; points are logarithmic doses. */
export function makeProcess(points, means, variances, { amplitude, lengths, level }) {
  const covariance = points.map((a, i) =>
    points.map((b, j) => matern(a, b, amplitude, lengths) + (i === j ? variances[i] + 1e-10 * amplitude ** 2 : 0)),
  );
  const root = cholesky(covariance);
  const white = forward(root, means.map((mean) => mean - level));
  const evidence = -white.reduce((sum, value, i) => sum + value ** 2 / 2 + Math.log(root[i][i]), 0);
  function predict(point) {
    const cross = forward(root, points.map((other) => matern(point, other, amplitude, lengths)));
    const mean = cross.reduce((sum, value, i) => sum + value * white[i], level);
    const left = amplitude ** 2 - cross.reduce((sum, value) => sum + value ** 2, 0);
    return [mean, Math.sqrt(Math.max(left, 0))];
  }
  return { predict, evidence };
}

const LENGTHS = [0.7, 1.5, 3, 6, 12];
const AMPLITUDES = [0.5, 1, 2, 4];
const NOISES = [0.02, 0.07, 0.2, 0.5];

/** The process that fits replicate means best, of a grid of parameters; doses as they are. */
export function fitProcess({ points, means, counts, sd }) {
  const level = means.reduce((sum, mean, i) => sum + mean * counts[i], 0) / counts.reduce((sum, n) => sum + n, 0);
  const spread = Math.sqrt(means.reduce((sum, mean) => sum + (mean - level) ** 2, 0) / means.length) || 1;
  const smallest = smallestDoses(points);
  const places = points.map((point) => logDoses(point, smallest));
  const grids = points[0].length === 1 ? LENGTHS.map((a) => [a]) : LENGTHS.flatMap((a) => LENGTHS.map((b) => [a, b]));
  const noises = Number.isFinite(sd) && sd > 0 ? [sd] : NOISES.map((share) => share * spread);
  let best;
  for (const lengths of grids)
    for (const times of AMPLITUDES)
      for (const noise of noises) {
        const variances = counts.map((n) => noise ** 2 / n);
        const found = makeProcess(places, means, variances, { amplitude: times * spread, lengths, level });
        if (!best || found.evidence > best.evidence) best = found;
      }
  return { smallest, predict: (point) => best.predict(logDoses(point, smallest)) };
}
