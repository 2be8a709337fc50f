/** How to reach a server: address, TLS, token and channel options. Must not know any service. */

import { readFileSync } from "node:fs";

import { Client, credentials, Metadata, type ChannelCredentials, type ChannelOptions } from "@grpc/grpc-js";

import { VERSION } from "./version.js";

const DEFAULT_ADDRESS = "127.0.0.1:7400";
const DEFAULT_PORT = 7400;
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;

/** Batches stay below this, so that a message never meets the transport's limit. */
export const BATCH_BYTES_MAX = 4 * 1024 * 1024;

const OPTIONS: ChannelOptions = {
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.keepalive_permit_without_calls": 1,
  "grpc.max_send_message_length": MESSAGE_BYTES_MAX,
  "grpc.max_receive_message_length": MESSAGE_BYTES_MAX,
  // A restarted server is found within a second or two; the defaults wait up to two minutes.
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": 2_000,
  // Our own retries know request ids and budgets; the transport's do not.
  "grpc.enable_retries": 0,
  // Every client and worker has connections of its own, and closes them.
  "grpc.use_local_subchannel_pool": 1,
  // What a DNS server says about retries or balancing is nothing we asked for.
  "grpc.service_config_disable_resolution": 1,
};

/**
 * TLS options: PEM files of the server's CA (default: the system's) and of a client certificate.
 *
 * `serverName` overrides the name the certificate must have (default: the host of the address).
 */
export interface Tls {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly serverName?: string | undefined;
}

/** What clients and workers have in common: which server, and as whom. */
export interface ConnectionOptions {
  /** host:port (default: STELLWERK_ADDRESS, else 127.0.0.1:7400). */
  readonly address?: string | undefined;
  /** Bearer token (default: STELLWERK_TOKEN, else none). */
  readonly token?: string | undefined;
  /** Default: STELLWERK_NAMESPACE, else "default". */
  readonly namespace?: string | undefined;
  /** true, false or TLS options (default: STELLWERK_TLS on|off, else plain on loopback, TLS elsewhere). */
  readonly tls?: boolean | Tls | undefined;
}

/** A server and how to speak to it; plain data, so that it can be handed to a thread. No `tls`: plain text. */
export interface Target {
  readonly address: string;
  readonly token: string;
  readonly namespace: string;
  readonly tls: Tls | undefined;
}

/** Fill in what is not given from the environment, then from the defaults. Throws RangeError. */
export function targetOf(options: ConnectionOptions): Target {
  const { env } = process;
  const address = checked(options.address ?? (env["STELLWERK_ADDRESS"] || DEFAULT_ADDRESS));
  return {
    address,
    token: options.token ?? env["STELLWERK_TOKEN"] ?? "",
    namespace: options.namespace ?? (env["STELLWERK_NAMESPACE"] || "default"),
    tls: tlsOf(address, options.tls),
  };
}

/** The server in an error message. */
export function described(target: Target): string {
  return `${target.address} (TLS ${target.tls === undefined ? "off" : "on"})`;
}

/** A connection of its own; whoever opens it closes it. `Kind` is what makes spans of its calls, where they are traced. */
export function open(target: Target, Kind: typeof Client = Client): Client {
  return new Kind(target.address, credentialsOf(target.tls), optionsOf(target));
}

/** What every call carries. */
export function metadataOf(target: Target): Metadata {
  const metadata = new Metadata();
  metadata.set("x-client-name", "stellwerk-node");
  metadata.set("x-client-version", VERSION);
  if (target.token) metadata.set("authorization", `Bearer ${target.token}`);
  return metadata;
}

function optionsOf(target: Target): ChannelOptions {
  // A proxy of the environment is for the world outside.
  const proxy = { "grpc.enable_http_proxy": isLoopback(target.address) ? 0 : 1 };
  const name = target.tls?.serverName;
  if (name === undefined) return { ...OPTIONS, ...proxy };
  return { ...OPTIONS, ...proxy, "grpc.ssl_target_name_override": name, "grpc.default_authority": name };
}

function credentialsOf(tls: Tls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const [ca, key, cert] = [tls.caFile, tls.keyFile, tls.certFile].map((file) => (file ? readFileSync(file) : null));
  return credentials.createSsl(ca, key, cert);
}

/** Plain text is the default on loopback only. */
function tlsOf(address: string, given: boolean | Tls | undefined): Tls | undefined {
  if (typeof given === "object") return given;
  const wanted = given ?? tlsOfEnvironment() ?? !isLoopback(address);
  return wanted ? { caFile: process.env["STELLWERK_TLS_CA"] || undefined } : undefined;
}

function tlsOfEnvironment(): boolean | undefined {
  const came = process.env["STELLWERK_TLS"] ?? "";
  const value = came.toLowerCase();
  if (value === "" || value === "auto") return undefined;
  if (value !== "on" && value !== "off") {
    throw new RangeError(`STELLWERK_TLS: expected on, off or auto, came '${came}'`);
  }
  return value === "on";
}

function checked(address: string): string {
  if (address.startsWith("unix:")) return address;
  if (address.startsWith("[") && address.endsWith("]")) return `${address}:${DEFAULT_PORT}`;
  const colon = address.lastIndexOf(":");
  const host = colon < 0 ? address : address.slice(0, colon);
  const port = colon < 0 ? String(DEFAULT_PORT) : address.slice(colon + 1);
  const portIsGood = /^\d+$/.test(port) && Number(port) > 0 && Number(port) < 65536;
  if (!host || /[/ ]/.test(address) || !portIsGood) {
    throw new RangeError(`address: expected host:port (STELLWERK_ADDRESS), came '${address}'`);
  }
  return `${host}:${port}`;
}

function isLoopback(address: string): boolean {
  if (address.startsWith("unix:")) return true;
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
