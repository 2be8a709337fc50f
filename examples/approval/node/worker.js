// The approval worker: serves what is in approval.js.
//
//     node worker.js                   # serves 127.0.0.1:7400, or STELLWERK_ADDRESS

import { worker } from "./approval.js";

await worker.start();
