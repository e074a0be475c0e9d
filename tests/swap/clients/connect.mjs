// Clients of the JavaScript SDK for a target, from packages that are installed elsewhere.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createSecureContext } from "node:tls";
import { pathToFileURL } from "node:url";

// Imports `name` as `via` (or the package folder) would.
export async function load(packages, name, via) {
  let require = createRequire(pathToFileURL(packages + "/package.json"));
  if (via) require = createRequire(pathToFileURL(require.resolve(via)));
  return import(pathToFileURL(require.resolve(name)).href);
}

export async function connect(kind, packages, target) {
  const adminCredentials = { username: "admin", password: target.password };
  if (kind === "http") {
    // The trusted signer of an https target is told to node by NODE_EXTRA_CA_CERTS.
    const { HTTP } = await load(packages, "@cerbos/http");
    return new HTTP(target.http, { adminCredentials });
  }
  const { GRPC } = await load(packages, "@cerbos/grpc");
  const file = (path) => path && readFileSync(path);
  const tls = target.ca ? createSecureContext({ ca: file(target.ca), cert: file(target.cert), key: file(target.key) }) : false;
  return new GRPC(target.grpc, { tls, adminCredentials });
}
