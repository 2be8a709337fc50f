/**
 * OpenTelemetry's own gRPC instrumentation, put on our connections alone.
 *
 * It patches what `require` gives, which an ESM import escapes, and then every gRPC client and server of the program; here
 * it gets a class of our own to patch instead. Must not touch grpc-js itself.
 */

import { createRequire } from "node:module";

import { Client, Metadata } from "@grpc/grpc-js";

const load = createRequire(import.meta.url);
const nothing = (): undefined => undefined;

let made: typeof Client | undefined;

/**
 * A client whose unary calls have spans; the plain one when the package is missing or has been applied to grpc-js by the
 * program. Streams are held open for minutes and polls mostly come back empty: spans of theirs would tell nothing.
 */
export function tracedClient(): typeof Client {
  return (made ??= make());
}

function make(): typeof Client {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- only looked at
  if ("__wrapped" in Client.prototype.makeUnaryRequest) return Client;
  const patched = patchedUnaryRequest();
  if (patched === undefined) return Client;
  class TracedClient extends Client {}
  Object.defineProperty(TracedClient.prototype, "makeUnaryRequest", {
    value(this: Client, ...given: unknown[]): unknown {
      // The call's trace context goes into the metadata, which our calls share.
      const own = given.map((value) => (value instanceof Metadata ? value.clone() : value));
      return Reflect.apply(patched, this, own);
    },
  });
  return TracedClient;
}

/** What the instrumentation makes of `Client.makeUnaryRequest`; undefined when it is not installed. */
function patchedUnaryRequest(): CallableFunction | undefined {
  let grpc: typeof import("@opentelemetry/instrumentation-grpc");
  try {
    grpc = load("@opentelemetry/instrumentation-grpc") as typeof grpc;
  } catch {
    return undefined;
  }
  class Patched extends Client {}
  const standIn = {
    Client: Patched,
    Metadata,
    Server: class {
      register(): void {
        nothing();
      }
    },
    makeClientConstructor: nothing,
    makeGenericClientConstructor: nothing,
    loadPackageDefinition: nothing,
  };
  const instrumentation = new grpc.GrpcInstrumentation({ enabled: false, ignoreGrpcMethods: ["PollTask"] });
  for (const { patch } of instrumentation.getModuleDefinitions()) patch?.(standIn);
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with its client, above
  return Patched.prototype.makeUnaryRequest;
}
