/*
 * The network that reads a plate, for the browser: features, attention over wells, quantiles.
 *
 * The same as fewerwells/science/in_context, in 64-bit numbers; they agree to 1e-5 of the plate's outputs (tests/test_widgets.py).
 * Concentrations are in nM, points are stored flat, [x₁, x₂, x₁, x₂, …]. Functions are plain declarations that need only
 * one another, so that a Web Worker can be made from their source text.
 */

/** Base64 of half-precision numbers, all their high bytes before all their low ones, to numbers. */
export function halves(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  const numbers = new Float64Array(bytes.length / 2);
  for (let i = 0; i < numbers.length; i++) {
    const high = bytes[i];
    const fraction = ((high & 3) << 8) | bytes[numbers.length + i];
    const exponent = (high >> 2) & 31;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    numbers[i] = high & 128 ? -size : size;
  }
  return numbers;
}

/** A network from what Python exports: its shape, the levels of its quantiles, and [name, size] of each part in order. */
export function makeReader({ shape, levels, parts, weights }) {
  const numbers = halves(weights);
  const named = {};
  let start = 0;
  for (const [name, size] of parts) {
    named[name] = numbers.subarray(start, start + size);
    start += size;
  }
  return { shape, levels, parts: named };
}

/**
 * Every row (flat, `size` numbers each) times every other row: n × m, flat. Two rows times four others at once are eight
 * sums that do not wait for one another and read every number for several of them; at the ends the last one is taken again.
 */
export function products(rows, others, size) {
  const [n, m] = [rows.length / size, others.length / size];
  const out = new Float64Array(n * m);
  for (let j = 0; j < m; j += 4) {
    const [ja, jb, jc, jd] = [j, Math.min(j + 1, m - 1), Math.min(j + 2, m - 1), Math.min(j + 3, m - 1)];
    const [a, b, c, d] = [ja * size, jb * size, jc * size, jd * size];
    for (let i = 0; i < n; i += 2) {
      const next = Math.min(i + 1, n - 1);
      const r = i * size, s = next * size;
      let ra = 0, rb = 0, rc = 0, rd = 0, sa = 0, sb = 0, sc = 0, sd = 0;
      for (let k = 0; k < size; k++) {
        const one = rows[r + k], two = rows[s + k];
        const wa = others[a + k], wb = others[b + k], wc = others[c + k], wd = others[d + k];
        ra += wa * one;
        rb += wb * one;
        rc += wc * one;
        rd += wd * one;
        sa += wa * two;
        sb += wb * two;
        sc += wc * two;
        sd += wd * two;
      }
      const atR = i * m, atS = next * m;
      out[atR + ja] = ra;
      out[atR + jb] = rb;
      out[atR + jc] = rc;
      out[atR + jd] = rd;
      out[atS + ja] = sa;
      out[atS + jb] = sb;
      out[atS + jc] = sc;
      out[atS + jd] = sd;
    }
  }
  return out;
}

/** Rows (n × nIn, flat) through a linear layer of a network: n × nOut, flat. */
export function linear(reader, name, rows, nIn) {
  const [weight, bias] = [reader.parts[`${name}.weight`], reader.parts[`${name}.bias`]];
  const out = products(rows, weight, nIn);
  for (let i = 0; i < out.length; i++) out[i] += bias[i % bias.length];
  return out;
}

/** x/(1 + e⁻ˣ), number by number, in place. */
export function silu(values) {
  for (let i = 0; i < values.length; i++) values[i] /= 1 + Math.exp(-values[i]);
  return values;
}

/** Rows made to mean 0 and variance 1, then stretched and moved as the network has learnt. */
export function normed(reader, name, rows) {
  const [scale, shift] = [reader.parts[`${name}.weight`], reader.parts[`${name}.bias`]];
  const width = scale.length;
  const out = new Float64Array(rows.length);
  for (let start = 0; start < rows.length; start += width) {
    let [mean, square] = [0, 0];
    for (let k = 0; k < width; k++) mean += rows[start + k] / width;
    for (let k = 0; k < width; k++) square += (rows[start + k] - mean) ** 2 / width;
    const size = Math.sqrt(square + 1e-5);
    for (let k = 0; k < width; k++) out[start + k] = ((rows[start + k] - mean) / size) * scale[k] + shift[k];
  }
  return out;
}

/** Numbers first … first + size − 1 of each row, flat; with `turned` the rows of the result are the columns of `rows`. */
export function part(rows, width, first, size, turned = false) {
  const n = rows.length / width;
  const out = new Float64Array(n * size);
  for (let i = 0; i < n; i++) for (let k = 0; k < size; k++) out[turned ? k * n + i : i * size + k] = rows[i * width + first + k];
  return out;
}

