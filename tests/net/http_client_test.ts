/** callHttp() against servers that misbehave, in the ways that alert channels do. */
import { test } from "node:test";
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { callHttp } from "../../src/net/http_client.ts";

const NEVER = new AbortController().signal;

/** A raw server: `serve` gets the whole head and what came of the body, once the head is complete. */
async function rawServer(serve: (head: string, socket: Socket) => void, path?: string) {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server: Server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let text = "";
    let served = false;
    socket.on("data", (chunk) => {
      text += String(chunk);
      if (served || !text.includes("\r\n\r\n")) return;
      served = true;
      serve(text, socket);
    });
  });
  await new Promise<void>((resolve) =>
    path === undefined ? server.listen(0, "127.0.0.1", resolve) : server.listen(path, resolve)
  );
  const port = path === undefined ? (server.address() as AddressInfo).port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    sockets,
    accepted: () => accepted,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function answering(text: string) {
  return rawServer((_head, socket) => socket.end(text));
}

test("callHttp() sends method, path, headers and body, and gives status, headers and body", async () => {
  let seen = "";
  await using server = await rawServer((head, socket) => {
    seen = head;
    socket.end("HTTP/1.1 201 Created\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: 6\r\n\r\nhéllo");
  });
  const answer = await callHttp({
    method: "PUT",
    url: `${server.url.replace("//", "//us%40er:p%3Aw@")}/a/b?c=d`,
    headers: [["X-One", "1"], ["x-two", "2"], ["X-Two", "3"]],
    body: "grüße",
  }, NEVER);
  assert.deepEqual(answer, {
    kind: "answer",
    status: 201,
    headers: Object.assign(Object.create(null), { "x-twice": "a", "content-length": "6" }),
    body: "héllo",
    truncated: false,
  });
  const lower = seen.toLowerCase();
  assert.ok(seen.startsWith("PUT /a/b?c=d HTTP/1.1\r\n"), seen);
  assert.ok(lower.includes("\r\nx-one: 1\r\n"), seen);
  assert.ok(lower.includes("x-two: 2") && lower.includes("3"), seen);
  assert.ok(lower.includes("\r\ncontent-length: 7\r\n"), seen);
  assert.ok(lower.includes("\r\nconnection: close\r\n"), seen);
  assert.ok(seen.includes(`Basic ${Buffer.from("us@er:p:w").toString("base64")}`), seen);
});

test("callHttp() keeps the head of an endless body and closes the connection", async () => {
  await using server = await rawServer((_head, socket) => {
    socket.write("HTTP/1.1 200 OK\r\n\r\n");
    const more = () => {
      while (!socket.destroyed && socket.write("x".repeat(16384))) { /* until the buffer is full */ }
    };
    socket.on("drain", more);
    more();
  });
  const answer = await callHttp({ method: "GET", url: server.url, answerLimitBytes: 1000 }, NEVER);
  assert.ok(answer.kind === "answer");
  assert.deepEqual([answer.status, answer.body, answer.truncated], [200, "x".repeat(1000), true]);
  await gone(server.sockets);
});

test("callHttp() does not follow a redirect", async () => {
  await using server = await answering(
    "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
  );
  const answer = await callHttp({ method: "POST", url: server.url, body: "x" }, NEVER);
  assert.equal(answer.kind === "answer" && answer.status, 302);
  assert.equal(server.accepted(), 1);
});

test("callHttp() tells an answer that was cut off from a complete one", async () => {
  for (
    const [name, text] of [
      ["in the body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"],
      ["in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf"],
      ["in the head", "HTTP/1.1 200 OK\r\nContent-Le"],
      ["before anything", ""],
    ] as const
  ) {
    await using server = await answering(text);
    const answer = await callHttp({ method: "GET", url: server.url }, NEVER);
    assert.equal(answer.kind, "failure", name);
  }
});

