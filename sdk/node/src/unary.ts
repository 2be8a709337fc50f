/** Unary calls on one connection: made, counted, and cut at its end. Must not decide what is sent again. */

import type { Client, ClientUnaryCall, Metadata } from "@grpc/grpc-js";

/** A method as the generated service definitions have it. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** A call on its way. */
export interface Call<Response> {
  readonly answer: Promise<Response>;
  cancel(): void;
}

/** The calls of one connection. */
export class Calls {
  readonly #client: Client;
  readonly #metadata: Metadata;
  readonly #open = new Set<ClientUnaryCall>();

  constructor(client: Client, metadata: Metadata) {
    this.#client = client;
    this.#metadata = metadata;
  }

  /** Send a request; the answer rejects with what grpc-js says. */
  send<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    timeoutMs: number,
  ): Call<Response> {
    let call: ClientUnaryCall | undefined;
    const answer = new Promise<Response>((resolve, reject) => {
      call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          if (call !== undefined) this.#open.delete(call);
          if (error === null) resolve(response as Response);
          else reject(error);
        },
      );
      this.#open.add(call);
    });
    return { answer, cancel: () => call?.cancel() };
  }

  /** Cut every call that is still on its way. */
  cancelAll(): void {
    for (const call of this.#open) call.cancel();
  }
}
