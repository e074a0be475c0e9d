// Query plans through @cerbos/grpc and @cerbos/orm-prisma. Usage: node prisma.mjs GRPC PACKAGES QUESTIONS TARGET
import { readFileSync } from "node:fs";
import { connect, load } from "./connect.mjs";

const [grpc, packages, questionsFile, targetFile] = process.argv.slice(2);
const questions = JSON.parse(readFileSync(questionsFile, "utf8"));
const client = await connect("grpc", grpc, JSON.parse(readFileSync(targetFile, "utf8")));
const { queryPlanToPrisma } = await load(packages, "@cerbos/orm-prisma");

const answers = {};
for (const { name, principal, kind, action } of questions) {
  const what = Array.isArray(action) ? { actions: action } : { action };
  const queryPlan = await client.planResources({ principal, resource: { kind }, requestId: "swap", ...what });
  const mapper = (path) => ({ field: path.replace("request.resource.attr.", "") });
  try {
    answers[name] = queryPlanToPrisma({ queryPlan, mapper });
  } catch (error) {
    answers[name] = { refused: String(error) };
  }
}
console.log(JSON.stringify(answers));
process.exit(0);
