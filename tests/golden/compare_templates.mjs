// Compares attune-cli's chat templates with @huggingface/jinja (JavaScript) and, where Python with Jinja2 is given, with that in
// transformers' environment: every template of a folder over generated conversations, and the small cases of
// jinja_cases.json. Run by hand; results stand in compare_templates.md.
//   node compare_templates.mjs ATTUNE_CLI TEMPLATES_FOLDER [CONVERSATIONS] [PYTHON]
import { execFileSync, spawnSync } from 'child_process';
import fs from 'fs';
import os from 'os';
import path from 'path';
import { fileURLToPath } from 'url';

const here = path.dirname(fileURLToPath(import.meta.url));
const [, , cli, templates, wanted = '100', python = ''] = process.argv;
const RealDate = Date; // strftime_now is 2025-07-10 for all
globalThis.Date = class extends RealDate {
  constructor(...given) {
    if (given.length) super(...given);
    else super(2025, 6, 10);
  }
};
const { Template } = await import('@huggingface/jinja');

let state = 20251125n;
const random = (limit) => {
  state = (state * 6364136223846793005n + 1442695040888963407n) & ((1n << 64n) - 1n);
  return Number((state >> 33n) % BigInt(limit));
};
const pick = (list) => list[random(list.length)];
const words = ['hello', 'Wie geht es?', '日本語 テスト', 'naïve café', '🙂👩‍👩‍👧', 'a\u0301 combining', 'العربية', '<|im_end|>', '</s>', '{{ x }}', '{% if %}',
  '"quoted" \'text\'', 'back\\slash', 'tab\there', 'line\nbreak', '\n\nparagraph', '  spaces  ', '<think>secret</think>after', '</think>', '<tool_call>', '&lt;<b>', '$5 %s {0}',
  'e\u200bz', 'Ünïcödé ß', '1.5e10', '\u2028sep', 'x'.repeat(40)];
const text = () => Array.from({ length: 1 + random(4) }, () => pick(words)).join(pick([' ', '', '\n'])) || 'x';
const parameters = () => ({ type: 'object', properties: Object.fromEntries(Array.from({ length: random(3) }, (_, i) => [pick(['city', 'größe', 'n', 'list']) + i,
  { type: pick(['string', 'integer', 'number', 'boolean', 'array']), description: text(), ...(random(2) ? { enum: ['a', 'ü'] } : {}) }])), required: random(2) ? [] : ['city0'] });
const tools = () => Array.from({ length: 1 + random(3) }, (_, i) => ({ type: 'function', function: { name: 'tool_' + i, description: text(), parameters: parameters() } }));
const conversation = () => {
  const messages = [];
  if (random(2)) messages.push({ role: 'system', content: text() });
  const withTools = random(3) === 0;
  for (let turns = 1 + random(4), turn = 0; turn < turns; turn++) {
    messages.push({ role: 'user', content: random(20) ? text() : '' });
    const last = turn + 1 === turns;
    if (last && random(2)) break;
    if (withTools && random(2)) {
      const id = 'call' + String(10000 + random(89999));
      messages.push({ role: 'assistant', content: random(2) ? '' : text(), tool_calls: [{ id, type: 'function', function: { name: 'tool_0', arguments: { city0: text(), n: random(100), f: random(9) + 0.5, deep: { ok: true, none: null } } } }] });
      messages.push({ role: 'tool', name: 'tool_0', tool_call_id: id, content: text() });
    }
    messages.push({ role: 'assistant', content: text(), ...(random(6) ? {} : { reasoning_content: text() }) });
  }
  const variables = { messages, tools: withTools ? tools() : null, documents: null, bos_token: pick(['<s>', '<|begin|>']), eos_token: '</s>', add_generation_prompt: random(2) === 0 };
  if (random(4) === 0) variables.enable_thinking = random(2) === 0;
  if (random(6) === 0) messages[messages.length - 1].content = [{ type: 'text', text: text() }];
  return variables;
};

const work = fs.mkdtempSync(path.join(os.tmpdir(), 'templates-'));
const ours = (source, lines) => {
  const file = path.join(work, 'template.jinja');
  fs.writeFileSync(file, source);
  const result = spawnSync(cli, ['render', '--template', file, '--now', '2025-07-10', '-'], { input: lines.map((line) => JSON.stringify(line)).join('\n') + '\n', maxBuffer: 1 << 30 });
  if (result.status !== 0) return lines.map(() => ({ error: result.stderr.toString().trim() }));
  return result.stdout.toString().trim().split('\n').map((line) => JSON.parse(line));
};
const theirs = (source, variables) => {
  try {
    return { text: new Template(source).render(structuredClone(variables)) };
  } catch (error) {
    return { error: String(error.message ?? error) };
  }
};
const oracle = (rows) => {
  if (!python) return rows.map(() => null);
  const input = rows.map(({ source, variables }) => JSON.stringify({ source, variables })).join('\n') + '\n';
  return execFileSync(python, [path.join(here, 'render_reference.py')], { input, maxBuffer: 1 << 30 }).toString().trim().split('\n').map((line) => JSON.parse(line));
};
const same = (a, b) => a.text === b.text && (a.error === undefined) === (b.error === undefined);

const report = (name, rows) => {
  const references = oracle(rows);
  let script = 0, reference = 0, both = 0;
  const shown = new Set();
  rows.forEach((row, i) => {
    const differs = !same(row.ours, row.theirs), wrong = references[i] && !same(row.ours, references[i]);
    script += differs;
    reference += Boolean(wrong);
    both += Boolean(wrong && differs);
    if ((wrong || (differs && !references[i])) && shown.size < 3) {
      shown.add(i);
      console.log(JSON.stringify({ name, source: row.source.slice(0, 200), ours: row.ours, theirs: row.theirs, python: references[i], variables: row.source.length < 300 ? undefined : row.variables }).slice(0, 3000));
    }
  });
  console.log(`${name}: ${rows.length} renderings; differ from JavaScript ${script}, from Python ${python ? reference : '-'}, from both ${python ? both : '-'}`);
  return [rows.length, script, reference, both];
};

const total = [0, 0, 0, 0];
const add = (counts) => counts.forEach((count, i) => { total[i] += count; });
for (const name of fs.readdirSync(templates).filter((file) => file.endsWith('.jinja')).sort()) {
  const source = fs.readFileSync(path.join(templates, name), 'utf8');
  const lines = Array.from({ length: Number(wanted) }, conversation);
  const answers = ours(source, lines);
  add(report(name, lines.map((variables, i) => ({ source, variables, ours: answers[i], theirs: theirs(source, variables) }))));
}
console.log('real templates:', total.join(' / '));
for (const file of ['jinja_cases.json']) {
  const golden = JSON.parse(fs.readFileSync(path.join(here, file), 'utf8'));
  const rows = golden.cases.map(({ source }) => {
    const variables = { messages: [], ...golden.variables };
    return { source, variables, ours: ours(source, [variables])[0], theirs: theirs(source, variables) };
  });
  report(file, rows);
}
fs.rmSync(work, { recursive: true });
