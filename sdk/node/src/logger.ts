/** What the SDK and handlers log to: the program's own logger, or lines on stderr. Must not decide what is said. */

import { inspect } from "node:util";

/** Named facts of a record. */
export type Fields = Readonly<Record<string, unknown>>;

/** Where records go; the `console`-like loggers in use fit behind four one-line functions. */
export interface Logger {
  debug(message: string, fields: Fields): void;
  info(message: string, fields: Fields): void;
  warn(message: string, fields: Fields): void;
  error(message: string, fields: Fields): void;
}

/** The default: one line on stderr for warnings and errors, nothing for the rest. */
export const stderrLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message, fields) => {
    write("warning", message, fields);
  },
  error: (message, fields) => {
    write("error", message, fields);
  },
};

/** A logger that adds these fields to every record, beside what the caller adds. */
export function withFields(logger: Logger, own: Fields): Logger {
  return {
    debug: (message, fields) => {
      logger.debug(message, { ...own, ...fields });
    },
    info: (message, fields) => {
      logger.info(message, { ...own, ...fields });
    },
    warn: (message, fields) => {
      logger.warn(message, { ...own, ...fields });
    },
    error: (message, fields) => {
      logger.error(message, { ...own, ...fields });
    },
  };
}

function write(level: string, message: string, fields: Fields): void {
  const facts = Object.entries(fields).map(([name, value]) => ` ${name}=${text(value)}`);
  const line = `${new Date().toISOString()} ${level} stellwerk: ${message}${facts.join("")}`;
  process.stderr.write(`${line.replaceAll("\n", " | ")}\n`);
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.stack ?? String(value);
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: 4 });
}