test("callHttp() reports garbage as a failure", async () => {
  await using server = await answering("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  assert.equal((await callHttp({ method: "GET", url: server.url }, NEVER)).kind, "failure");
});

test("callHttp() settles when its signal fires and frees the socket, whatever the server does", async () => {
  for (
    const [name, text] of [
      ["no answer", ""],
      ["half a head", "HTTP/1.1 200 OK\r\n"],
      ["half a body", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"],
    ] as const
  ) {
    const abort = new AbortController();
    await using server = await rawServer((_head, socket) => {
      socket.write(text);
      setTimeout(() => abort.abort(), 50);
    });
    const answer = await callHttp({ method: "POST", url: server.url, body: "x" }, abort.signal);
    assert.deepEqual(
      answer,
      { kind: "failure", text: "no complete answer in time", code: "", cancelled: true },
      name,
    );
    await gone(server.sockets);
  }
  const answer = await callHttp({ method: "GET", url: "http://127.0.0.1:1/" }, AbortSignal.abort());
  assert.equal(answer.kind === "failure" && answer.cancelled, true);
});

test("callHttp() names a refused connection, a missing host and a missing socket", async () => {
  const server = await answering("");
  await server[Symbol.asyncDispose]();
  const text = async (url: string, socketPath?: string) => {
    const answer = await callHttp(
      { method: "GET", url, ...(socketPath === undefined ? {} : { socketPath }) },
      NEVER,
    );
    return answer.kind === "failure" ? answer.text : answer.status;
  };
  assert.equal(await text(server.url), "connection refused");
  assert.equal(await text("http://localhost/", "/nonexistent/socket"), "no such socket");
  assert.match(String(await text("http://no-such-host.invalid/")), /host name|call failed/);
});

test("callHttp() talks over a unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cpra-http-"));
  const path = join(folder, "s");
  try {
    await using _server = await rawServer((head, socket) => {
      const first = head.split("\r\n", 1)[0] as string;
      socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${first.length}\r\n\r\n${first}`);
    }, path);
    const answer = await callHttp({ method: "GET", url: "http://localhost/x?y=1", socketPath: path }, NEVER);
    assert.equal(answer.kind === "answer" && answer.body, "GET /x?y=1 HTTP/1.1");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("callHttp() refuses to write a header that would split the request", async () => {
  await using server = await answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  const answer = await callHttp({ method: "GET", url: server.url, headers: [["X-A", "1\r\nX-B: 2"]] }, NEVER);
  assert.equal(answer.kind, "failure");
});

test("callHttp() verifies certificates, whatever the environment says", async () => {
  await using server = await tlsServer();
  const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
  try {
    assert.deepEqual(await callHttp({ method: "GET", url: server.url }, NEVER), {
      kind: "failure",
      text: "certificate not trusted",
      code: "DEPTH_ZERO_SELF_SIGNED_CERT",
      cancelled: false,
    });
  } finally {
    if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
  }
});

test("callHttp() speaks https with a server whose authority is trusted", async () => {
  await using server = await tlsServer();
  // The trusted authorities are read when a process starts.
  const script = `
    import { callHttp } from ${JSON.stringify(new URL("../../src/net/http_client.ts", import.meta.url).href)};
    const answer = await callHttp({ method: "GET", url: process.env.URL_TO_CALL }, new AbortController().signal);
    process.stdout.write(JSON.stringify(answer));
  `;
  const file = join(server.folder, "call.mts");
  writeFileSync(file, script);
  const env = {
    ...process.env,
    URL_TO_CALL: server.url,
    NODE_EXTRA_CA_CERTS: server.certificate,
    DENO_CERT: server.certificate,
  };
  const args = "Deno" in globalThis ? ["run", "-A", "--no-check", file] : [file];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env });
  assert.match(stdout, /"status":200.*"body":"safe"/, stderr);
});

async function tlsServer() {
  const folder = mkdtempSync(join(tmpdir(), "cpra-tls-"));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = [
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-days",
    "2",
  ];
  const form = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await promisify(execFile)("openssl", ["req", ...form, "-keyout", key, "-out", certificate, ...subject]);
  const server = createTlsServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (_request, response) => {
      response.end("safe");
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}/`,
    folder,
    certificate,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(folder, { recursive: true });
    },
  };
}

async function gone(sockets: ReadonlySet<Socket>): Promise<void> {
  const giveUp = Date.now() + 10_000;
  while (sockets.size > 0) {
    assert.ok(Date.now() < giveUp, "the client still holds its connection");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
