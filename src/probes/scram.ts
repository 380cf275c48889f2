/**
 * The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) without channel binding, as PostgreSQL, MongoDB and Kafka use it.
 * The salted password, some milliseconds of CPU, is computed on the runtime's own threads and kept per configuration.
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from "node:crypto";

/** A server that asks for more would have us work for it: 100 times PostgreSQL's default. */
const ITERATIONS_MAX = 400_000;
const KEY_BYTES = 32;
const HEADER = "n,,";

export interface ScramLogin {
  readonly username: string;
  readonly password: string;
  /** One object for all logins with this password; what was computed for it is kept with it. */
  readonly owner: object;
}

/** Gives the server's answers to `exchange` and takes its next message. What is wrong with them is returned, for people. */
export interface ScramExchange {
  readonly first: string;
  /** The final message to the server's first. */
  final(serverFirst: string): Promise<{ message: string } | { fault: string }>;
  /** Whether the server knows the password too. */
  verify(serverFinal: string): boolean;
}

export function scramSha256(login: ScramLogin): ScramExchange {
  const nonce = randomBytes(18).toString("base64");
  const name = login.username.replaceAll("=", "=3D").replaceAll(",", "=2C");
  const firstBare = `n=${name},r=${nonce}`;
  let signature: Buffer | undefined;
  return {
    first: HEADER + firstBare,
    async final(serverFirst) {
      const parts = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=(\d{1,9})(?:,|$)/.exec(serverFirst);
      if (parts === null || !(parts[1] as string).startsWith(nonce)) {
        return { fault: "malformed SCRAM challenge" };
      }
      const iterations = Number(parts[3]);
      if (iterations < 1 || iterations > ITERATIONS_MAX) {
        return { fault: `${iterations} SCRAM iterations asked for` };
      }
      const salted = await saltedPassword(login, { salt: parts[2] as string, iterations });
      const withoutProof = `c=${Buffer.from(HEADER).toString("base64")},r=${parts[1]}`;
      const message = `${firstBare},${serverFirst},${withoutProof}`;
      const clientKey = hmac(salted, "Client Key");
      const proof = hmac(createHash("sha256").update(clientKey).digest(), message);
      for (let i = 0; i < proof.length; i++) (proof[i] as number) ^= clientKey[i] as number;
      signature = hmac(hmac(salted, "Server Key"), message);
      return { message: `${withoutProof},p=${proof.toString("base64")}` };
    },
    verify(serverFinal) {
      const given = /^v=([A-Za-z0-9+/=]+)/.exec(serverFinal);
      const bytes = Buffer.from(given?.[1] ?? "", "base64");
      return signature !== undefined && bytes.length === KEY_BYTES && timingSafeEqual(bytes, signature);
    },
  };
}

interface Salting {
  readonly salt: string;
  readonly iterations: number;
}

/** The last one of each configuration: a server keeps its salt. */
const SALTED = new WeakMap<object, { readonly key: string; readonly salted: Buffer }>();

async function saltedPassword(login: ScramLogin, { salt, iterations }: Salting): Promise<Buffer> {
  const key = `${iterations} ${salt} ${login.password}`;
  const known = SALTED.get(login.owner);
  if (known?.key === key) return known.salted;
  const salted = await new Promise<Buffer>((settle, fail) => {
    const saltBytes = Buffer.from(salt, "base64");
    pbkdf2(
      login.password.normalize("NFKC"),
      saltBytes,
      iterations,
      KEY_BYTES,
      "sha256",
      (error, bytes) => error === null ? settle(bytes) : fail(error),
    );
  });
  SALTED.set(login.owner, { key, salted });
  return salted;
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
