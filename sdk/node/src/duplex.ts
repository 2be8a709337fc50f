/**
 * One bidirectional stream kept alive: opened when there is something to say, opened again when it breaks.
 *
 * Must not know what is said: a Talk decides what to send, to send again, and what an answer means.
 */

import type { ClientDuplexStream } from "@grpc/grpc-js";

import type { Target } from "./channel.js";
import { RequestError } from "./errors.js";
import type { Logger } from "./logger.js";
import { Backoff, pause } from "./retry.js";
import { fromCall } from "./status.js";

/** The two sides of a conversation. */
export interface Talk<Request, Response> {
  /** The next message to send, or undefined when there is none now. */
  take(): Request | undefined;
  /** The stream is new: whatever is not answered yet has to be said again. */
  restart(): void;
  /** An answer came. */
  receive(message: Response): void;
  /** True while an answer is missing; a broken stream is opened again only then. */
  busy(): boolean;
  /** The stream broke, and will be opened again if still busy. */
  failed(error: RequestError): void;
}

/** What every stream of a connection has. */
export interface Line<Request, Response> {
  readonly name: string;
  readonly target: Target;
  readonly logger: Logger;
  readonly open: () => ClientDuplexStream<Request, Response>;
}

/** Runs a Talk over a stream. */
export class Duplex<Request, Response> {
  readonly #line: Line<Request, Response>;
  readonly #talk: Talk<Request, Response>;
  readonly #backoff = new Backoff();
  readonly #ending = new AbortController();
  #call: ClientDuplexStream<Request, Response> | undefined;
  #serving = false;
  #speakDue = false;

  constructor(line: Line<Request, Response>, talk: Talk<Request, Response>) {
    this.#line = line;
    this.#talk = talk;
  }

  /** Say that `take` has something to give. */
  wake(): void {
    if (this.#ending.signal.aborted || this.#speakDue) return;
    // At the end of this turn of the loop, so that what is said in the same turn travels together.
    this.#speakDue = true;
    setImmediate(() => {
      this.#speakDue = false;
      if (this.#serving) this.#speak();
      else void this.#serve();
    });
  }

  /** End the stream; nothing is sent any more. */
  close(): void {
    this.#ending.abort();
    this.#call?.cancel();
  }

  async #serve(): Promise<void> {
    this.#serving = true;
    while (this.#talk.busy() && !this.#closed()) {
      this.#talk.restart();
      const error = await this.#converse();
      if (this.#closed()) break;
      if (error !== undefined) {
        this.#line.logger.info(`${this.#line.name}: the stream broke, opening it again`, { error });
        this.#talk.failed(error);
      }
      if (this.#talk.busy()) await pause(this.#backoff.nextMs(), this.#ending.signal);
    }
    this.#serving = false;
  }

  #closed(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Speak and listen until the stream ends; gives the error that ended it, if any. */
  #converse(): Promise<RequestError | undefined> {
    return new Promise((resolve) => {
      const call = this.#line.open();
      const end = (error?: RequestError): void => {
        this.#call = undefined;
        call.cancel();
        resolve(error);
      };
      this.#call = call;
      call.on("data", (message: Response) => {
        this.#listen(message, end);
      });
      call.on("drain", () => {
        this.#speak();
      });
      call.on("error", (error) => {
        end(fromCall(error, this.#line.target));
      });
      call.on("end", () => {
        // An error comes with the status right after the end; only then is a clean end one.
        setImmediate(end);
      });
      this.#speak();
    });
  }

  #speak(): void {
    const call = this.#call;
    if (call === undefined) return;
    while (!call.writableNeedDrain) {
      const message = this.#talk.take();
      if (message === undefined) return;
      call.write(message);
    }
  }

  #listen(message: Response, end: (error: RequestError) => void): void {
    this.#backoff.reset();
    try {
      this.#talk.receive(message);
    } catch (error) {
      // A bug of ours; those who wait are not forgotten.
      this.#line.logger.error(`${this.#line.name}: an answer could not be read`, { error });
      end(new RequestError(String(error), { code: "UNAVAILABLE" }));
    }
  }
}
