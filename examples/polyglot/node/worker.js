// The Node part of polyglot: sorts the words that Python has counted. Java goes on from there.
//
//     node worker.js                   # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

import { Worker } from "stellwerk";

const worker = new Worker();

/** The most frequent first; those that are equally frequent in the order of their first use. */
worker.register("polyglot.sort", (/** @type {Record<string, number>} */ counts) =>
  Object.entries(counts)
    .map(([word, times]) => ({ word, times }))
    .sort((a, b) => b.times - a.times),
);

await worker.start();
