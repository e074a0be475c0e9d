// The scenario through @cerbos/grpc or @cerbos/http.
// Usage: node sdk.mjs grpc|http PACKAGES SCENARIO TARGET   (JSON in files; prints {step: answer})
import { readFileSync } from "node:fs";
import { connect, load } from "./connect.mjs";

const [kind, packages, scenarioFile, targetFile] = process.argv.slice(2);
const scenario = JSON.parse(readFileSync(scenarioFile, "utf8"));
const target = JSON.parse(readFileSync(targetFile, "utf8"));
const client = await connect(kind, packages, target);
const { NotOK, Service } = await load(packages, "@cerbos/core", "@cerbos/" + kind);

const admin = {
  ListPolicies: (c, r) => c.listPolicies({ includeDisabled: r.includeDisabled, ids: r.policyIds, nameRegexp: r.nameRegexp }),
  GetPolicy: (c, r) => c.getPolicies(r),
  InspectPolicies: (c, r) => c.inspectPolicies(r),
  ListSchemas: (c) => c.listSchemas(),
  GetSchema: async (c, r) => (await c.getSchemas(r)).schemas.map((s) => ({ id: s.id, definition: s.definition.toString() })),
  ReloadStore: (c, r) => c.reloadStore(r),
  DisablePolicy: (c, r) => c.disablePolicies(r),
  EnablePolicy: (c, r) => c.enablePolicies(r),
  DeleteSchema: (c, r) => c.deleteSchemas(r),
};

async function ask(step) {
  const common = {
    principal: step.principal,
    auxData: step.auxData,
    includeMetadata: step.includeMeta,
    requestId: step.requestId ?? "swap",
  };
  switch (step.call) {
    case "check": {
      const resources = step.resources.map(([resource, actions]) => ({ resource, actions }));
      const reply = await client.checkResources({ ...common, resources });
      // What programs do with it: the SDK's own look-ups.
      const allowed = step.resources.map(([resource, actions]) => actions.map((action) => reply.isAllowed({ resource, action })));
      return { reply, allowed };
    }
    case "plan": {
      const what = step.actions ? { actions: step.actions } : { action: step.action };
      return client.planResources({ ...common, ...what, resource: step.resource });
    }
    case "health": {
      const service = { "cerbos.svc.v1.CerbosService": Service.CERBOS, "cerbos.svc.v1.CerbosAdminService": Service.ADMIN }[step.service];
      return client.checkHealth({ service });
    }
    case "info":
      return client.serverInfo();
    case "admin": {
      const other = step.password && (await connect(kind, packages, { ...target, password: step.password }));
      return admin[step.method](other || client, step.request);
    }
  }
  throw new Error(`no such call: ${step.call}`);
}

const answers = {};
for (const step of scenario.steps) {
  // This SDK has no field for named tokens.
  if (step.only === "jwts") continue;
  try {
    answers[step.name] = (await ask(step)) ?? null;
  } catch (error) {
    if (!(error instanceof NotOK)) throw error;
    answers[step.name] = { error: { code: error.code, message: error.details } };
  }
}
console.log(JSON.stringify(answers, (_, value) => (typeof value === "bigint" ? String(value) : value)));
process.exit(0);
