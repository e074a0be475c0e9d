// Renders the Helm chart with Go's own template engine, as `helm template` would. What Helm adds to that engine and the
// chart uses (include, toYaml, nindent, fail) is done here, before; nothing else of Helm's is there, so that anything
// else in the chart is an error. Usage: node render.mjs PACKAGES CHART RELEASE VALUES…   (prints YAML)
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [packages, chart, release, ...files] = process.argv.slice(2);
const require = createRequire(pathToFileURL(packages + "/package.json"));
const YAML = require("yaml");
const { parse } = await import(pathToFileURL(packages + "/node_modules/@evertdespiegeleer/go-template/dist/main.js").href);

const read = (file) => YAML.parse(readFileSync(file, "utf8")) ?? {};
const isMap = (v) => v !== null && typeof v === "object" && !Array.isArray(v);
const merge = (a, b) => {
  const all = { ...a };
  for (const [k, v] of Object.entries(b)) all[k] = isMap(a[k]) && isMap(v) ? merge(a[k], v) : v;
  return all;
};
const about = read(`${chart}/Chart.yaml`);
const context = {
  Values: files.map(read).reduce(merge, read(`${chart}/values.yaml`)),
  Release: { Name: release, Service: "Helm" },
  Chart: { Name: about.name, AppVersion: String(about.appVersion) },
};
const at = (path) => path.split(".").slice(1).reduce((v, k) => v[k], context);
const indent = (text, n) => "\n" + text.trimEnd().split("\n").map((l) => (l ? " ".repeat(n) + l : l)).join("\n");

const defines = new Map();
const ACTION = /\{\{-? *(.*?) *-?\}\}/gs;
function noteDefines(text) {
  // Ends are counted to find where a definition ends.
  let open = null, depth = 0;
  for (const m of text.matchAll(ACTION)) {
    const word = m[1].split(/\s/)[0];
    if (word === "define") [open, depth] = [{ name: m[1].match(/"(.*?)"/)[1], at: m.index + m[0].length, trim: m[0].endsWith("-}}") }, 1];
    else if (["if", "range", "with"].includes(word)) depth += 1;
    else if (word === "end" && --depth === 0 && open) {
      let body = text.slice(open.at, m.index);
      if (open.trim) body = body.trimStart();
      if (m[0].startsWith("{{-")) body = body.trimEnd();
      defines.set(open.name, body);
      open = null;
    }
  }
}

async function render(text) {
  const values = [];
  for (const m of text.matchAll(ACTION)) {
    const [whole, action] = m;
    let found;
    if ((found = action.match(/^include "(.*?)" \.(?: \| nindent (\d+))?$/))) {
      if (!defines.has(found[1])) throw new Error(`no such template: ${found[1]}`);
      // Rendered where it is used only: a branch that is not taken must not fail.
      const body = await render(defines.get(found[1])).catch((e) => `FAILED: ${e}`);
      values.push([whole, found[2] ? indent(body, Number(found[2])) : body]);
    } else if ((found = action.match(/^toYaml (\.\S+) \| nindent (\d+)$/))) {
      values.push([whole, indent(YAML.stringify(at(found[1]), { lineWidth: 0 }), Number(found[2]))]);
    } else if ((found = action.match(/^fail "(.*?)"$/))) {
      values.push([whole, `FAILED: ${found[1]}`]);
    }
  }
  for (const [action, value] of values) {
    const escaped = value.replaceAll("{{", "{{`{{`}}");
    text = text.replace(action, (whole) => (whole.startsWith("{{-") ? "{{- `` }}" : "") + escaped);
  }
  return parse(text, context);
}

const templates = readdirSync(`${chart}/templates`).sort();
for (const name of templates) noteDefines(readFileSync(`${chart}/templates/${name}`, "utf8"));
let failed = false;
for (const name of templates.filter((n) => n.endsWith(".yaml"))) {
  const text = await render(readFileSync(`${chart}/templates/${name}`, "utf8"));
  const fault = text.match(/FAILED: (.*)/);
  if (fault) {
    console.error(`${name}: ${fault[1]}`);
    failed = true;
  } else if (text.trim()) console.log(`---\n# ${name}\n${text.trim()}`);
}
process.exit(failed ? 1 : 0);
