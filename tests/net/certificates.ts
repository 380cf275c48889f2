/** Certificates for tests, made by openssl in a temporary directory: an authority of our own and servers good and bad. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface KeyPair {
  readonly key: string;
  readonly cert: string;
}

export interface Certificates extends Disposable {
  /** PEM of the authority that signed all but `selfSigned`. */
  readonly ca: string;
  /** For 127.0.0.1 and localhost. */
  readonly good: KeyPair;
  /** For other.example only. */
  readonly otherHost: KeyPair;
  readonly expired: KeyPair;
  readonly notYetValid: KeyPair;
  readonly selfSigned: KeyPair;
}

const CONFIG = `[ca]
default_ca = own
[own]
database = index.txt
serial = serial
new_certs_dir = issued
default_md = sha256
policy = policy
unique_subject = no
[policy]
commonName = supplied
`;
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const HERE = "subjectAltName=IP:127.0.0.1,DNS:localhost\n";

export function makeCertificates(): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "cpra-certificates-"));
  const openssl = (args: string[]) =>
    execFileSync("openssl", args, { cwd: directory, stdio: ["ignore", "pipe", "pipe"] });
  const read = (name: string) => readFileSync(join(directory, name), "utf8");
  writeFileSync(join(directory, "config"), CONFIG);
  writeFileSync(join(directory, "index.txt"), "");
  writeFileSync(join(directory, "serial"), "1000\n");
  mkdirSync(join(directory, "issued"));
  openssl([
    "req",
    "-x509",
    ...KEY,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=test authority",
    "-days",
    "30",
  ]);

  const issue = (name: string, extensions: string, dates: readonly [from: string, to: string]): KeyPair => {
    writeFileSync(join(directory, `${name}.ext`), extensions);
    openssl(["req", ...KEY, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`]);
    openssl([
      ...[
        "ca",
        "-batch",
        "-notext",
        "-config",
        "config",
        "-cert",
        "ca.crt",
        "-keyfile",
        "ca.key",
        "-in",
        `${name}.csr`,
      ],
      ...["-out", `${name}.crt`, "-extfile", `${name}.ext`, "-startdate", dates[0], "-enddate", dates[1]],
    ]);
    return { key: read(`${name}.key`), cert: read(`${name}.crt`) };
  };
  const nowYear = new Date().getUTCFullYear();
  const valid = ["20200101000000Z", `${nowYear + 2}0101000000Z`] as const;
  const past = ["20200101000000Z", "20200201000000Z"] as const;
  const future = [`${nowYear + 2}0101000000Z`, `${nowYear + 3}0101000000Z`] as const;
  const self = [
    "-keyout",
    "self.key",
    "-out",
    "self.crt",
    "-subj",
    "/CN=localhost",
    "-addext",
    HERE.trim(),
    "-days",
    "30",
  ];
  openssl(["req", "-x509", ...KEY, ...self]);
  return {
    ca: read("ca.crt"),
    good: issue("good", HERE, valid),
    otherHost: issue("other", "subjectAltName=DNS:other.example\n", valid),
    expired: issue("expired", HERE, past),
    notYetValid: issue("future", HERE, future),
    selfSigned: { key: read("self.key"), cert: read("self.crt") },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
