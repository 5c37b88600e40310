/*
 * The study's mathematics for the browser: circuits, random numbers, the network, its gradient, Adam.
 *
 * Everything is in 64-bit numbers and agrees with the Python package to 1e-6 and better (tests/test_widgets.py).
 * Concentrations are in nM. Points are stored flat, [x₁, x₂, x₁, x₂, …]. Functions are plain declarations that need
 * only one another, so that a Web Worker can be made from their source text (see `workerSource`).
 */

/** One circuit at one point: yᵢ = ηᵢ(θᵢxᵢ)ⁿ / (b + Σ(θⱼxⱼ)ⁿ), nM. Where it is 0/0 both outputs share equally. */
export function hillFamily(x1, x2, { theta, eta, n, b }) {
  const bound1 = (theta[0] * x1) ** n;
  const bound2 = (theta[1] * x2) ** n;
  const total = b + bound1 + bound2;
  return total === 0 ? [eta[0] / 2, eta[1] / 2] : [(eta[0] * bound1) / total, (eta[1] * bound2) / total];
}

/** A circuit at many points: flat inputs (2N), nM, to flat outputs (2N), nM. */
export function circuitOutputs(x, circuit) {
  const y = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 2) y.set(hillFamily(x[i], x[i + 1], circuit), i);
  return y;
}

/**
 * Random word number i of a stream: 64 bits that depend on nothing but the three numbers.
 * SplitMix64 (Steele, Lea and Flood 2014) read by position, as in the package's fewerwells/training/_order.py.
 */
export function randomWord(key, stream, i) {
  const wrap = (value) => BigInt.asUintN(64, value);
  let word = wrap(BigInt(key) + 0x9e3779b97f4a7c15n * ((BigInt(stream) << 32n) + BigInt(i)));
  word = wrap((word ^ (word >> 30n)) * 0xbf58476d1ce4e5b9n);
  word = wrap((word ^ (word >> 27n)) * 0x94d049bb133111ebn);
  return word ^ (word >> 31n);
}

/** Random number i of a stream, uniform on [0, 1): the upper 53 bits of the word. */
export function uniform(key, stream, i) {
  return Number(randomWord(key, stream, i) >> 11n) / 2 ** 53;
}

/** Random number i of a stream, standard normal, from words 2i and 2i + 1 (Box and Muller 1958). */
export function normal(key, stream, i) {
  const radius = Math.sqrt(-2 * Math.log1p(-uniform(key, stream, 2 * i)));
  return radius * Math.cos(2 * Math.PI * uniform(key, stream, 2 * i + 1));
}

/** The order (n) in which an epoch visits n samples: the same as the package's `batch_order`. */
export function batchOrder(key, epoch, n) {
  const order = new Uint32Array(n);
  for (let i = 0; i < n; i++) {
    const j = Number(((randomWord(key, epoch, i) >> 32n) * BigInt(i + 1)) >> 32n);
    order[i] = order[j];
    order[j] = i;
  }
  return order;
}

/**
 * What a lab measures: n wells with inputs uniform on 0–`high` nM and outputs + N(0, noise²).
 * The first n wells of a larger draw are the same wells.
 */
export function measureWells(circuit, n, noise, high, seed) {
  const x = new Float64Array(2 * n);
  for (let i = 0; i < 2 * n; i++) x[i] = high * uniform(seed, 1, i);
  const y = circuitOutputs(x, circuit);
  for (let i = 0; i < 2 * n; i++) y[i] += noise * normal(seed, 2, i);
  return { x, y };
}

/** A fresh network: weights and biases uniform on ±1/√n_in. Layout: per layer weights (n_out, n_in), then biases. */
export function freshNetwork(sizes, seed) {
  const values = [];
  for (let layer = 0; layer + 1 < sizes.length; layer++) {
    const bound = 1 / Math.sqrt(sizes[layer]);
    const count = (sizes[layer] + 1) * sizes[layer + 1];
    for (let k = 0; k < count; k++) values.push(bound * (2 * uniform(seed, 3, values.length) - 1));
  }
  return Float64Array.from(values);
}

/**
 * One network made ready to compute: `activations(a, b)` runs it on one point, `backward(…)` adds that point's gradient.
 * Weights are read from `parameters` at every call, so an optimiser may change them in place.
 */
export function makeNetwork(sizes, parameters) {
  const depth = sizes.length - 1;
  const starts = [0];
  for (let l = 0; l < depth; l++) starts.push(starts[l] + (sizes[l] + 1) * sizes[l + 1]);
  const signals = sizes.map((size) => new Float64Array(size));
  const errors = sizes.map((size) => new Float64Array(size));

  /** Outputs for scaled inputs, as a view that the next call overwrites. ReLU after every layer but the last. */
  function activations(x1, x2) {
    signals[0][0] = x1;
    signals[0][1] = x2;
    for (let l = 0; l < depth; l++) {
      const input = signals[l];
      const output = signals[l + 1];
      const nIn = sizes[l];
      const nOut = sizes[l + 1];
      let weight = starts[l];
      const bias = weight + nIn * nOut;
      for (let j = 0; j < nOut; j++) {
        let sum = parameters[bias + j];
        for (let k = 0; k < nIn; k++) sum += parameters[weight++] * input[k];
        output[j] = l < depth - 1 && sum < 0 ? 0 : sum;
      }
    }
    return signals[depth];
  }

  /** Adds to `gradient` what the last point contributes, given the loss's slope at each output. */
  function backward(slopes, gradient) {
    errors[depth].set(slopes);
    for (let l = depth - 1; l >= 0; l--) {
      const input = signals[l];
      const above = errors[l + 1];
      const below = errors[l];
      const nIn = sizes[l];
      const nOut = sizes[l + 1];
      let weight = starts[l];
      const bias = weight + nIn * nOut;
      below.fill(0);
      for (let j = 0; j < nOut; j++) {
        const error = above[j];
        gradient[bias + j] += error;
        for (let k = 0; k < nIn; k++, weight++) {
          gradient[weight] += error * input[k];
          below[k] += error * parameters[weight];
        }
      }
      if (l > 0) for (let k = 0; k < nIn; k++) if (input[k] <= 0) below[k] = 0;
    }
  }

  return { sizes, parameters, activations, backward };
}

