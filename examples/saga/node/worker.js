// The saga worker: serves what is in saga.js.
//
//     node worker.js                   # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

import { worker } from "./saga.js";

await worker.start();