/** What each asking row finds in the wells: attention with several heads. `both` holds keys and values, n × 2·width. */
export function attended(query, both, width, heads) {
  const [n, size] = [both.length / (2 * width), width / heads];
  const found = new Float64Array(query.length);
  for (let first = 0; first < width; first += size) {
    const shares = products(part(query, width, first, size), part(both, 2 * width, first, size), size);
    for (let start = 0; start < shares.length; start += n) {
      let highest = -Infinity, total = 0;
      for (let j = start; j < start + n; j++) highest = Math.max(highest, shares[j]);
      for (let j = start; j < start + n; j++) total += shares[j] = Math.exp((shares[j] - highest) / Math.sqrt(size));
      for (let j = start; j < start + n; j++) shares[j] /= total;
    }
    const heard = products(shares, part(both, 2 * width, width + first, size, true), n);
    for (let i = 0, at = first; i < heard.length; i += size, at += width) found.set(heard.subarray(i, i + size), at);
  }
  return found;
}

/** One step of reading: tokens corrected by what they find in the wells; without wells the tokens are the wells. */
export function readingStep(reader, name, tokens, wells) {
  const { width, heads } = reader.shape;
  const asking = normed(reader, `${name}.before_attention`, tokens);
  const both = linear(reader, `${name}.wells`, wells ?? asking, width);
  const found = attended(linear(reader, `${name}.query`, asking, width), both, width, heads);
  const after = linear(reader, `${name}.found`, found, width).map((value, i) => tokens[i] + value);
  const up = silu(linear(reader, `${name}.up`, normed(reader, `${name}.before_step`, after), width));
  return linear(reader, `${name}.down`, up, 2 * width).map((value, i) => after[i] + value);
}

/** Two layers that turn features into what the network thinks in. */
export function entered(reader, name, rows, nIn) {
  return linear(reader, `${name}.2`, silu(linear(reader, `${name}.0`, rows, nIn)), 2 * reader.shape.width);
}

/** What a plate is measured by: its largest input and the root mean square of each output, 1 where all are 0. */
export function plateScales({ x, y }) {
  const largest = [0, 0];
  const square = [0, 0];
  for (let i = 0; i < x.length; i++) {
    largest[i % 2] = Math.max(largest[i % 2], x[i]);
    square[i % 2] += (2 * y[i] ** 2) / y.length;
  }
  return { x: largest.map((one) => one || 1), y: square.map((one) => Math.sqrt(one) || 1) };
}

/** Inputs u₁ and u₂, in units of the plate's largest, as the network reads them. */
export function inputFeatures(u) {
  return [...u.map((one) => one - 0.5), ...u.map((one) => 0.5 * Math.log(one + 0.1)), ...u.map((one) => 0.3 * Math.log(one + 0.003) + 0.5)];
}

/** What is the same in all wells of a plate whose noise is unknown: how many there are, how unequal its outputs. */
export function plateFeatures(n, scale) {
  return [0.5 * Math.log(n / 50), 0.5 * Math.log(scale.y[0] / scale.y[1]), 0, 0, 0, 0];
}

/** Quantiles at each query (M × 2 × levels, flat), nM, of a plate read once. */
export function readOnce(reader, wells, queries) {
  const scale = plateScales(wells);
  const n = wells.x.length / 2;
  const plate = plateFeatures(n, scale);
  const inputs = (points, i) => inputFeatures([0, 1].map((k) => points[2 * i + k] / scale.x[k]));
  const [known, asked] = [[], []];
  for (let i = 0; i < n; i++) {
    const v = [0, 1].map((k) => wells.y[2 * i + k] / scale.y[k]);
    known.push(...inputs(wells.x, i), ...v.map((one) => one - 0.8), ...v.map((one) => 0.3 * Math.asinh(one / 0.03) - 1), 1, 1, ...plate);
  }
  for (let i = 0; i < queries.length / 2; i++) asked.push(...inputs(queries, i), ...plate);
  let tokens = entered(reader, "well", Float64Array.from(known), known.length / n);
  for (let block = 0; block < reader.shape.reading; block++) tokens = readingStep(reader, `reading.${block}`, tokens);
  const read = normed(reader, "read", tokens);
  tokens = entered(reader, "asked", Float64Array.from(asked), asked.length / (queries.length / 2));
  for (let block = 0; block < reader.shape.answering; block++) tokens = readingStep(reader, `answering.${block}`, tokens, read);
  const raw = linear(reader, "answer", normed(reader, "answered", tokens), reader.shape.width);
  return spreadOut(raw, reader.levels, scale);
}

