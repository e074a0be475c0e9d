// A hook for Codex as one would write it for Node: no packages, the same question to the same server, and every failure
// blocks. Usage: node hook.mjs SOCKET
import http from 'node:http';

const block = (why) => {
  process.stderr.write(`hook: ${why}; the call is blocked\n`);
  process.exit(2);
};
process.on('uncaughtException', (e) => block(e.message));
const clock = setTimeout(() => block('no answer'), 3000);
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const body = Buffer.concat(chunks);
const options = {
  socketPath: process.argv[2],
  path: '/v1/hooks/codex',
  method: 'POST',
  headers: { 'content-type': 'application/json', 'content-length': body.length },
};
const request = http.request(options, async (answer) => {
  let text = '';
  for await (const chunk of answer) text += chunk;
  if (answer.statusCode !== 200) block(`status ${answer.statusCode}`);
  JSON.parse(text);
  clearTimeout(clock);
  process.stdout.write(text + '\n', () => process.exit(0));
});
request.on('error', (e) => block(e.message));
request.end(body);
