// Reads cases as JSON from standard input, one object a case, and answers each with what maths.js and reader.js in src/fewerwells/book/widgets give.
import { readFileSync } from "node:fs";
import * as maths from "../src/fewerwells/book/widgets/maths.js";
import * as plate from "../src/fewerwells/book/widgets/plate_maths.js";
import * as plates from "../src/fewerwells/book/widgets/reader.js";

const answer = {
  circuit: ({ x, circuit }) => maths.circuitOutputs(x, circuit),
  words: ({ key, stream, n }) => Array.from({ length: n }, (_, i) => String(maths.randomWord(BigInt(key), stream, i))),
  order: ({ key, epoch, n }) => maths.batchOrder(BigInt(key), epoch, n),
  wells: ({ circuit, n, noise, high, seed }) => maths.measureWells(circuit, n, noise, high, seed),
  normals: ({ key, n }) => Array.from({ length: n }, (_, i) => maths.normal(key, 0, i)),
  fresh: ({ sizes, seed }) => maths.freshNetwork(sizes, seed),
  predict: ({ sizes, parameters, x, scale }) => maths.predict(maths.makeNetwork(sizes, parameters), x, scale),
  gradient: ({ sizes, parameters, x, y, scale }) => {
    const gradient = new Float64Array(parameters.length);
    const batch = Array.from({ length: x.length / 2 }, (_, i) => i);
    const loss = maths.lossAndGradient(maths.makeNetwork(sizes, parameters), { x, y }, batch, scale, gradient);
    return { loss, gradient: Array.from(gradient) };
  },
  training: ({ sizes, parameters, x, y, scale, key, epochs }) => {
    const training = maths.makeTraining(sizes, parameters, { x, y }, scale, BigInt(key));
    for (let epoch = 0; epoch < epochs; epoch++) training.runEpoch();
    return training.network.parameters;
  },
  table: ({ text }) => {
    try {
      const table = plate.parseTable(text);
      return { ...table, ...plate.guessRoles(table) };
    } catch (error) {
      return error.message;
    }
  },
  process: ({ points, means, variances, parameters, asked }) => {
    const process = plate.makeProcess(points, means, variances, parameters);
    return { evidence: process.evidence, answers: asked.map((point) => process.predict(point)) };
  },
  plate: ({ x, y, asked }) => {
    const groups = plate.groupWells(x, y);
    const process = plate.fitProcess(groups);
    return { sd: groups.sd, counts: groups.counts, answers: asked.map((point) => process.predict(point)) };
  },
  halves: ({ weights }) => plates.halves(weights),
  read: ({ network, x, y, queries }) => plates.readPlate(plates.makeReader(network), { x, y }, queries),
  least_sure: ({ network, x, y, candidates, n, replicates }) =>
    plates.leastSure(plates.makeReader(network), { x, y }, candidates, n, replicates),
  reading_seconds: ({ network, x, y, queries }) => {
    const reader = plates.makeReader(network);
    const started = performance.now();
    plates.readPlate(reader, { x, y }, queries);
    return (performance.now() - started) / 1000;
  },
  seconds: ({ sizes, parameters, x, y, scale, epochs }) => {
    const started = performance.now();
    for (let network = 0; network < 2; network++) {
      const training = maths.makeTraining(sizes, parameters, { x, y }, scale, 0);
      for (let epoch = 0; epoch < epochs; epoch++) training.runEpoch();
    }
    return (performance.now() - started) / 1000;
  },
};

const plain = (_, value) => (ArrayBuffer.isView(value) ? Array.from(value) : value);
const cases = JSON.parse(readFileSync(0, "utf-8"));
process.stdout.write(JSON.stringify(cases.map(({ what, ...given }) => answer[what](given)), plain));