/** Concentration (nM) to a network input: 0 … 20 nM becomes −1 … 1. */
export function scaleInput(x) {
  return x / 10 - 1;
}

/** Predictions of a network at flat inputs (2N), nM: flat outputs (2N), nM. */
export function predict(network, x, outputScale) {
  const y = new Float64Array(x.length);
  for (let i = 0; i < x.length; i += 2) {
    const output = network.activations(scaleInput(x[i]), scaleInput(x[i + 1]));
    y[i] = output[0] * outputScale;
    y[i + 1] = output[1] * outputScale;
  }
  return y;
}

/**
 * Mean absolute error over a batch and its gradient with respect to every parameter, both in scaled units.
 * `batch` lists samples of `data` = {x, y} (flat, nM); `gradient` is overwritten. The slope of |e| at 0 is 0, as in torch.
 */
export function lossAndGradient(network, data, batch, outputScale, gradient) {
  gradient.fill(0);
  const slopes = new Float64Array(2);
  let loss = 0;
  for (const sample of batch) {
    const i = 2 * sample;
    const output = network.activations(scaleInput(data.x[i]), scaleInput(data.x[i + 1]));
    for (let o = 0; o < 2; o++) {
      const error = output[o] - data.y[i + o] / outputScale;
      loss += Math.abs(error);
      slopes[o] = Math.sign(error) / (2 * batch.length);
    }
    network.backward(slopes, gradient);
  }
  return loss / (2 * batch.length);
}

/** Adam with fresh state (Kingma and Ba 2015): each call of what it returns moves `parameters` one step. */
export function makeAdam(parameters, rate) {
  const [decay1, decay2, epsilon] = [0.9, 0.999, 1e-8];
  const mean = new Float64Array(parameters.length);
  const square = new Float64Array(parameters.length);
  let step = 0;
  return function move(gradient) {
    step += 1;
    const [correction1, correction2] = [1 - decay1 ** step, 1 - decay2 ** step];
    for (let i = 0; i < parameters.length; i++) {
      mean[i] = decay1 * mean[i] + (1 - decay1) * gradient[i];
      square[i] = decay2 * square[i] + (1 - decay2) * gradient[i] * gradient[i];
      parameters[i] -= ((rate / correction1) * mean[i]) / (Math.sqrt(square[i] / correction2) + epsilon);
    }
  };
}

/**
 * A training run that goes epoch by epoch: L1 loss, Adam at 1e-3, batches of 256 (all pairs when there are fewer).
 * `parameters` are copied. The batches are those of the package for the same key.
 */
export function makeTraining(sizes, parameters, data, outputScale, key) {
  const network = makeNetwork(sizes, Float64Array.from(parameters));
  const move = makeAdam(network.parameters, 1e-3);
  const gradient = new Float64Array(network.parameters.length);
  const n = data.x.length / 2;
  const everything = Uint32Array.from({ length: n }, (_, i) => i);
  const batchSize = 256;
  let epoch = 0;
  function runEpoch() {
    const order = n > batchSize ? batchOrder(key, epoch, n) : everything;
    for (let first = 0; first < n; first += batchSize) {
      lossAndGradient(network, data, order.subarray(first, first + batchSize), outputScale, gradient);
      move(gradient);
    }
    epoch += 1;
  }
  return { network, runEpoch };
}

/** Midpoints of an m × m mesh on 0–20 nM as flat points; the first input runs fastest. */
export function meshPoints(m) {
  const points = new Float64Array(2 * m * m);
  for (let i = 0; i < m * m; i++) points.set([(20 * ((i % m) + 0.5)) / m, (20 * (Math.floor(i / m) + 0.5)) / m], 2 * i);
  return points;
}

/** Mean absolute error (nM) of predictions at points inside and outside the small domain, 0–10 nM. */
export function errorsByRegion(points, predicted, truth) {
  const [sums, counts] = [[0, 0], [0, 0]];
  for (let i = 0; i < points.length; i += 2) {
    const region = points[i] <= 10 && points[i + 1] <= 10 ? 0 : 1;
    sums[region] += (Math.abs(predicted[i] - truth[i]) + Math.abs(predicted[i + 1] - truth[i + 1])) / 2;
    counts[region] += 1;
  }
  return { inside: sums[0] / counts[0], outside: sums[1] / counts[1] };
}

/** Base64 of little-endian float32 to numbers. */
export function decodeWeights(text) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return Float64Array.from(new Float32Array(bytes.buffer));
}

/** Source text of a Web Worker that knows all functions above, and others that it is given, and runs `main(self)`. */
export function workerSource(main, others = []) {
  const known = [
    ...others,
    hillFamily, circuitOutputs, randomWord, uniform, normal, batchOrder, measureWells, freshNetwork, makeNetwork,
    scaleInput, predict, lossAndGradient, makeAdam, makeTraining, meshPoints, errorsByRegion,
  ];
  return `${known.map(String).join("\n")}\n(${main})(self);`;
}