/** The network's last numbers to quantiles that never cross, nM: steps away from the median, then unbent. */
export function spreadOut(raw, levels, scale) {
  const softplus = (value) => (value > 20 ? value : Math.log1p(Math.exp(value)));
  const [count, middle] = [levels.length, levels.indexOf(0.5)];
  const out = new Float64Array(raw.length);
  for (let start = 0; start < raw.length; start += count) {
    out[start + middle] = raw[start + middle];
    for (let k = middle - 1; k >= 0; k--) out[start + k] = out[start + k + 1] - softplus(raw[start + k] - 2);
    for (let k = middle + 1; k < count; k++) out[start + k] = out[start + k - 1] + softplus(raw[start + k] - 2);
    const size = scale.y[(start / count) % 2];
    for (let k = 0; k < count; k++) out[start + k] = 2 * Math.sinh(out[start + k] / 2) * size;
  }
  return out;
}

/** Flat pairs with the two of each exchanged. */
export function exchanged(pairs) {
  return pairs.map((_, i) => pairs[i ^ 1]);
}

/** The wells without exact copies: a row that is there twice to the last digit was entered twice. */
export function distinctWells({ x, y }) {
  const rows = new Map();
  for (let i = 0; i < x.length; i += 2) rows.set([x[i], x[i + 1], y[i], y[i + 1]].join(), i);
  const flat = (values) => Float64Array.from([...rows.values()].flatMap((i) => [values[i], values[i + 1]]));
  return { x: flat(x), y: flat(y) };
}

/**
 * Quantiles (M × 2 × levels, flat), nM, of the noise-free outputs at flat queries, from wells {x, y}. The plate is read as it
 * is and with everything exchanged, and the answers are averaged, so that the names of the inputs have no influence.
 */
export function readPlate(reader, wells, queries) {
  const { x, y } = distinctWells(wells);
  const first = readOnce(reader, { x, y }, queries);
  const second = readOnce(reader, { x: exchanged(x), y: exchanged(y) }, exchanged(queries));
  const count = reader.levels.length;
  return first.map((value, i) => {
    const pair = Math.floor(i / count);
    return (value + second[(pair ^ 1) * count + (i % count)]) / 2;
  });
}

/** How unsure of each query, nM²: the squared widths of the 80 % intervals of both outputs, added. */
export function doubts(reader, quantiles) {
  const count = reader.levels.length;
  const [low, high] = [reader.levels.indexOf(0.1), reader.levels.indexOf(0.9)];
  const width = (at) => quantiles[at * count + high] - quantiles[at * count + low];
  return Float64Array.from({ length: quantiles.length / (2 * count) }, (_, i) => width(2 * i) ** 2 + width(2 * i + 1) ** 2);
}

/**
 * The n wells (flat) among flat candidates of which the network is least sure, one after another, each taken as read at its
 * median: the package's design "in-context network". `replicates` is how often each may be filled.
 */
export function leastSure(reader, wells, candidates, n, replicates) {
  const shortList = 128;
  const doubt = doubts(reader, readPlate(reader, wells, candidates));
  const order = Array.from(doubt.keys()).sort((a, b) => doubt[b] - doubt[a]).slice(0, Math.max(n, shortList));
  const open = Float64Array.from(order.flatMap((i) => [candidates[2 * i], candidates[2 * i + 1]]));
  const left = order.map(() => replicates);
  const [count, middle] = [reader.levels.length, reader.levels.indexOf(0.5)];
  const [x, y] = [[...wells.x], [...wells.y]];
  for (let round = 0; round < n; round++) {
    const quantiles = readPlate(reader, { x: Float64Array.from(x), y: Float64Array.from(y) }, open);
    const now = doubts(reader, quantiles);
    let best = -1;
    for (let i = 0; i < left.length; i++) if (left[i] > 0 && (best < 0 || now[i] > now[best])) best = i;
    left[best] -= 1;
    x.push(open[2 * best], open[2 * best + 1]);
    y.push(quantiles[2 * best * count + middle], quantiles[(2 * best + 1) * count + middle]);
  }
  return Float64Array.from(x.slice(-2 * n));
}

/** All functions of this file, for a Web Worker. */
export function readerFunctions() {
  return [
    halves, makeReader, products, linear, silu, normed, part, attended, readingStep, entered, plateScales, inputFeatures, plateFeatures,
    readOnce, spreadOut, exchanged, distinctWells, readPlate, doubts, leastSure,
  ];
}
