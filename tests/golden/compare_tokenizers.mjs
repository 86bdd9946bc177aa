// Compares attune-cli with an independent tokenizer on the texts of tokenizer_texts.mjs. Run by hand; results stand in
// compare_tokenizers.md.   node compare_tokenizers.mjs ATTUNE_CLI MODEL_FOLDER TEXTS.jsonl [PACKAGE]
// PACKAGE (installed beside this script by npm): @anush008/tokenizers, the Rust library behind Hugging Face's Python package
// (default), or @huggingface/tokenizers, a second implementation in JavaScript.
import { execFileSync } from 'child_process';
import fs from 'fs';
import path from 'path';

const [, , cli, folder, texts, name = '@anush008/tokenizers'] = process.argv;
const lines = fs.readFileSync(texts, 'utf8').trim().split('\n').map((line) => JSON.parse(line).text);
const file = path.join(folder, 'tokenizer.json');
let encode, decode;
if (name === '@huggingface/tokenizers') {
  const { Tokenizer } = await import(name);
  const config = JSON.parse(fs.readFileSync(path.join(folder, 'tokenizer_config.json'), 'utf8'));
  const reference = new Tokenizer(JSON.parse(fs.readFileSync(file, 'utf8')), config);
  encode = (text) => reference.encode(text, { add_special_tokens: false }).ids;
  decode = (ids) => reference.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false });
} else {
  const { default: library } = await import(name);
  const reference = library.Tokenizer.fromFile(file);
  reference.disableTruncation();
  reference.disablePadding();
  encode = async (text) => (await reference.encode(text, null, { addSpecialTokens: false })).getIds();
  decode = (ids) => reference.decode(ids, false);
}
const run = (options, input) => execFileSync(cli, ['tokenize', '--model', folder, ...options, '-'],
  { input: input.map((row) => JSON.stringify(row)).join('\n') + '\n', maxBuffer: 1 << 30 }).toString().trim().split('\n').map((line) => JSON.parse(line));
const ours = run([], lines.map((text) => ({ text })));
const back = run(['--decode', '--special'], ours.map(({ ids }) => ({ ids })));
let ids = 0, decoded = 0;
for (let i = 0; i < lines.length; i++) {
  const expected = await encode(lines[i]);
  if (JSON.stringify(expected) !== JSON.stringify(ours[i].ids)) {
    if (ids++ < 5) console.log('ids:', JSON.stringify(lines[i]), JSON.stringify(ours[i].ids), JSON.stringify(expected));
  } else {
    const text = expected.length ? await decode(expected) : ''; // JavaScript's decodes no empty list
    if (text !== back[i].text && decoded++ < 5) console.log('decoded:', JSON.stringify(lines[i]), JSON.stringify(back[i].text), JSON.stringify(text));
  }
}
console.log(`${lines.length} texts, ${name}: ids differ in ${ids}, decoded texts in ${decoded}`);
