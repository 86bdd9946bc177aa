// Writes seeded random texts for compare_tokenizers.mjs, one JSON object a line: words of many scripts, marks, joined emoji,
// control and private characters, blanks of all kinds.   node tokenizer_texts.mjs OUT COUNT SEED
import fs from 'fs';

const [, , out, count, seed] = process.argv;
let state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n) | 1n;
function random() { // xorshift64
  state ^= BigInt.asUintN(64, state << 13n);
  state ^= state >> 7n;
  state ^= BigInt.asUintN(64, state << 17n);
  return Number(state & 0xffffffffn) / 4294967296;
}
for (let i = 0; i < 20; i++) random();
const int = (n) => Math.floor(random() * n);
const pick = (list) => list[int(list.length)];

const words = ['the', 'Hello', 'world', 'fine-tuning', "don't", "I'LL", "we've", 'tokenizer', 'naïve', 'café', 'ÜBER', 'straße',
  '日本語', '東京', '你好世界', '안녕하세요', 'Привет', 'мир', 'γειά', 'مرحبا', 'שלום', 'नमस्ते', 'ไทย', '😀', '👨‍👩‍👧‍👦', '🇩🇪🇫🇷',
  'e\u0301', 'ﬁ', '½', '①', 'ｆｕｌｌ', '\u00a0', '\u3000', '\u200b', '\u200d', '\ufeff', '1234567', '3.14', '100%', '$5',
  'http://a.b/c?d=e', '<s>', '</s>', '<|im_end|>', '[CLS]', '<unk>', '▁', '▁▁a', '__init__', 'x_1', 'fooBar', 'FOO', 'ab', '\r\n',
  '\n', '\n\n', '\t', '  ', '   ', '\u0000', '\u0085', '\u2028', 'Å', 'Å', 'İstanbul', 'ǅ', 'ß', 'ſ', "'ſ", '…', '—', '“q”',
  '\ufffd', '\u0300', '\u0301\u0323', '각', 'ㄱㅏ', '𝒜𝓑', '𐍈', 'ﷺ', '™', '㎏', '²', 'Ⅷ', 'ﾊﾝｶｸ', 'ヴ', 'カ\u3099', 'क्ष', 'ก็',
  '\u1100\u1161\u11a8'];
const ranges = [[32, 126], [32, 126], [97, 122], [0xa0, 0x24f], [0x250, 0x36f], [0x370, 0x52f], [0x590, 0x6ff], [0x900, 0xdff],
  [0xe00, 0xe7f], [0x1100, 0x11ff], [0x1e00, 0x1fff], [0x2000, 0x206f], [0x2070, 0x2bff], [0x3000, 0x30ff], [0x3130, 0x33ff],
  [0x4e00, 0x9fff], [0xac00, 0xd7a3], [0xf900, 0xffef], [0x1f300, 0x1faff], [0x1d400, 0x1d7ff], [0, 31], [0x10000, 0x1ffff],
  [0x20000, 0x2fa1f], [0, 0x10ffff]];
function character() {
  for (;;) {
    const [low, high] = pick(ranges);
    const code = low + int(high - low + 1);
    if (code < 0xd800 || code > 0xdfff) return String.fromCodePoint(code);
  }
}
const lines = [];
for (let i = 0; i < Number(count); i++) {
  let text = '';
  const parts = 1 + int(i % 10 === 0 ? 40 : 8);
  const mode = int(4);
  for (let k = 0; k < parts; k++) {
    if (mode === 0 || (mode === 3 && random() < 0.5)) text += pick(words) + (random() < 0.5 ? ' ' : '');
    else if (mode === 1) text += character();
    else {
      text += random() < 0.3 ? ' ' : '';
      text += character().repeat(random() < 0.1 ? 1 + int(6) : 1);
    }
  }
  lines.push(JSON.stringify({ text }));
}
fs.writeFileSync(out, lines.join('\n') + '\n');
