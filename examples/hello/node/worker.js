// The hello worker: a plain handler and one that streams.
//
//     node worker.js                   # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

import { Worker } from "stellwerk";

const worker = new Worker();

worker.register("hello.greet", (/** @type {{name: string}} */ guest) => `Hello, ${guest.name}!`);

// Whoever watches the run sees each word as it is said; the step's output is the list of them.
worker.register("hello.speak", function* (/** @type {string} */ greeting) {
  yield* greeting.split(" ");
});

await worker.start();
